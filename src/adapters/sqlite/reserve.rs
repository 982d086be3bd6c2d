//! Room on the disk that is kept for endings: a file beside the log whose blocks are taken and hold
//! nothing. An ending that meets a full disk frees a slice of it and tries again; everything else
//! waits until the file is whole again.
//!
//! Owned by the thread that appends. Nobody reads or writes what is in it.

use super::place;
use ports::{Fault, FaultKind};
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use std::fs::{File, Metadata};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// 32 MiB: 16 MiB so that what stands in the write-ahead log can be copied into the log's file (it is
/// copied at 4,000 pages of 4 KiB), and 16 MiB for what is written then. An ending takes about 700
/// bytes there, with its share of a tile: some 24,000 of them, and a lease takes one to three.
pub(super) const LENGTH: u64 = 32 << 20;
/// What one full disk frees. Small, so that little is lost if another program takes it.
const SLICE: u64 = 1 << 20;
/// Beyond what is missing, the disk must have this much free before the file is made whole: else
/// each new entry would be refused and taken in turn.
const MARGIN: u64 = 4 << 20;

pub(super) struct Reserve {
    file: File,
    length: u64,
    /// Whether an append has met a full disk since the file was last found whole.
    short: bool,
    /// Whether the broker's own log says so.
    told: bool,
}

impl Reserve {
    /// Takes over the file beside the log, or makes one that holds no room yet.
    pub(super) fn open(log: &Path, length: u64) -> Result<Self, Fault> {
        let file = place::beside(log, ENDING).map_err(|error| {
            Fault::new(FaultKind::Permanent, "the room kept for endings cannot be opened").because(error)
        })?;
        Ok(Self { file, length, short: true, told: false })
    }

    /// Makes it whole if the disk has the room for it; says whether it is.
    pub(super) fn refill(&mut self) -> bool {
        if self.short {
            let refilled = self.try_refill();
            if let Err(error) = &refilled {
                tracing::debug!(%error, "the room kept for endings cannot be made whole");
            }
            self.short = !refilled.unwrap_or(false);
            self.tell();
        }
        !self.short
    }

    /// Once each way.
    fn tell(&mut self) {
        match (std::mem::replace(&mut self.told, self.short), self.short) {
            (false, true) => tracing::error!("the log's disk is full: only what ends something is recorded"),
            (true, false) => tracing::info!("the log's disk has room again"),
            (true, true) | (false, false) => {}
        }
    }

    fn try_refill(&mut self) -> io::Result<bool> {
        let held = self.held()?;
        let disk = fstatvfs(&self.file)?;
        let (missing, free) = (self.length.saturating_sub(held), disk.f_bavail.saturating_mul(disk.f_frsize));
        if free < missing.saturating_add(MARGIN) {
            return Ok(false);
        }
        if missing > 0 {
            self.take().or_else(|error| self.file.set_len(held).and(Err(error)))?;
            self.file.sync_all()?;
        }
        Ok(true)
    }

    /// Blocks for all of it. A file system that cannot promise blocks gets bytes to store.
    fn take(&mut self) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), 0, self.length) {
            Err(rustix::io::Errno::OPNOTSUPP) => {
                self.file.seek(SeekFrom::Start(0))?;
                io::copy(&mut io::Read::take(io::repeat(0), self.length), &mut self.file)?;
                self.file.flush()
            }
            taken => taken.map_err(io::Error::from),
        }
    }

    /// An append has met a full disk: from now on only endings are taken.
    pub(super) fn is_needed(&mut self) {
        self.short = true;
        self.tell();
    }

    /// Frees one slice; `false` if there is none left.
    pub(super) fn free_slice(&mut self) -> bool {
        self.is_needed();
        let freed = self.file.metadata().and_then(|found| {
            let left = found.len().saturating_sub(SLICE);
            // The sync makes the file system give the blocks out again at once.
            self.file.set_len(left).and_then(|()| self.file.sync_all()).map(|()| found.len() > 0)
        });
        freed.unwrap_or_else(|error| {
            tracing::error!(%error, "the room kept for endings cannot be freed");
            false
        })
    }

    fn held(&self) -> io::Result<u64> {
        self.file.metadata().map(|found| held(&found))
    }
}

/// Whether the room for endings is whole; `None` if no store has made it yet. For people who look from
/// outside.
///
/// # Errors
/// If it cannot be looked at.
pub fn room_is_whole(log: &Path) -> io::Result<Option<bool>> {
    match std::fs::metadata(place::name_beside(log, ENDING)) {
        Ok(found) => Ok(Some(held(&found) >= LENGTH)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes of which the blocks are taken. A copy of the file may have holes.
fn held(found: &Metadata) -> u64 {
    found.len().min(found.blocks().saturating_mul(512))
}

const ENDING: &str = ".reserve";
