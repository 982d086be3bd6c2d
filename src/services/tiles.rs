//! The public log as files (C2SP tlog-tiles): the checkpoint, tiles and entry bundles of what is
//! published, and never of what the store holds beyond. Entries are shown without their openings.
//!
//! Full tiles and entries come from the store, partial tiles of the right edge from memory.

use super::World;
use super::journal::Published;
use super::witnessed::Witnessed;
use domain::reason::{Denial, Reason};
use ports::LogStore;
use std::fmt;
use std::sync::Arc;
use tlog::hash::HASH_BYTES;
use tlog::tile::{Content, TILE_HEIGHT, TILE_WIDTH, TilePath, encode_entries, encode_hashes};

/// Reads the public log. Cheap to clone.
#[derive(Clone)]
pub struct PublicLog {
    store: Arc<dyn LogStore>,
    published: Arc<dyn Fn() -> Arc<Published> + Send + Sync>,
    witnessed: Witnessed,
}

impl PublicLog {
    /// The public side of this broker's log.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let journal = world.journal.clone();
        let log = Self::new(Arc::clone(&world.store), move || journal.published());
        Self { witnessed: world.witnessed.clone(), ..log }
    }

    /// The log in `store`, as far as `published` says.
    pub fn new(store: Arc<dyn LogStore>, published: impl Fn() -> Arc<Published> + Send + Sync + 'static) -> Self {
        Self { store, published: Arc::new(published), witnessed: Witnessed::default() }
    }

    /// The newest checkpoint that is shown: a signed note, as it is served. Where witnesses vouch for the
    /// log it is the newest that enough of them cosigned: what a stranger can believe, if a little older.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        match self.witnessed.newest() {
            Some(vouched) => vouched.text.clone(),
            None => (self.published)().checkpoint.clone(),
        }
    }

    /// The bytes behind a path; `None` if the published log does not reach so far.
    ///
    /// # Errors
    /// `LOG_UNAVAILABLE` if the store cannot be read, or lacks what is published.
    pub async fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, Denial> {
        let published = (self.published)();
        let level = if let Content::Hashes { level } = path.content() { level } else { 0 };
        if !reaches(published.edge.size(), level, path) {
            return Ok(None);
        }
        match path.content() {
            Content::Hashes { level } => self.hashes(&published, level, path).await.map(Some),
            Content::Entries => self.entries(path).await.map(Some),
        }
    }

    async fn hashes(&self, published: &Published, level: u8, path: TilePath) -> Result<Vec<u8>, Denial> {
        let width = usize::from(path.width());
        if path.number() == hashes_of(published.edge.size(), level) / TILE_WIDTH {
            let edge = published.edge.partial(level).get(..width);
            return edge.map(encode_hashes).ok_or_else(|| unreadable(&"the edge of the tree is too short"));
        }
        let tile = self.store.tile(level, path.number()).await.map_err(|fault| unreadable(&fault))?;
        let mut bytes = tile.ok_or_else(|| unreadable(&"a full tile is missing"))?;
        bytes.truncate(width * HASH_BYTES);
        if bytes.len() == width * HASH_BYTES { Ok(bytes) } else { Err(unreadable(&"a full tile is too short")) }
    }

    async fn entries(&self, path: TilePath) -> Result<Vec<u8>, Denial> {
        let width = u32::from(path.width());
        let first = path.number().saturating_mul(TILE_WIDTH);
        let stored = self.store.entries(first, width).await.map_err(|fault| unreadable(&fault))?;
        if stored.len() != width as usize {
            return Err(unreadable(&"entries are missing"));
        }
        let entries: Vec<Vec<u8>> = stored.into_iter().map(|entry| entry.bytes).collect();
        encode_entries(&entries).map_err(|error| unreadable(&error))
    }
}

/// Whether every hash or entry that the path names is in a tree of this size.
fn reaches(size: u64, level: u8, path: TilePath) -> bool {
    let first = path.number().checked_mul(TILE_WIDTH);
    let end = first.and_then(|first| first.checked_add(path.width().into()));
    end.is_some_and(|end| end <= hashes_of(size, level))
}

/// How many hashes a level has in a tree of this size.
fn hashes_of(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0)
}

fn unreadable(why: &dyn fmt::Display) -> Denial {
    tracing::error!(%why, "the public log could not be read");
    Denial::new(Reason::LogUnavailable, "the log could not be read")
}
