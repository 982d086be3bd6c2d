//! The only writer to the log. Everything that decides goes through it, so every decision stands on
//! a total order: decide, append, apply, publish, and only then answer.
//!
//! Nobody else appends. Readers take the published state and never wait for the writer.

mod denials;
mod fold;
mod lanes;
pub mod recent;
mod snapshot;
mod writer;

pub use fold::StartError;

use super::witnessed;
use arc_swap::ArcSwap;
use denials::Denials;
use domain::base::SpiffeId;
use domain::base::Time;
use domain::entry::Opening;
use domain::judge::Judge;
use domain::reason::{Denial, Reason};
use domain::state::{Command, Reply, State};
use ports::{Clock, Fault, FaultKind, LogStore, Shelf};
use recent::Recent;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tlog::checkpoint::Checkpoint;
use tlog::note::Signer;
use tlog::tree::Edge;
use tokio::sync::{mpsc, oneshot, watch};

/// What readers see: a durable state with the checkpoint over exactly its entries.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The fold of the log.
    pub state: State,
    /// Signed checkpoint over `state.size` entries.
    pub checkpoint: String,
    /// Right edge of the tree, for proofs.
    pub edge: Edge,
}

/// What one writer is made of.
pub struct Parts {
    /// Where the log lives.
    pub store: Arc<dyn LogStore>,
    /// Where its snapshot lies.
    pub shelf: Arc<dyn Shelf>,
    /// Time of the log.
    pub clock: Arc<dyn Clock>,
    /// The log's key.
    pub signer: Signer,
    /// The rules.
    pub judge: Arc<dyn Judge>,
    /// Operators until the first estate names some.
    pub bootstrap: Vec<SpiffeId>,
    /// `dev` or `prod`; a log keeps its mode for ever.
    pub mode: &'static str,
    /// Longest time that the engine works on one request, in seconds.
    pub engine_request_seconds_max: u64,
    /// The newest checkpoint that witnesses are known to have vouched for: the log begins with it.
    pub vouched: Option<Checkpoint>,
}

/// One thing to decide, with the openings of its commitments.
#[derive(Debug)]
pub struct Proposal {
    /// What.
    pub command: Command,
    /// Salts and values behind the command's commitments.
    pub openings: Vec<Opening>,
}

/// A durable decision.
#[derive(Debug)]
pub struct Durable {
    /// What the asker is told.
    pub reply: Reply,
    /// The first entry that followed; `None` if none did.
    pub recorded: Option<Recorded>,
    /// The state that holds it, with its checkpoint.
    pub published: Arc<Published>,
}

/// An entry of a durable decision, as it stands in the log.
#[derive(Debug)]
pub struct Recorded {
    /// Its index.
    pub index: u64,
    /// Its canonical bytes: who needs them at once need not ask the store.
    pub bytes: Vec<u8>,
}

/// Handle on the writer. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    queue: mpsc::Sender<Waiting>,
    published: Arc<ArcSwap<Published>>,
    size: watch::Receiver<u64>,
    recent: Arc<Recent>,
    denials: Arc<Denials>,
    key: Arc<str>,
    snapshot: Arc<SnapshotTaken>,
}

/// What the snapshot on the shelf is of.
struct SnapshotTaken {
    parts: Arc<Parts>,
    /// Size of the log in it; 0: there is none that a start could use.
    size: AtomicU64,
    /// Held by who takes one.
    taking: Mutex<()>,
}

struct Waiting {
    proposal: Proposal,
    answer: oneshot::Sender<Result<Durable, Denial>>,
}

/// Most proposals that wait; beyond it callers are told `OVERLOADED`.
const QUEUE_MAX: usize = 4_096;

