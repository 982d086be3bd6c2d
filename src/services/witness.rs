//! To be witnessed: shows every new checkpoint to the witnesses of a policy, gathers their cosignatures,
//! and publishes the checkpoint once there are enough.
//!
//! A witness that saw another history than this log's is the end: nothing more is issued, and the
//! process stops. A witness that is away is asked again later, and the log goes on without it. After a start
//! nothing is issued until each witness has answered or could not be reached, or a quorum has cosigned.

mod ask;

pub use ask::Unasked;

use super::World;
use super::journal::Published;
use super::witnessed::{HistoryBroken, Vouched};
use domain::base::{Span, Time};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ports::{FaultKind, Keepsake, Witness, entropy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tlog::cosignature::WitnessKey;
use tlog::policy::Policy;
use tokio_util::sync::CancellationToken;

/// Asks witnesses.
pub struct Witnessing {
    world: World,
    policy: Policy,
    desks: Vec<Desk>,
    kept: Arc<dyn Keepsake>,
    draft: Draft,
}

/// A witness that can be asked, and its key.
pub struct Asked {
    /// The way to it.
    pub witness: Arc<dyn Witness>,
    /// Verifies its cosignatures.
    pub key: WitnessKey,
}

/// What is known of one witness. Memory only: after a start it says itself what it saw last.
struct Desk {
    asked: Arc<Asked>,
    /// Size that it cosigned last, as far as we know.
    cosigned_size: u64,
    /// It has answered since the start, or was away: what it remembers was asked for.
    is_asked: bool,
    failures: u32,
    not_before: Time,
}

/// A checkpoint on its way, with the lines of those that cosigned it already.
#[derive(Default)]
struct Draft {
    published: Option<Arc<Published>>,
    /// By place among the desks.
    lines: BTreeMap<usize, String>,
}

/// Most often. The log may grow faster; a round shows all that came to it.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// How long a round waits for the others once there are enough.
const STRAGGLERS_MAX: Duration = Duration::from_secs(1);
const BACK_OFF_MIN: Span = Span::from_seconds(1);
const BACK_OFF_MAX: Span = Span::from_seconds(300);

impl Witnessing {
    /// Shows the world's log to these witnesses of the policy, and keeps what they vouched for.
    #[must_use]
    pub fn new(world: World, policy: Policy, witnesses: Vec<Asked>, kept: Arc<dyn Keepsake>) -> Self {
        let desk = |asked| {
            let (asked, not_before) = (Arc::new(asked), Time::default());
            Desk { asked, cosigned_size: 0, is_asked: false, failures: 0, not_before }
        };
        Self { world, policy, desks: witnesses.into_iter().map(desk).collect(), kept, draft: Draft::default() }
    }

    /// Asks until `stop`, or until the history is found broken: then nothing more is issued from this
    /// moment on, `Witnessed::broken` says why, and the caller ends the process.
    pub async fn run(mut self, stop: CancellationToken) {
        let asking = async {
            loop {
                self.until_due().await;
                match self.round().await {
                    Ok(enough) => self.end_first_round(enough),
                    Err(broken) => return broken,
                }
                tokio::time::sleep(ROUND_INTERVAL).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            broken = asking => {
                tracing::error!(witness = %broken.witness, view = %broken.view, "the log's history is broken");
                self.world.witnessed.break_off(broken);
            }
        }
    }

    /// Until an entry is not covered and a witness may be asked for it.
    async fn until_due(&self) {
        let mut size = self.world.journal.size();
        // The sender lives as long as the journal, of which `self` holds a handle.
        let _ = size.wait_for(|size| *size > self.world.witnessed.size()).await;
        let earliest = self.desks.iter().map(|desk| desk.not_before).min().unwrap_or_default();
        tokio::time::sleep(earliest.since(self.world.clock.read().time).to_std()).await;
    }

    /// Opens issuing once what the witnesses remember was asked for. Who is away does not keep it shut: a
    /// quorum that cannot be had is seen as *unwitnessed*, after the start as on any other day.
    fn end_first_round(&self, enough: bool) {
        if !self.world.witnessed.in_first_round() || !(enough || self.desks.iter().all(|desk| desk.is_asked)) {
            return;
        }
        if enough {
            tracing::info!("the witnesses know this log: secrets are issued from now on");
        } else {
            tracing::warn!(
                "too few witnesses cosigned after the start: secrets are issued, and entries stay unwitnessed"
            );
        }
        self.world.witnessed.end_first_round();
    }

    /// Asks every witness that may be asked, once; says whether enough of them cosigned.
    async fn round(&mut self) -> Result<bool, HistoryBroken> {
        let published = self.world.journal.published();
        let same = self.draft.published.as_ref().is_some_and(|draft| draft.state.size == published.state.size);
        if !same {
            self.draft = Draft { published: Some(Arc::clone(&published)), lines: BTreeMap::new() };
        }
        let now = self.world.clock.read().time;
        let mut answers = FuturesUnordered::new();
        for (place, desk) in self.desks.iter().enumerate() {
            if desk.not_before <= now && !self.draft.lines.contains_key(&place) {
                let (world, published, asked) = (self.world.clone(), Arc::clone(&published), Arc::clone(&desk.asked));
                let size = desk.cosigned_size;
                answers.push(async move { (place, ask::ask(&world, &published, &asked, size).await) });
            }
        }
        let mut enough = false;
        loop {
            let next = answers.next();
            let answer = if enough {
                // Who is cut off here may have cosigned: the next answer is a conflict that says so.
                tokio::time::timeout(STRAGGLERS_MAX, next).await.ok().flatten()
            } else {
                next.await
            };
            let Some((place, answer)) = answer else { return Ok(enough) };
            if self.take(place, answer, published.state.size)? {
                enough = self.publish(&published).await || enough;
            }
        }
    }

    /// Takes in what a witness said; true if it is a cosignature.
    fn take(&mut self, place: usize, answer: Result<String, Unasked>, size: u64) -> Result<bool, HistoryBroken> {
        let Some(desk) = self.desks.get_mut(place) else { return Ok(false) };
        desk.is_asked |= !matches!(answer, Err(Unasked::Unproven(_)));
        match answer {
            Ok(lines) => {
                (desk.cosigned_size, desk.failures, desk.not_before) = (size, 0, Time::default());
                self.draft.lines.insert(place, lines);
                Ok(true)
            }
            Err(Unasked::Broken(view)) => Err(HistoryBroken { witness: desk.asked.witness.name().to_owned(), view }),
            Err(Unasked::Fault(fault) | Unasked::Unproven(fault)) => {
                desk.failures = desk.failures.saturating_add(1);
                let wait = back_off(desk.failures, entropy::bytes(&*self.world.entropy));
                desk.not_before = self.world.clock.read().time.plus(wait);
                let (witness, again_in_seconds) = (desk.asked.witness.name(), wait.seconds());
                let error = &fault as &dyn std::error::Error;
                if fault.kind == FaultKind::Transient {
                    tracing::warn!(witness, error, again_in_seconds, "a witness did not cosign");
                } else {
                    tracing::error!(witness, error, again_in_seconds, "a witness refuses to cosign");
                }
                Ok(false)
            }
        }
    }

    /// Publishes the draft if enough witnesses cosigned it; says whether they did.
    async fn publish(&self, published: &Published) -> bool {
        let text: String = std::iter::once(&published.checkpoint).chain(self.draft.lines.values()).cloned().collect();
        let checkpoint = match self.policy.judge(&text) {
            Ok(judged) if judged.quorum_met => judged.checkpoint,
            Ok(_) => return false,
            Err(error) => {
                tracing::error!(%error, "a cosigned checkpoint does not verify");
                return false;
            }
        };
        let (kept, copy) = (Arc::clone(&self.kept), text.clone());
        let keeping = self.world.tracker.spawn_blocking(move || kept.keep(&copy)).await;
        // It is vouched for all the same; only the check at the next start has an older one to go by.
        if let Ok(Err(fault)) = keeping {
            let error = &fault as &dyn std::error::Error;
            tracing::error!(error, "the cosigned checkpoint could not be kept");
        }
        tracing::debug!(size = checkpoint.size, "the log is witnessed");
        self.world.witnessed.publish(Vouched { checkpoint, text });
        true
    }
}

/// Twice as long after each failure, and between half of that and all of it, by chance.
fn back_off(failures: u32, chance: [u8; 4]) -> Span {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = (BACK_OFF_MIN.seconds() << doublings).min(BACK_OFF_MAX.seconds()) * 1_000;
    let half = longest / 2;
    Span::from_millis(half + u64::from(u32::from_be_bytes(chance)) % (half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_that_stays_away_is_asked_less_and_less_often_but_never_given_up() {
        let bounds = |failures| [[0; 4], [0xff; 4]].map(|chance| back_off(failures, chance));
        let [low, high] = bounds(1);
        assert!(low == Span::from_millis(500) && high <= Span::from_seconds(1));
        let [low, high] = bounds(4);
        assert!(low == Span::from_seconds(4) && high > low && high <= Span::from_seconds(8));
        for failures in [10, 100, u32::MAX] {
            let [low, high] = bounds(failures);
            assert!(low == Span::from_seconds(150) && high <= BACK_OFF_MAX);
        }
    }
}
