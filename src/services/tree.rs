//! Hashes of the stored tree: what proofs and old heads are made of. Full tiles come from the store,
//! everything newer from the edge; no entry is read.

use ports::{Fault, FaultKind, LogStore};
use std::collections::BTreeMap;
use tlog::Hash;
use tlog::proof::{Plan, TiledNodes};
use tlog::tile::TileId;
use tlog::tree::{Edge, TreeHead};

/// The hashes of a proof in the tree up to `edge`.
///
/// # Errors
/// Of the store; `Permanent` if it lacks a tile that it must have.
pub async fn hashes(store: &dyn LogStore, edge: &Edge, plan: &Plan) -> Result<Vec<Hash>, Fault> {
    let mut tiles = BTreeMap::<TileId, Vec<u8>>::new();
    for id in plan.tiles(edge) {
        tiles.extend(store.tile(id.level, id.number).await?.map(|bytes| (id, bytes)));
    }
    plan.read(&TiledNodes { edge, tiles: &tiles })
        .map_err(|error| Fault::new(FaultKind::Permanent, "the log's tree has a hole").because(error))
}

/// The head that the log had when it had `size` entries, at most as many as the edge has.
///
/// # Errors
/// As [`hashes`].
pub async fn head_at(store: &dyn LogStore, edge: &Edge, size: u64) -> Result<TreeHead, Fault> {
    let root = hashes(store, edge, &Plan::root(size)).await?.pop();
    let root = root.ok_or_else(|| Fault::new(FaultKind::Permanent, "the log's tree has no root"))?;
    Ok(TreeHead { size, root })
}
