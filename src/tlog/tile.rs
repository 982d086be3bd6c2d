//! C2SP tlog-tiles: the names and the bytes of tiles and entry bundles.
//!
//! A tile is a run of 256 hashes of one level (fewer at the right edge); an entry bundle is the run
//! of 256 entries under a level 0 tile. Paths are relative to the log's URL prefix. This file only
//! names and encodes; what is in a tile is decided in `tree`.

use super::hash::{HASH_BYTES, Hash};
use std::fmt;
use std::str::FromStr;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Tree levels that one tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 256 * HASH_BYTES;
/// The longest entry that a bundle can carry: its length is a 16-bit number.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// The highest level that a path may name.
pub const LEVEL_MAX: u8 = 63;

/// One full tile by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level, from 0 (leaf hashes).
    pub level: u8,
    /// Number within the level, from 0.
    pub number: u64,
}

impl TileId {
    /// Where the full tile is served.
    #[must_use]
    pub fn path(&self) -> TilePath {
        TilePath { content: Content::Hashes { level: self.level }, number: self.number, width: TILE_WIDTH as u16 }
    }
}

/// What lies behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// `tile/<L>/…`: hashes of one level.
    Hashes {
        /// 0 to 63.
        level: u8,
    },
    /// `tile/entries/…`: an entry bundle.
    Entries,
}

/// A checked path `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`. `Display` writes it,
/// `FromStr` reads exactly what `Display` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    content: Content,
    number: u64,
    /// INVARIANT: 1 to 256; 256 is a full tile.
    width: u16,
}

/// A path that the specification does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tile path: expected tile/<level 0 to 63, or entries>/<number as x001/x234/067>[.p/<width 1 to 255>]")]
pub struct NotATilePath;

impl TilePath {
    /// Names a tile or bundle of the given width, 256 for a full one; `None` out of bounds.
    #[must_use]
    pub fn new(content: Content, number: u64, width: u16) -> Option<Self> {
        let level_is_known = !matches!(content, Content::Hashes { level } if level > LEVEL_MAX);
        let fits = level_is_known && (1..=TILE_WIDTH as u16).contains(&width);
        fits.then_some(Self { content, number, width })
    }

    /// What lies behind it.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// Number within its level, from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many hashes or entries: 1 to 255 in a partial one, 256 in a full one.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes { level } => write!(f, "tile/{level}/")?,
            Content::Entries => f.write_str("tile/entries/")?,
        }
        let mut scale = 1_000_u64.pow(self.number.checked_ilog(1_000).unwrap_or(0));
        while scale > 1 {
            write!(f, "x{:03}/", self.number / scale % 1_000)?;
            scale /= 1_000;
        }
        write!(f, "{:03}", self.number % 1_000)?;
        if u64::from(self.width) < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = NotATilePath;

    fn from_str(text: &str) -> Result<Self, NotATilePath> {
        let path = read_path(text).ok_or(NotATilePath)?;
        // One spelling each: this refuses signs, stray zeroes and a width of 256.
        if path.to_string() == text { Ok(path) } else { Err(NotATilePath) }
    }
}

fn read_path(text: &str) -> Option<TilePath> {
    let (content, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let content = match content {
        "entries" => Content::Entries,
        level => Content::Hashes { level: level.parse().ok()? },
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (rest, TILE_WIDTH as u16),
    };
    let mut value = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        value = value.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    TilePath::new(content, value, width)
}

/// The bytes of a tile, full or partial.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a *full* tile; `None` unless it has exactly 8,192 bytes.
#[must_use]
pub fn decode_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, _) = bytes.as_chunks();
    (bytes.len() == TILE_BYTES).then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// Why entries and bundles do not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is longer than 65,535 bytes.
    #[error("an entry of {0} bytes is longer than 65,535")]
    EntryTooLong(usize),
    /// More than 256 entries.
    #[error("an entry bundle holds at most 256 entries")]
    TooMany,
    /// The bytes end inside an entry.
    #[error("the entry bundle ends inside an entry")]
    CutOff,
}

/// The bytes of an entry bundle: each entry behind its length as a big-endian 16-bit number.
///
/// # Errors
/// [`BundleError`] for too long entries or too many of them.
pub fn encode_entries<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.len() as u64 > TILE_WIDTH {
        return Err(BundleError::TooMany);
    }
    let mut bundle = Vec::new();
    for entry in entries.iter().map(AsRef::as_ref) {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries of a bundle, in order.
///
/// # Errors
/// [`BundleError`] if the bytes end inside an entry or hold more than 256.
pub fn decode_entries(mut bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        if entries.len() as u64 == TILE_WIDTH {
            return Err(BundleError::TooMany);
        }
        let (length, rest) = bundle.split_first_chunk().ok_or(BundleError::CutOff)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(BundleError::CutOff)?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
