//! What is closed leaves nothing: state and snapshot grow with what is open, never with age.

use super::super::desk::{Desk, ESTATE, name};
use crate::base::{Digest, LeaseId, Span, SpiffeId, TaskId, Time};
use crate::entry::bodies::lease::{Expired, Intended, Issued, Revocability};
use crate::entry::bodies::{log, task, token};
use crate::entry::{Actor, Body, Commitments, Entry, RequestMark};
use crate::state::{State, limits};

const LEASES_PER_TASK: u64 = 250;
const DAY: u64 = limits::REMEMBER.seconds();

/// A log that is only folded.
struct Years {
    state: State,
    now: Time,
    marks: u64,
}

impl Years {
    /// Begins with the estate of the desk in force.
    fn new() -> Self {
        assert!(ESTATE.contains("credential.motd"));
        let desk = Desk::new();
        Self { state: desk.state, now: desk.now, marks: 0 }
    }

    fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Span::from_seconds(seconds));
    }

    fn add(&mut self, actor: &Actor, body: impl Into<Body>) -> Digest {
        let body = body.into();
        self.marks += 1;
        let mark = Digest::of(&[b"mark", &self.marks.to_be_bytes()]);
        let request = body.answers_a_request().then_some(RequestMark { content: mark, id: mark });
        let (actor, commitments) = (actor.clone(), Commitments::new());
        let entry = Entry { actor, cause: None, commitments, request, time: self.now, body };
        self.state.apply(&entry, mark).unwrap();
        mark
    }

    fn chance(&self) -> [u8; 10] {
        let mut chance = [0; 10];
        chance[..8].copy_from_slice(&self.marks.to_be_bytes());
        chance
    }

    /// A task with so many leases, from its request to its end. The values are of the kind that ends
    /// without a proof: it takes the fewest entries.
    fn task(&mut self, leases: u64) {
        let (broker, id) = (Actor::broker(), "spiffe://example.org/agent/billing-bot");
        let bot = Actor { id: id.into(), ..Actor::broker() };
        let task = TaskId::new(self.now, self.chance());
        let (until, ends) = (self.now.plus(Span::from_seconds(600)), self.now.plus(Span::from_seconds(600)));
        let requested = task::Requested {
            agent: name("billing-bot"),
            credentials: vec![name("motd")],
            estate_version: 1,
            needs: vec![],
            purpose_code: "reconcile".into(),
            subject: SpiffeId::parse(id).unwrap(),
            task,
            window_seconds: 600,
        };
        let digest = self.add(&bot, requested);
        self.add(&broker, task::Approved { digest, rule: Some("low-sensitivity".into()), task, teams: vec![], until });
        self.add(&broker, token::Made { engine_request: "r".into(), expires: ends, policies: vec![], task });
        let token = self.state.size - 1;
        self.add(&broker, task::Activated { ends, task });
        let ids: Vec<LeaseId> = (0..leases).map(|_| self.lease(&bot, task, ends)).collect();
        self.add(&bot, task::Completed { task });
        for lease in ids {
            self.add(&broker, Expired { lease, revocability: Revocability::RotateOnly });
        }
        self.add(&broker, token::Revoked { task, token });
        assert!(self.state.tasks.is_empty() && self.state.leases.is_empty());
    }

    fn lease(&mut self, bot: &Actor, task: TaskId, expires: Time) -> LeaseId {
        let (lease, revocability) = (LeaseId::new(self.now, self.chance()), Revocability::RotateOnly);
        let (credential, estate_version, supersedes) = (name("motd"), 1, None);
        self.add(bot, Intended { credential, estate_version, expires, lease, revocability, supersedes, task });
        let issued = Issued {
            engine_expires: None,
            engine_request: "r".into(),
            expires,
            lease,
            renewable: false,
            revocability,
            serial: None,
            value_version: Some(1),
        };
        self.add(&Actor::broker(), issued);
        lease
    }

    /// Some entry is folded a day later: any.
    fn a_day_later(&mut self) {
        self.later(DAY);
        self.add(&Actor::broker(), log::BrokerStopped { epoch: 1 });
    }

    fn bytes(&self) -> usize {
        self.state.to_snapshot().unwrap().len()
    }
}

#[test]
fn fifty_thousand_closed_leases_leave_nothing_but_their_numbers() {
    let (mut few, mut many) = (Years::new(), Years::new());
    few.task(1);
    for _ in 0..200 {
        many.task(LEASES_PER_TASK);
        many.later(100);
    }
    assert_eq!(many.state.counts.of(crate::entry::body::Type::LeaseIssued), 50_000);
    // For a day the request of a task and its end are remembered, and how fast the agent may go on.
    assert_eq!((few.state.requests.len(), many.state.requests.len()), (3, 1 + 2 * 200), "with the estate's own");
    assert_eq!(many.state.pace.len(), 1);
    few.a_day_later();
    many.a_day_later();
    assert_eq!((few.state.requests.len(), many.state.requests.len()), (0, 0));
    assert!(many.state.agenda.is_empty() && many.state.bound.is_empty() && many.state.aging.is_empty());
    // The numbers of entries have more digits: two bytes more for each of the few types, and for the size.
    assert!(many.bytes() - few.bytes() <= 2 * 12, "{} and {} bytes", few.bytes(), many.bytes());
    // Against a log in which nothing was ever asked for: the names of these types, and the agent's pace.
    let mut none = Years::new();
    none.a_day_later();
    assert!(many.bytes() - none.bytes() < 300, "{} and {} bytes", none.bytes(), many.bytes());
}
