//! Callers who were turned away before anyone knew who they are: counted by reason and summed up in
//! one entry a minute at the most, so that nobody can fill the log by knocking. With them the denials
//! of verified callers that the journal only counted.

use super::World;
use domain::base::Time;
use domain::entry::Body;
use domain::entry::bodies::access::Refused;
use domain::reason::Reason;
use domain::state::Command;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Shortest time between two entries.
const INTERVAL: Duration = Duration::from_secs(60);

/// Records what `take` has counted since its last call, until `stop`, and then once more.
pub async fn sum_up(world: World, take: impl Fn() -> BTreeMap<Reason, u64> + Send, stop: CancellationToken) {
    let mut sum = Sum { counts: BTreeMap::new(), since: world.clock.read().time };
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(INTERVAL) => false,
        };
        sum.add(take());
        sum.add(world.journal.take_denials());
        sum.record(&world).await;
        if stopped {
            return;
        }
    }
}

struct Sum {
    counts: BTreeMap<String, u64>,
    since: Time,
}

impl Sum {
    fn add(&mut self, taken: BTreeMap<Reason, u64>) {
        for (reason, count) in taken {
            *self.counts.entry(reason.to_string()).or_default() += count;
        }
    }

    /// What the log does not take now is kept for the next time.
    async fn record(&mut self, world: &World) {
        if self.counts.is_empty() {
            self.since = world.clock.read().time;
            return;
        }
        let refused = Refused { counts: self.counts.clone(), since: self.since };
        match world.journal.propose(Command::Note(Body::from(refused)), Vec::new()).await {
            Ok(_) => *self = Self { counts: BTreeMap::new(), since: world.clock.read().time },
            Err(denial) => tracing::warn!(reason = %denial.reason, "refused callers could not be recorded yet"),
        }
    }
}
