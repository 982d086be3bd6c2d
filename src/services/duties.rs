//! The only driver: asks the state what is due, runs each duty at most once at a time in two lanes,
//! ending first, and lets the outcome become an entry that makes the duty vanish.
//!
//! A restart, the end of an outage and a normal day are the same call. Attempts and back-off are
//! memory only.

use super::World;
use super::close::Close;
use super::end::End;
use super::renew::Renew;
use super::tokens::Tokens;
use crate::domain::base::{Span, Time};
use crate::domain::state::{Command, Duty};
use crate::ports::{Fault, FaultKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Runs duties until it is cancelled.
pub struct Driver {
    world: World,
    verbs: Verbs,
    running: HashSet<Duty>,
    waiting: HashMap<Duty, Wait>,
    lanes: [Arc<Semaphore>; 2],
}

/// The verbs that duties call for.
#[derive(Clone)]
pub struct Verbs {
    /// Ends leases and tokens.
    pub end: End,
    /// Closes intents.
    pub close: Close,
    /// Prolongs leases.
    pub renew: Renew,
    /// Makes tokens.
    pub tokens: Tokens,
}

struct Wait {
    attempts: u32,
    until: Time,
}

/// Duties at once in each lane: ending, and all other.
const LANE_MAX: usize = 16;
const BACK_OFF_MIN: Duration = Duration::from_millis(200);
const BACK_OFF_MAX: Duration = Duration::from_secs(15);
/// Longest time between two looks, in case a wake-up was missed.
const LOOK_MAX: Duration = Duration::from_secs(5);

impl Driver {
    /// A driver with nothing running.
    #[must_use]
    pub fn new(world: World, verbs: Verbs) -> Self {
        let lane = || Arc::new(Semaphore::new(LANE_MAX));
        Self { world, verbs, running: HashSet::new(), waiting: HashMap::new(), lanes: [lane(), lane()] }
    }

    /// Drives until `stop`. What is running then is finished by the task tracker.
    pub async fn run(mut self, stop: CancellationToken) {
        let (done, mut finished) = mpsc::unbounded_channel();
        let mut size = self.world.journal.size();
        loop {
            self.start_due(&done);
            let sleep = tokio::time::sleep(self.until_next());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = size.changed() => if changed.is_err() { return },
                Some((duty, outcome)) = finished.recv() => self.note(duty, outcome),
                () = sleep => {}
            }
        }
    }

    fn start_due(&mut self, done: &mpsc::UnboundedSender<(Duty, Result<(), Fault>)>) {
        let now = self.world.clock.read().time;
        let published = self.world.journal.published();
        for duty in published.state.due(now) {
            let held_off = self.waiting.get(&duty).is_some_and(|wait| wait.until > now);
            if held_off || self.running.contains(&duty) {
                continue;
            }
            let [ending, other] = &self.lanes;
            let lane = if duty.is_ending() { ending } else { other };
            let Ok(place) = Arc::clone(lane).try_acquire_owned() else { continue };
            self.running.insert(duty);
            let (world, verbs, done) = (self.world.clone(), self.verbs.clone(), done.clone());
            self.world.tracker.spawn(async move {
                let outcome = carry_out(&world, &verbs, duty).await;
                drop(place);
                // The driver may be gone at the end; the next start finds the duty again.
                let _ = done.send((duty, outcome));
            });
        }
    }

    fn note(&mut self, duty: Duty, outcome: Result<(), Fault>) {
        self.running.remove(&duty);
        let now = self.world.clock.read().time;
        let published = self.world.journal.published();
        self.waiting.retain(|duty, wait| wait.until > now || published.state.still_due(*duty, now));
        if let Err(fault) = &outcome {
            tracing::warn!(?duty, error = %fault, "a duty is not done yet");
        }
        // A duty that says it is done and still stands would spin: it waits like a failed one.
        if outcome.is_err() || published.state.still_due(duty, now) {
            let attempts = self.waiting.get(&duty).map_or(0, |wait| wait.attempts);
            self.waiting.insert(duty, Wait { attempts: attempts + 1, until: now.plus(back_off(attempts)) });
        } else {
            self.waiting.remove(&duty);
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.world.clock.read().time;
        let deadline = self.world.journal.published().state.next_deadline(now);
        let retry = self.waiting.iter().filter(|(duty, _)| !self.running.contains(duty)).map(|(_, wait)| wait.until);
        let next = retry.chain(deadline).min();
        next.map_or(LOOK_MAX, |next| next.since(now).to_std().clamp(Duration::from_millis(1), LOOK_MAX))
    }
}

fn back_off(attempts: u32) -> Span {
    let factor = 1_u32 << attempts.min(10);
    let wait = BACK_OFF_MIN.saturating_mul(factor).min(BACK_OFF_MAX);
    Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

async fn carry_out(world: &World, verbs: &Verbs, duty: Duty) -> Result<(), Fault> {
    match duty {
        Duty::EndLease(lease) => verbs.end.lease(lease).await,
        Duty::CloseIntent(lease) => verbs.close.intent(lease).await,
        Duty::EndToken(task) => verbs.end.token(task).await,
        Duty::ProlongLease(lease) => verbs.renew.step(lease).await,
        Duty::MakeToken(task) => verbs.tokens.of(task).await.map(|_| ()).map_err(transient),
        Duty::ApproveByRule(_) | Duty::ExpireTask(_) | Duty::ExpireLease(_) | Duty::SettleLease(_) => {
            world.journal.propose(Command::Passed(duty), Vec::new()).await.map(|_| ()).map_err(transient)
        }
    }
}

fn transient(denial: crate::domain::reason::Denial) -> Fault {
    Fault::new(FaultKind::Transient, denial.sentence)
}
