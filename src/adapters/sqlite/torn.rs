//! Whether the write-ahead log still holds what a broker that was killed had stored in it. SQLite
//! itself goes on with what is left, as if the rest had never been; but the index in `-shm` outlives
//! a killed process, and says how many frames were readable.
//!
//! Looked at before SQLite opens the file, because SQLite makes the index anew. Formats:
//! <https://sqlite.org/walformat.html>, sections 2 and 4.

use super::fault;
use super::place::name_beside;
use ports::Fault;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// What the index says.
struct Promise {
    /// Frames that were readable, counted from 1.
    frames: u32,
    page_size: usize,
    salt: [u8; 8],
    /// Running checksum behind the last of them.
    checksum: (u32, u32),
}

/// Refuses a log of which stored frames are gone.
pub(super) fn check(log: &Path) -> Result<(), Fault> {
    let Some(promise) = read(&name_beside(log, "-shm"), INDEX_LENGTH).and_then(|index| Promise::read(&index)) else {
        return Ok(());
    };
    let kept = File::open(name_beside(log, "-wal")).and_then(|file| promise.is_kept(BufReader::new(file)));
    if kept.unwrap_or(false) {
        return Ok(());
    }
    let sentence = format!(
        "what was stored last is gone: {} is missing, cut or changed. Put it back; or, where log.db itself is a copy \
         that you put here, remove what is left of -wal and -shm",
        name_beside(log, "-wal").display()
    );
    Err(fault::damaged(&sentence, &log.to_string_lossy()))
}

impl Promise {
    /// `None` if nothing is promised: no index, half of one, or all frames are in the log's file too.
    fn read(index: &[u8]) -> Option<Self> {
        let (first, second) = (index.get(..HEADER_LENGTH)?, index.get(HEADER_LENGTH..2 * HEADER_LENGTH)?);
        let number = |at: usize| Some(u32::from_ne_bytes(index.get(at..at + 4)?.try_into().ok()?));
        let is_whole = first == second && first.get(12) == Some(&1);
        let (frames, copied) = (number(16)?, number(2 * HEADER_LENGTH)?);
        let page_size = usize::from(u16::from_ne_bytes(index.get(14..16)?.try_into().ok()?));
        (is_whole && frames > copied).then_some(Self {
            frames,
            // 65,536 does not fit, and stands as 1.
            page_size: if page_size == 1 { 65_536 } else { page_size },
            salt: index.get(32..40)?.try_into().ok()?,
            checksum: (number(24)?, number(28)?),
        })
    }

    /// Walks the frames. A write-ahead log that has begun anew since is none of this index.
    fn is_kept(&self, mut wal: impl Read) -> io::Result<bool> {
        let mut header = [0; 32];
        wal.read_exact(&mut header)?;
        let big_endian = header.get(3).is_some_and(|last| last & 1 == 1);
        let mut sum = Sum { big_endian, pair: (0, 0) };
        sum.add(&header[..24]);
        if sum.pair != pair(&header[24..]) {
            return Ok(false);
        }
        if header[16..24] != self.salt {
            return Ok(true);
        }
        let (mut frame, mut page) = ([0; 24], vec![0; self.page_size]);
        for _ in 0..self.frames {
            wal.read_exact(&mut frame)?;
            wal.read_exact(&mut page)?;
            sum.add(&frame[..8]);
            sum.add(&page);
            if frame[8..16] != self.salt || sum.pair != pair(&frame[16..]) {
                return Ok(false);
            }
        }
        Ok(sum.pair == self.checksum)
    }
}

/// The running checksum over pairs of 32-bit words, in the byte order that the log's header names.
struct Sum {
    big_endian: bool,
    pair: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        let word = |bytes: [u8; 4]| if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        self.pair = pairs.iter().fold(self.pair, |(first, second), [a, b]| {
            let first = first.wrapping_add(word(*a)).wrapping_add(second);
            (first, second.wrapping_add(word(*b)).wrapping_add(first))
        });
    }
}

/// Checksums are stored big-endian.
fn pair(bytes: &[u8]) -> (u32, u32) {
    let (words, _) = bytes.as_chunks::<4>();
    match words {
        [first, second, ..] => (u32::from_be_bytes(*first), u32::from_be_bytes(*second)),
        _ => (0, 0),
    }
}

fn read(file: &Path, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

const HEADER_LENGTH: usize = 48;
/// Two headers and the checkpoint's progress.
const INDEX_LENGTH: u64 = 100;