impl Journal {
    /// Folds the log from the store and takes it over: the ordinary start is also the recovery.
    /// The returned future is the writer; it ends when every handle is gone, or when it is no
    /// longer known what the store holds.
    ///
    /// # Errors
    /// [`StartError`] if the log cannot be read, does not verify, or breaks a law.
    pub async fn start(parts: Parts) -> Result<(Self, impl Future<Output = WriterEnd> + Send + 'static), StartError> {
        let fold::Folded { published: folded, snapshot } = fold::fold(&parts).await?;
        // Before anything is appended: a log that was rolled back must not grow another end.
        if let Some(vouched) = &parts.vouched {
            witnessed::check(&*parts.store, &folded.edge, vouched).await?;
        }
        let parts = Arc::new(parts);
        let snapshot = SnapshotTaken { parts: Arc::clone(&parts), size: snapshot.into(), taking: Mutex::default() };
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (size_sender, size) = watch::channel(folded.state.size);
        let published = Arc::new(ArcSwap::from_pointee(folded));
        let key = parts.signer.verifier().to_string().into();
        let (recent, denials) = (Arc::<Recent>::default(), Arc::<Denials>::default());
        let journal = Self {
            queue,
            published: Arc::clone(&published),
            size,
            recent: Arc::clone(&recent),
            denials: Arc::clone(&denials),
            key,
            snapshot: Arc::new(snapshot),
        };
        let mut writer = writer::Writer { parts, published, size: size_sender, recent, denials };
        writer.take_over().await?;
        Ok((journal, writer.run(waiting)))
    }

    /// Proposes one thing and waits until the decision is durable.
    ///
    /// # Errors
    /// The [`Denial`] of the decision; `OVERLOADED` if too many wait; `LOG_UNAVAILABLE` if it
    /// could not be recorded, `STOPPING` if the writer is gone.
    pub async fn propose(&self, command: Command, openings: Vec<Opening>) -> Result<Durable, Denial> {
        let (answer, decided) = oneshot::channel();
        let waiting = Waiting { proposal: Proposal { command, openings }, answer };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Denial::new(Reason::Overloaded, "too many requests wait for the log"),
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        decided.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// What is durable now.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// The number of durable entries, and its changes.
    #[must_use]
    pub fn size(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }

    /// What was settled lately.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Denials that were counted instead of recorded, since the last call.
    #[must_use]
    pub fn take_denials(&self) -> BTreeMap<Reason, u64> {
        self.denials.take()
    }

    /// Signs what is published now, and puts it on the shelf for the next start. Blocks for as long as
    /// that takes; readers and the writer do not wait.
    ///
    /// # Errors
    /// The shelf's [`Fault`]: the snapshot before this one still stands.
    pub fn take_snapshot(&self) -> Result<(), Fault> {
        let SnapshotTaken { parts, size, taking } = &*self.snapshot;
        let _one_at_a_time = taking.lock().unwrap_or_else(PoisonError::into_inner);
        let published = self.published();
        if size.load(Ordering::SeqCst) == published.state.size {
            return Ok(());
        }
        let formless = || Fault::new(FaultKind::Permanent, "the state has no written form");
        let file = snapshot::write(&published, &parts.signer).ok_or_else(formless)?;
        parts.shelf.put(snapshot::NAME, &file.parts())?;
        size.store(published.state.size, Ordering::SeqCst);
        Ok(())
    }

    /// Size of the log in the snapshot that the next start would find; 0 if there is none.
    #[must_use]
    pub fn snapshot_size(&self) -> u64 {
        self.snapshot.size.load(Ordering::SeqCst)
    }

    /// Verifier key of the log.
    #[must_use]
    pub fn verifier_key(&self) -> &str {
        &self.key
    }

    /// Time of the last durable entry.
    #[must_use]
    pub fn last_time(&self) -> Time {
        self.published.load().state.time
    }
}

/// Why a writer ended.
#[derive(Debug, thiserror::Error)]
pub enum WriterEnd {
    /// Every handle is gone.
    #[error("the journal was closed")]
    Closed,
    /// It is not known what the store holds: the process must stop, and start by folding.
    #[error("the log's store is in an unknown state")]
    Lost(#[source] ports::AppendError),
}

fn stopping() -> Denial {
    Denial::new(Reason::Stopping, "the broker is stopping")
}
