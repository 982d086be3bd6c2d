//! The laws of a simulation: the log, folded by the offline verifier's own fold, against what is really
//! there. What is not accounted for, or is called dead and lives, breaks one.

use super::engine::Outside;
use super::store::SimDisk;
use leasehold::domain::base::{Digest, LeaseId, TaskId};
use leasehold::domain::entry::bodies::lease::Assurance;
use leasehold::domain::entry::{Body, Entry};
use leasehold::domain::state::State;
use leasehold::ports::LogStore as _;
use leasehold::tlog::leaf_hash;
use std::collections::{BTreeMap, BTreeSet};

/// What the log says so far.
pub(super) struct Laws {
    state: State,
    issued: BTreeMap<LeaseId, Named>,
    called_dead: BTreeMap<LeaseId, Assurance>,
    tokens: BTreeMap<u64, Token>,
    /// Every task that was requested.
    requested: BTreeSet<TaskId>,
}

/// What a lease is called outside.
struct Named {
    engine_lease: String,
    account: String,
}

struct Token {
    task: TaskId,
    accessor: String,
    tag: String,
    called_gone: bool,
}

impl Laws {
    pub(super) fn new() -> Self {
        Self {
            state: State::judging(),
            issued: BTreeMap::new(),
            called_dead: BTreeMap::new(),
            tokens: BTreeMap::new(),
            requested: BTreeSet::new(),
        }
    }

    /// Reads what the log has got since, and looks outside. `Err` names the law and who broke it.
    pub(super) async fn hold(&mut self, disk: &SimDisk, outside: &Outside) -> Result<(), String> {
        let store = disk.open();
        for stored in store.entries(self.state.size, u32::MAX).await.unwrap() {
            let openings = store.openings(stored.index).await.unwrap();
            let named = |field: &str| openings.iter().find(|(_, it)| it.field == field).map(|(_, it)| it.value.clone());
            let entry = Entry::read(&stored.bytes).map_err(|error| format!("entries are canonical: {error}"))?;
            let leaf = Digest::from_bytes(*leaf_hash(&stored.bytes).as_bytes());
            self.state.apply(&entry, leaf).map_err(|broken| format!("the log folds: {broken}"))?;
            self.note(stored.index, &entry.body, named);
        }
        self.every_account_is_accounted_for(outside)?;
        self.nothing_called_dead_lives(outside)?;
        self.no_token_called_gone_lives(outside)?;
        self.nothing_is_left_of_a_settled_task(outside)
    }

    /// It is over, with nothing left to prove.
    pub(super) fn is_settled(&self, task: TaskId) -> bool {
        self.requested.contains(&task) && !self.state.tasks.contains_key(&task)
    }

    /// That law alone, for a look at its teeth.
    pub(super) fn calls_dead_what_lives(&self, outside: &Outside) -> bool {
        self.nothing_called_dead_lives(outside).is_err()
    }

    fn note(&mut self, index: u64, body: &Body, named: impl Fn(&str) -> Option<String>) {
        match body {
            Body::TaskRequested(requested) => drop(self.requested.insert(requested.task)),
            Body::TokenMade(made) => {
                let (accessor, tag) = (named("accessor").unwrap(), named("tag").unwrap());
                self.tokens.insert(index, Token { task: made.task, accessor, tag, called_gone: false });
            }
            Body::TokenRevoked(gone) => self.tokens.get_mut(&gone.token).unwrap().called_gone = true,
            Body::LeaseIssued(issued) => {
                let named = Named { engine_lease: named("engine_lease").unwrap(), account: named("account").unwrap() };
                self.issued.insert(issued.lease, named);
            }
            Body::LeaseRevoked(revoked) => drop(self.called_dead.insert(revoked.lease, revoked.assurance)),
            _ => {}
        }
    }

    /// It is that of an open lease, or an open intent's whose task's token it is named after.
    fn every_account_is_accounted_for(&self, outside: &Outside) -> Result<(), String> {
        let explains = |name: &str| {
            self.state.leases.iter().any(|(id, lease)| match self.issued.get(id) {
                Some(named) => named.account == name,
                None => self.tags_of(lease.facts.task).any(|tag| name.starts_with(tag)),
            })
        };
        let stranger = accounts(outside).into_iter().find(|name| !explains(name));
        told("every account is accounted for", stranger)
    }

    fn nothing_called_dead_lives(&self, outside: &Outside) -> Result<(), String> {
        let accounts = accounts(outside);
        let lives = |(id, assurance): (&LeaseId, &Assurance)| {
            let named = &self.issued[id];
            let at_backend = *assurance == Assurance::EffectConfirmed && accounts.contains(&named.account);
            let at_engine = outside.with(|peers| peers.holds_lease(&named.engine_lease));
            (at_backend || at_engine).then(|| id.to_string())
        };
        told("nothing called dead lives", self.called_dead.iter().find_map(lives))
    }

    fn no_token_called_gone_lives(&self, outside: &Outside) -> Result<(), String> {
        let lives = |token: &&Token| token.called_gone && outside.with(|peers| peers.holds_token(&token.accessor));
        told("no token called gone lives", self.tokens.values().find(lives).map(|token| token.tag.clone()))
    }

    fn nothing_is_left_of_a_settled_task(&self, outside: &Outside) -> Result<(), String> {
        let over = |token: &&Token| self.is_settled(token.task);
        let left = |name: &String| self.tokens.values().filter(over).any(|token| name.starts_with(&token.tag));
        told("nothing is left of a settled task", accounts(outside).into_iter().find(left))
    }

    fn tags_of(&self, task: TaskId) -> impl Iterator<Item = &str> {
        self.tokens.values().filter(move |token| token.task == task).map(|token| token.tag.as_str())
    }
}

fn accounts(outside: &Outside) -> BTreeSet<String> {
    outside.with(|peers| peers.postgres.accounts().map(|(name, _)| name.to_owned()).collect())
}

fn told(law: &str, breach: Option<String>) -> Result<(), String> {
    breach.map_or(Ok(()), |breach| Err(format!("{law}: {breach}")))
}
