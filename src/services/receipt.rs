//! Receipts: offline-checkable proof that an entry is in the log, and proofs that a newer log
//! extends an older one. Built by whoever asks, never by the writer.

use super::World;
use super::journal::{Published, Recorded};
use super::tree;
use domain::entry::Opening;
use domain::reason::{Denial, Reason};
use std::ops::Range;
use tlog::Hash;
use tlog::peaks::Subtree;
use tlog::proof::Plan;
use tlog::receipt::Receipt;

/// A proof with what it proves.
#[derive(Debug, Clone)]
pub struct Proven {
    /// C2SP tlog-proof.
    pub receipt: Receipt,
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// Its openings, as far as they are shown.
    pub openings: Vec<Opening>,
    /// Whether enough witnesses cosigned the checkpoint in it.
    pub witnessed: bool,
}

/// Proves the entry at `index` in the published log. `openings`: those to show.
///
/// # Errors
/// `NOT_FOUND` beyond the end; `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn prove(world: &World, published: &Published, index: u64, openings: Vec<Opening>) -> Result<Proven, Denial> {
    if index >= published.state.size {
        return Err(Denial::not_found());
    }
    let stored = world.store.entries(index, 1).await.map_err(|fault| unreadable(&fault))?;
    let bytes = stored.into_iter().next().ok_or_else(Denial::not_found)?.bytes;
    prove_recorded(world, published, Recorded { index, bytes }, openings).await
}

/// Proves an entry that was recorded just now: the store is asked only for full tiles. Under the newest
/// checkpoint that witnesses vouch for, if it covers the entry; else under the log's own.
///
/// # Errors
/// As [`prove`].
pub async fn prove_recorded(
    world: &World,
    published: &Published,
    Recorded { index, bytes: entry }: Recorded,
    openings: Vec<Opening>,
) -> Result<Proven, Denial> {
    let covers = |size: u64| (index + 1..=published.state.size).contains(&size);
    let vouched = world.witnessed.newest().filter(|vouched| covers(vouched.checkpoint.size));
    let witnessed = vouched.is_some();
    let (size, checkpoint_text) = match vouched {
        Some(vouched) => (vouched.checkpoint.size, vouched.text.clone()),
        None => (published.state.size, published.checkpoint.clone()),
    };
    let plan = Plan::inclusion(index, size).map_err(|_| Denial::not_found())?;
    let proof = read(world, published, &plan).await?;
    Ok(Proven { receipt: Receipt { index, proof, checkpoint_text }, entry, openings, witnessed })
}

/// Proves that the log of `new` entries begins with the log of `old`.
///
/// # Errors
/// `FIELD_INVALID` for sizes out of range; `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn consistency(world: &World, published: &Published, old: u64, new: u64) -> Result<Vec<Hash>, Denial> {
    if new > published.state.size {
        return Err(Denial::of_field("new_size", format!("the log has {} entries", published.state.size)));
    }
    let plan = Plan::consistency(old, new).map_err(|_| Denial::of_field("old_size", "is beyond the newer size"))?;
    read(world, published, &plan).await
}

/// The fewest perfect subtrees over a range of the published log, in order.
///
/// # Errors
/// `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn subtrees(world: &World, published: &Published, range: Range<u64>) -> Result<Vec<Subtree>, Denial> {
    let plan = Plan::subtrees(range);
    let roots = read(world, published, &plan).await?;
    Ok(plan.nodes().zip(roots).map(|((from, height), root)| Subtree { from, height, root }).collect())
}

async fn read(world: &World, published: &Published, plan: &Plan) -> Result<Vec<Hash>, Denial> {
    tree::hashes(&*world.store, &published.edge, plan).await.map_err(|fault| unreadable(&fault))
}

fn unreadable(error: &dyn std::error::Error) -> Denial {
    tracing::error!(%error, "the log could not be read for a proof");
    Denial::new(Reason::LogUnavailable, "the log could not be read")
}
