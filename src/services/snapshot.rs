//! When a snapshot is taken: after so many entries, and at an orderly stop. The next start then reads
//! it and the entries behind it, and not the whole log.
//!
//! It is a convenience of the start: whatever goes wrong here is a warning, and nothing waits for it.
//! What a snapshot is, and how a start uses it, is the journal's to know.

use super::journal::Journal;
use domain::state::State;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Entries after which a new snapshot is taken.
pub const SNAPSHOT_EVERY: u64 = 8_192;
/// A large state is written less often: after as many entries as this part of what is open.
const STATE_PART: u64 = 16;
/// A stop waits no longer for the last snapshot: without it the next start reads more entries.
const LAST_MAX: Duration = Duration::from_secs(5);

/// Takes snapshots of one journal, one at a time.
pub struct Snapshots {
    journal: Journal,
    tracker: TaskTracker,
}

impl Snapshots {
    /// Of this journal; the writing is done on a blocking thread that `tracker` waits for.
    #[must_use]
    pub fn new(journal: Journal, tracker: TaskTracker) -> Self {
        Self { journal, tracker }
    }

    /// Takes one whenever it is time, until `stop`; at once, if the start found none that it could use.
    pub async fn run(self, stop: CancellationToken) {
        let mut size = self.journal.size();
        // An attempt that failed is not repeated at once: what is full is not to be filled further.
        let mut tried = self.journal.snapshot_size();
        loop {
            // A statement of its own: nobody holds on to an old state while waiting.
            let due = due(&self.journal.published().state, tried);
            if let Some(entries) = due {
                tried = entries;
                self.take().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = size.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The last one, when nothing more will be written.
    pub async fn last(self) {
        if tokio::time::timeout(LAST_MAX, self.take()).await.is_err() {
            tracing::warn!("the last snapshot was not awaited; the next start reads more of the log");
        }
    }

    async fn take(&self) {
        let journal = self.journal.clone();
        let taken = self.tracker.spawn_blocking(move || journal.take_snapshot());
        match taken.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "no snapshot was taken; the next start reads more of the log");
            }
            Err(error) => tracing::error!(%error, "the taking of a snapshot broke off"),
        }
    }
}

/// The size of the log, if it is time for a snapshot of it.
fn due(state: &State, tried: u64) -> Option<u64> {
    let since = state.size.saturating_sub(tried);
    (since > 0 && (tried == 0 || since >= spacing(state))).then_some(state.size)
}

/// How many entries come between two snapshots of a state like this one.
#[must_use]
pub fn spacing(state: &State) -> u64 {
    let open = (state.leases.len() + state.tasks.len()) as u64;
    SNAPSHOT_EVERY.max(open / STATE_PART)
}
