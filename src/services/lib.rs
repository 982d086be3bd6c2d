//! Use cases: one file is one verb. They see the outside through ports only, and the log through
//! the journal, its only writer.

pub mod close;
pub mod commit;
pub mod cosign;
pub mod duties;
pub mod end;
pub mod erase;
pub mod export;
pub mod history;
pub mod index;
pub mod issue;
pub mod journal;
pub mod publish;
pub mod receipt;
pub mod refusals;
pub mod renew;
pub mod snapshot;
pub mod tiles;
pub mod tokens;
pub mod trace;
pub mod tree;
pub mod view;
pub mod witness;
pub mod witnessed;

use ports::{Clock, Entropy, LogStore, Probe, SecretEngine};
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// The outside and the journal, as every use case needs them. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// The only writer.
    pub journal: journal::Journal,
    /// Time of the log.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The log's store, for reading.
    pub store: Arc<dyn LogStore>,
    /// Vault or OpenBao.
    pub engine: Arc<dyn SecretEngine>,
    /// A look at the backends.
    pub probe: Arc<dyn Probe>,
    /// What witnesses vouch for.
    pub witnessed: witnessed::Witnessed,
    /// Everything that runs on its own; `app` waits for it at the end.
    pub tracker: TaskTracker,
}
