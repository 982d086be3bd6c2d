//! What third parties vouch for: the newest checkpoint that a quorum of witnesses cosigned, for whoever
//! proves something with it; whether the witnesses were asked since the start; and whether the log's history
//! was found broken.
//!
//! Only `witness` changes it. Everyone reads it without waiting.

use super::World;
use super::{publish, tree};
use arc_swap::ArcSwapOption;
use domain::base::Time;
use domain::reason::{Denial, Reason};
use ports::{Fault, LogStore};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tlog::checkpoint::Checkpoint;
use tlog::monitor::SplitView;
use tlog::tree::Edge;

/// Handle on it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Witnessed(Arc<Inner>);

#[derive(Default)]
struct Inner {
    newest: ArcSwapOption<Vouched>,
    /// The witnesses were not asked since the start: nobody knows whether this log is the one they saw.
    first_round: AtomicBool,
    broken: OnceLock<HistoryBroken>,
}

/// A checkpoint that enough witnesses cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note with the cosignatures.
    pub text: String,
}

/// A witness saw another history of this log than the one that this broker writes.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the witness {witness} holds another history of this log than this broker: nothing more is issued. Keep the log and \
     its checkpoints as evidence, find out who restored, changed or copied the log, and restore the newest copy"
)]
pub struct HistoryBroken {
    /// Its name in the policy.
    pub witness: String,
    /// What it holds against what the log holds.
    #[source]
    pub view: SplitView,
}

/// Why a broker does not start on a log for which witnesses vouched once.
#[derive(Debug, thiserror::Error)]
pub enum NotVouchedFor {
    /// It has fewer entries than they saw.
    #[error(
        "the log was rolled back: it has {found} entries, and witnesses vouched for {vouched}. Restore the newest copy \
         of the log. If it is lost, this log is at its end: keep the .cosigned file as evidence and begin a new log \
         under a new origin"
    )]
    RolledBack {
        /// Entries that they saw.
        vouched: u64,
        /// Entries in the store.
        found: u64,
    },
    /// Its first entries are not those that they saw.
    #[error(
        "the log was changed: its first {size} entries are not those that witnesses vouched for. Keep it and the \
         .cosigned file as evidence, and restore the copy that they saw"
    )]
    Changed {
        /// Number of entries that they saw.
        size: u64,
    },
    /// The tree cannot be read.
    #[error("the log's tree cannot be read")]
    Unread(#[from] Fault),
}

impl Witnessed {
    /// As it was left at the last stop, with no witness to be asked.
    #[must_use]
    pub fn starting_with(vouched: Option<Vouched>) -> Self {
        let witnessed = Self::default();
        witnessed.0.newest.store(vouched.map(Arc::new));
        witnessed
    }

    /// As it was left at the last stop; nothing is issued until the witnesses were asked once.
    #[must_use]
    pub fn awaiting_witnesses(vouched: Option<Vouched>) -> Self {
        let witnessed = Self::starting_with(vouched);
        witnessed.0.first_round.store(true, Ordering::Release);
        witnessed
    }

    /// The newest checkpoint that enough witnesses cosigned.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Vouched>> {
        self.0.newest.load_full()
    }

    /// How many entries it covers; 0 if there is none.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.newest().map_or(0, |vouched| vouched.checkpoint.size)
    }

    /// What a witness holds against this log, if one does.
    #[must_use]
    pub fn broken(&self) -> Option<&HistoryBroken> {
        self.0.broken.get()
    }

    /// Whether anything may still be issued.
    ///
    /// # Errors
    /// `LOG_UNAVAILABLE` until the witnesses were asked once, `STOPPING` once the history was found broken.
    pub fn allows_issuing(&self) -> Result<(), Denial> {
        if self.broken().is_some() {
            return Err(Denial::new(Reason::Stopping, "a witness holds another history of the log: the broker stops"));
        }
        if self.in_first_round() {
            let sentence = "the broker has just started and asks its witnesses whether this is the log they saw";
            return Err(Denial::new(Reason::LogUnavailable, sentence));
        }
        Ok(())
    }

    /// Whether the witnesses are still to be asked for the first time since the start.
    pub(super) fn in_first_round(&self) -> bool {
        self.0.first_round.load(Ordering::Acquire)
    }

    pub(super) fn end_first_round(&self) {
        self.0.first_round.store(false, Ordering::Release);
    }

    pub(super) fn publish(&self, vouched: Vouched) {
        self.0.newest.store(Some(Arc::new(vouched)));
    }

    pub(super) fn break_off(&self, broken: HistoryBroken) {
        // The first finding is the one that is told.
        let _ = self.0.broken.set(broken);
    }
}

/// Time of the first entry that the newest cosigned checkpoint does not cover; `None` if it covers all.
///
/// # Errors
/// `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn unwitnessed_since(world: &World) -> Result<Option<Time>, Denial> {
    let Some(first) = publish::page(world, world.witnessed.size(), 1).await?.pop() else { return Ok(None) };
    Ok(Some(publish::entry(&first)?.time))
}

/// Whether the log up to `edge` begins with the log that witnesses vouched for.
///
/// # Errors
/// [`NotVouchedFor`], if it does not.
pub(super) async fn check(store: &dyn LogStore, edge: &Edge, vouched: &Checkpoint) -> Result<(), NotVouchedFor> {
    let size = vouched.size;
    if size > edge.size() {
        return Err(NotVouchedFor::RolledBack { vouched: size, found: edge.size() });
    }
    let head = tree::head_at(store, edge, size).await?;
    if head == vouched.head() { Ok(()) } else { Err(NotVouchedFor::Changed { size }) }
}
