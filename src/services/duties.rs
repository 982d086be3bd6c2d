//! The only driver: asks the state what is due, runs each duty at most once at a time in lanes that
//! cannot starve each other (`turns`), and lets the outcome become an entry that makes it vanish.
//!
//! A restart, the end of an outage and a normal day are the same call. Attempts and back-off are
//! memory only.

mod turns;

use super::World;
use super::close::Close;
use super::end::End;
use super::renew::Renew;
use super::tokens::Tokens;
use domain::base::Name;
use domain::state::{Command, Duty, State};
use ports::{Fault, FaultKind};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use turns::Turns;

/// Runs duties until it is cancelled.
pub struct Driver {
    world: World,
    verbs: Verbs,
    turns: Turns,
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

/// Longest time between two looks, in case a wake-up was missed.
const LOOK_MAX: Duration = Duration::from_secs(5);

impl Driver {
    /// A driver with nothing running.
    #[must_use]
    pub fn new(world: World, verbs: Verbs) -> Self {
        Self { world, verbs, turns: Turns::default() }
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
            if !self.turns.start(duty, now, || credential_of(&published.state, duty)) {
                continue;
            }
            let (world, verbs, done) = (self.world.clone(), self.verbs.clone(), done.clone());
            let running = self.world.tracker.spawn(async move { carry_out(&world, &verbs, duty).await });
            self.world.tracker.spawn(async move {
                // A walk that breaks off must not hold its duty for ever.
                let broke_off = |_| Err(Fault::new(FaultKind::Ambiguous, "the walk of this duty broke off"));
                let outcome = running.await.unwrap_or_else(broke_off);
                // The driver may be gone at the end; the next start finds the duty again.
                let _ = done.send((duty, outcome));
            });
        }
    }

    fn note(&mut self, duty: Duty, outcome: Result<(), Fault>) {
        let now = self.world.clock.read().time;
        let published = self.world.journal.published();
        if let Err(fault) = &outcome {
            tracing::warn!(?duty, error = %fault, "a duty is not done yet");
        }
        // A duty that says it is done and still stands would spin: it waits like a failed one.
        let again = outcome.is_err() || published.state.still_due(duty, now);
        self.turns.finish(duty, again, now);
        self.turns.forget(now, |duty| published.state.still_due(duty, now));
    }

    fn until_next(&self) -> Duration {
        let now = self.world.clock.read().time;
        let deadline = self.world.journal.published().state.next_deadline(now);
        let next = self.turns.next_retry().into_iter().chain(deadline).min();
        next.map_or(LOOK_MAX, |next| next.since(now).to_std().clamp(Duration::from_millis(1), LOOK_MAX))
    }
}

/// What hangs or fails together: leases of one credential share a backend.
fn credential_of(state: &State, duty: Duty) -> Option<Name> {
    match duty {
        Duty::EndLease(id) | Duty::CloseIntent(id) | Duty::ProlongLease(id) => {
            state.leases.get(&id).map(|lease| lease.facts.credential.clone())
        }
        _ => None,
    }
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

fn transient(denial: domain::reason::Denial) -> Fault {
    Fault::new(FaultKind::Transient, denial.sentence)
}
