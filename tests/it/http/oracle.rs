//! A client on the crate `tlog_tiles` proves inclusion and consistency from what is served. Only its
//! mathematics are taken: its paths are an older form (`tile/8/0/…`).

use super::site::{Site, entry, path};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use tlog_tiles::{
    Checkpoint, Error, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash,
};
use tokio::runtime::Handle;

/// Fetches tiles over HTTP, and counts them.
struct Fetcher<'a> {
    site: &'a Site,
    fetched: Cell<usize>,
}

impl TileReader for Fetcher<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        self.fetched.set(self.fetched.get() + tiles.len());
        let fetch = |tile: &Tile| {
            let path = path(&tile.level().to_string(), tile.level_index(), tile.width().into());
            tokio::task::block_in_place(|| Handle::current().block_on(self.site.bytes(&path)))
        };
        Ok(tiles.iter().map(fetch).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The signed head, as the foreign reader reads it.
async fn head(site: &Site) -> (u64, Hash) {
    let text = site.bytes("checkpoint").await;
    let body = text.split_inclusive(|byte| *byte == b'\n').take(3).flatten().copied().collect::<Vec<u8>>();
    let checkpoint = Checkpoint::from_bytes(&body).unwrap();
    (checkpoint.size(), *checkpoint.hash())
}

/// Proves an entry to be in the log that is served, and the log to extend one that was served before.
async fn prove(site: &Site, index: u64, old: (u64, Hash)) -> usize {
    let (size, root) = head(site).await;
    let tiles = Fetcher { site, fetched: Cell::new(0) };
    let reader = TileHashReader::new(size, root, &tiles);
    let proof = prove_record(size, index, &reader).unwrap();
    let leaf = record_hash(&entry(index));
    check_record(&proof, size, root, index, leaf).unwrap_or_else(|error| panic!("{index} in {size}: {error}"));
    let other = record_hash(b"another");
    assert!(check_record(&proof, size, root, index, other).is_err(), "{index} in {size} with another leaf");
    let proof = prove_tree(size, old.0, &reader).unwrap();
    check_tree(&proof, size, root, old.0, old.1).unwrap_or_else(|error| panic!("{} in {size}: {error}", old.0));
    assert!(check_tree(&proof, size, root, old.0, other).is_err(), "{} in {size} with another root", old.0);
    tiles.fetched.get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_entry_and_any_older_log_is_proven_at_every_size_up_to_600() {
    let mut site = Site::open().await;
    let mut chance = TestRunner::deterministic();
    let (mut heads, mut fetched) = (Vec::new(), 0);
    for size in 1..=600 {
        site.grow_to(size).await;
        heads.push(head(&site).await);
        let (index, old) = (0..size, 0..size as usize).new_tree(&mut chance).unwrap().current();
        fetched += prove(&site, index, heads[old]).await;
    }
    assert!(fetched > 600, "{fetched} tiles were fetched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiles_of_three_levels_prove_as_well() {
    let mut site = Site::open().await;
    let mut chance = TestRunner::deterministic();
    let mut heads = Vec::new();
    for size in [65_535, 65_536, 65_537, 65_792, 65_793, 70_000, 131_072, 131_329] {
        site.grow_to(size).await;
        heads.push(head(&site).await);
        for _ in 0..8 {
            let strategy = (prop_oneof![0..size, size - 1..size, 65_280..size], 0..heads.len());
            let (index, old) = strategy.new_tree(&mut chance).unwrap().current();
            prove(&site, index, heads[old]).await;
        }
    }
}
