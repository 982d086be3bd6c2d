//! What an entry speaks of: the words under which it can be found again. Pure, and computed from the
//! entry's own fields alone; nothing is joined, so an entry that names only a lease is found by its
//! lease. Links are followed by whoever puts a story together (`audit::trace`).

use super::{Body, Entry};
use crate::base::{Digest, LeaseId, Name, SpiffeId, TaskId};

/// One word under which entries are found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mention {
    /// Entries about a task itself and its engine tokens.
    Task(TaskId),
    /// The intents of a task: its leases begin with them.
    LeasesOfTask(TaskId),
    /// Entries about a lease.
    Lease(LeaseId),
    /// The intents to issue a credential.
    LeasesOfCredential(Name),
    /// The tasks that an agent requested.
    TasksOfAgent(Name),
    /// The tasks in whose name a SPIFFE ID may draw secrets.
    TasksOfSubject(SpiffeId),
    /// What a SPIFFE ID did or was refused, besides requests of tasks, secrets and renewals: those are
    /// found by their task.
    Actor(SpiffeId),
    /// Declarations of an agent.
    AgentItem(Name),
    /// Declarations of a credential.
    CredentialItem(Name),
    /// The entry that put a version of the estate into force.
    Estate(u64),
}

impl Mention {
    /// Number of the kind, for a store: 1 to 10, never given to another kind.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Task(_) => 1,
            Self::LeasesOfTask(_) => 2,
            Self::Lease(_) => 3,
            Self::LeasesOfCredential(_) => 4,
            Self::TasksOfAgent(_) => 5,
            Self::TasksOfSubject(_) => 6,
            Self::Actor(_) => 7,
            Self::AgentItem(_) => 8,
            Self::CredentialItem(_) => 9,
            Self::Estate(_) => 10,
        }
    }

    /// Sixteen bytes that stand for the word within its kind: ids in order of time, so that a sorted
    /// store grows at its end; of texts the beginning of their SHA-256. Two texts with one key only cost
    /// a look at an entry that is not meant.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        match self {
            Self::Task(task) | Self::LeasesOfTask(task) => *task.as_bytes(),
            Self::Lease(lease) => *lease.as_bytes(),
            Self::LeasesOfCredential(name)
            | Self::TasksOfAgent(name)
            | Self::AgentItem(name)
            | Self::CredentialItem(name) => of_text(name.as_str()),
            Self::TasksOfSubject(id) | Self::Actor(id) => of_text(id.as_str()),
            Self::Estate(version) => u128::from(*version).to_be_bytes(),
        }
    }
}

fn of_text(text: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut().zip(Digest::of(&[text.as_bytes()]).as_bytes()).for_each(|(to, from)| *to = *from);
    key
}

impl Entry {
    /// Everything that the entry speaks of, each once.
    #[must_use]
    pub fn mentions(&self) -> Vec<Mention> {
        let mut found = Vec::with_capacity(4);
        match &self.body {
            Body::LeaseIntended(body) => found.extend([
                Mention::Lease(body.lease),
                Mention::LeasesOfTask(body.task),
                Mention::LeasesOfCredential(body.credential.clone()),
            ]),
            Body::TaskRequested(body) => found.extend([
                Mention::Task(body.task),
                Mention::TasksOfAgent(body.agent.clone()),
                Mention::TasksOfSubject(body.subject.clone()),
            ]),
            Body::EstateItemSet(body) => found.extend(item(&body.kind, &body.name)),
            Body::EstateItemRemoved(body) => found.extend(item(&body.kind, &body.name)),
            Body::EstateApplied(body) => found.push(Mention::Estate(body.version)),
            Body::AccessDenied(body) => found.extend(body.target.as_deref().and_then(target)),
            Body::EvidenceErasureRequested(body) => {
                found.extend(body.task.map(Mention::Task));
                found.extend(body.lease.map(Mention::Lease));
            }
            other => {
                found.extend(other.task().map(Mention::Task));
                found.extend(other.lease().map(Mention::Lease));
            }
        }
        found.extend(self.acts());
        found
    }

    fn acts(&self) -> Option<Mention> {
        let found_by_task =
            matches!(self.body, Body::TaskRequested(_) | Body::LeaseIntended(_) | Body::LeaseRenewed(_));
        if found_by_task { None } else { SpiffeId::parse(&self.actor.id).ok().map(Mention::Actor) }
    }
}

fn item(kind: &str, name: &str) -> Option<Mention> {
    let name = Name::parse(name).ok()?;
    match kind {
        "agent" => Some(Mention::AgentItem(name)),
        "credential" => Some(Mention::CredentialItem(name)),
        _ => None,
    }
}

/// The first word of a denial's target is the id that it concerned, if it concerned one.
fn target(text: &str) -> Option<Mention> {
    let word = text.split(' ').next()?;
    let task = TaskId::parse(word).ok().map(Mention::Task);
    task.or_else(|| LeaseId::parse(word).ok().map(Mention::Lease))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::entry::Actor;
    use crate::entry::bodies::{access, lease};
    use crate::reason::Reason;

    fn entry(id: &str, body: impl Into<Body>) -> Entry {
        let actor = Actor { id: id.into(), ..Actor::broker() };
        let (cause, commitments, request) = (None, Default::default(), None);
        Entry { actor, cause, commitments, request, time: Time::from_unix_seconds(1), body: body.into() }
    }

    #[test]
    fn a_denial_is_found_by_who_was_denied_and_by_the_task_that_was_asked_for() {
        let task = TaskId::new(Time::from_unix_seconds(1), [1; 10]);
        let denied = |target: &str| access::Denied {
            call: "c".into(),
            reason: Reason::NotFound,
            target: Some(target.to_owned()),
        };
        let by = "spiffe://example.org/agent/a";
        let actor = Mention::Actor(SpiffeId::parse(by).unwrap());
        let found = entry(by, denied(&format!("{task} ledger-ro"))).mentions();
        assert_eq!(found, [Mention::Task(task), actor.clone()]);
        assert_eq!(entry(by, denied("agent billing-bot")).mentions(), [actor]);
    }

    #[test]
    fn the_broker_is_nobody_to_be_looked_for_and_a_renewal_is_found_by_its_lease_alone() {
        let lease = LeaseId::new(Time::from_unix_seconds(1), [1; 10]);
        let time = Time::from_unix_seconds(2);
        let renewed = lease::Renewed { engine_expires: time, expires: time, lease };
        assert_eq!(entry("leasehold", renewed.clone()).mentions(), [Mention::Lease(lease)]);
        assert_eq!(entry("spiffe://example.org/agent/a", renewed).mentions(), [Mention::Lease(lease)]);
    }

    #[test]
    fn keys_of_ids_keep_the_order_of_time() {
        let at = |seconds| Mention::Lease(LeaseId::new(Time::from_unix_seconds(seconds), [9; 10])).key();
        assert!(at(1_700_000_000) < at(1_700_000_001));
        assert_ne!(Mention::Estate(1).key(), Mention::Estate(2).key());
    }
}
