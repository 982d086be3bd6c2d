//! One call to the peers, with what its room's fault makes of it. What arrives late is carried out at its
//! time, before anything later is answered.

use crate::sim::faults::{Faults, Happened, Plan, Twist};
use crate::sim::peers::Peers;
use crate::sim::seed::SimClock;
use leasehold::domain::base::Time;
use leasehold::ports::{Fault, FaultKind};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The peers and the lines to them. Clones are the same.
#[derive(Clone)]
pub(crate) struct Outside {
    clock: Arc<Mutex<SimClock>>,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    peers: Peers,
    faults: Faults,
    /// Under way, by the time of arrival.
    late: BTreeMap<(Time, u64), Work>,
    sent: u64,
    /// The broker that calls now is told so when it dies.
    death: Arc<Notify>,
}

type Work = Box<dyn FnOnce(&mut Peers) + Send>;

/// A place where a call can go wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    name: &'static str,
    /// What may be concluded when no answer comes.
    unanswered: FaultKind,
}

impl Room {
    /// No answer means that nothing happened.
    pub(crate) const fn looks(name: &'static str) -> Self {
        Self { name, unanswered: FaultKind::Transient }
    }

    /// No answer means that nobody knows.
    pub(crate) const fn changes(name: &'static str) -> Self {
        Self { name, unanswered: FaultKind::Ambiguous }
    }

    fn no_word(self) -> Fault {
        Fault::new(self.unanswered, format!("the line broke off in {}", self.name))
    }
}

impl Outside {
    pub(crate) fn new(clock: SimClock, peers: Peers, plan: Plan) -> Self {
        let inside = Inside { peers, faults: Faults::new(plan), late: BTreeMap::new(), sent: 0, death: Arc::default() };
        Self { clock: Arc::new(Mutex::new(clock)), inside: Arc::new(Mutex::new(inside)) }
    }

    /// Another broker calls from now on, by this clock. Tells of its death.
    pub(crate) fn begin_life(&self, clock: SimClock) -> Arc<Notify> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = clock;
        let death = Arc::<Notify>::default();
        self.inside().death = Arc::clone(&death);
        death
    }

    /// Looks or reaches behind the lines: without any fault, at the present time.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Peers) -> T) -> T {
        look(&mut self.settled().peers)
    }

    pub(crate) fn happened(&self) -> Vec<Happened> {
        self.inside().faults.happened().to_vec()
    }

    pub(crate) fn passed(&self) -> BTreeMap<&'static str, u32> {
        self.inside().faults.passed().clone()
    }

    /// Nothing more goes wrong; what is under way still arrives.
    pub(crate) fn end_faults(&self) {
        self.inside().faults.end();
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// A call to PostgreSQL.
    pub(crate) async fn of_postgres<T, W>(&self, room: Room, work: W) -> Result<T, Fault>
    where
        T: Send,
        W: Fn(&mut Peers) -> Result<T, Fault> + Send + 'static,
    {
        self.call(room, work).await
    }

    pub(crate) async fn call<T, W>(&self, room: Room, work: W) -> Result<T, Fault>
    where
        T: Send,
        W: Fn(&mut Peers) -> Result<T, Fault> + Send + 'static,
    {
        let pause = {
            let mut inside = self.settled();
            match inside.faults.pass(room.name) {
                None => return work(&mut inside.peers),
                Some(Twist::Fail) => return Err(Fault::new(FaultKind::Transient, "the line could not be opened")),
                Some(Twist::LoseAnswer) => {
                    let _lost = work(&mut inside.peers);
                    return Err(room.no_word());
                }
                Some(Twist::Twice) => {
                    let _first = work(&mut inside.peers);
                    return work(&mut inside.peers);
                }
                Some(Twist::Halfway) => {
                    inside.peers.hung_up = true;
                    let _lost = work(&mut inside.peers);
                    inside.peers.hung_up = false;
                    return Err(room.no_word());
                }
                Some(Twist::Late(by)) => {
                    inside.sent += 1;
                    let arrival = (self.now().plus(by), inside.sent);
                    inside.late.insert(arrival, Box::new(move |peers| drop(work(peers))));
                    return Err(room.no_word());
                }
                Some(Twist::Crash { done }) => {
                    if done {
                        let _lost = work(&mut inside.peers);
                    }
                    inside.death.notify_one();
                    None
                }
                Some(Twist::SlowAnswer(by)) => Some((by, Some(work(&mut inside.peers)))),
                Some(Twist::Slow(by)) => Some((by, None)),
            }
        };
        let Some((by, answer)) = pause else { return std::future::pending().await };
        SimClock::pass(by).await;
        answer.unwrap_or_else(|| work(&mut self.settled().peers))
    }

    fn settled(&self) -> MutexGuard<'_, Inside> {
        let (now, mut inside) = (self.now(), self.inside());
        while let Some(arrival) = inside.late.first_entry().filter(|first| first.key().0 <= now) {
            let ((at, _), work) = arrival.remove_entry();
            inside.peers.settle(at);
            work(&mut inside.peers);
        }
        inside.peers.settle(now);
        inside
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
