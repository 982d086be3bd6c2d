//! Follows the links of a trace: what to look up first, and what follows from what was found. Whoever
//! drives it answers queries until none is left; nothing here reads anything.

use super::{Part, Subject};
use crate::bundle::{Disclosed, Shown};
use domain::base::{LeaseId, TaskId};
use domain::entry::{Body, Entry, Mention, Opening};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One thing to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Entries that mention this.
    pub mention: Mention,
    /// Which of them.
    pub reach: Reach,
}

/// Which of the entries that mention something are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The first `limit` from `index` on, ascending.
    From {
        /// First index.
        index: u64,
        /// How many at most.
        limit: usize,
    },
    /// The last one before this index.
    LastBefore(u64),
}

/// An entry that was looked up.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its index.
    pub index: u64,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// Its openings, as far as they are shown.
    pub openings: Vec<Opening>,
}

impl Found {
    /// An entry of a bundle.
    #[must_use]
    pub fn shown(shown: &Shown<'_>) -> Self {
        let entry_type = Entry::read(shown.entry).map(|entry| entry.body.type_name()).unwrap_or_default();
        let opening = |disclosed: &Disclosed| {
            let (field, value) = (disclosed.field.clone(), disclosed.value.clone());
            Some(Opening { entry_type: entry_type.into(), field, salt: disclosed.salt_bytes()?, value })
        };
        let openings = shown.openings.iter().filter_map(opening).collect();
        Self { index: shown.index, bytes: shown.entry.to_vec(), openings }
    }
}

/// An entry of the story.
#[derive(Debug, Clone)]
pub struct Step {
    /// The entry as found.
    pub found: Found,
    /// The same, read.
    pub entry: Entry,
    /// What part of the story it tells.
    pub part: Part,
    /// The task to whose story it belongs, if it names one or its lease does.
    pub task: Option<TaskId>,
    /// The lease, if it names one.
    pub lease: Option<LeaseId>,
}

/// Everything that was gathered.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// Ascending by index, each once.
    pub steps: Vec<Step>,
    /// From where to ask on; `None` if this is all.
    pub next_index: Option<u64>,
    /// What has more entries than are shown here.
    pub cut: Vec<String>,
}

/// The stories begin here: intents of a credential, requests of an agent or identity.
struct Heads {
    limit: usize,
    /// Entries that were found for the queries of the subject itself, which are cut to a page.
    found: BTreeMap<u64, (Found, Entry)>,
    /// Queries that are not answered yet.
    open: usize,
}

/// Gathers the entries of a trace.
pub struct Gathering {
    heads: Heads,
    wanted: VecDeque<Query>,
    asked: BTreeSet<(Mention, Option<u64>)>,
    entries: BTreeMap<u64, (Found, Entry)>,
    next_index: Option<u64>,
    cut: BTreeSet<String>,
    /// Whether a task is told with all its leases, or only with those that are asked for.
    whole_tasks: bool,
}

/// Entries about one task, lease or name.
const EACH_MAX: usize = 2_000;
/// Entries in one trace; what goes beyond is said.
const STEPS_MAX: usize = 20_000;
/// Stories on one page at most.
pub const PAGE_MAX: usize = 100;

impl Gathering {
    /// Begins a trace. Of a credential, agent or identity, which have many stories, `limit` are told (at
    /// most [`PAGE_MAX`]), from the entry `from` on; of a task so many leases.
    #[must_use]
    pub fn new(subject: &Subject, from: u64, limit: usize) -> Self {
        let limit = limit.clamp(1, PAGE_MAX);
        let whole_tasks = !matches!(subject, Subject::Lease(_) | Subject::Credential(_));
        let heads = Heads { limit, found: BTreeMap::new(), open: 0 };
        let (wanted, asked, entries, cut) = (VecDeque::new(), BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        let mut it = Self { heads, wanted, asked, entries, next_index: None, cut, whole_tasks };
        match subject {
            Subject::Task(task) => {
                it.all(Mention::Task(*task));
                it.head(Mention::LeasesOfTask(*task), from);
            }
            Subject::Lease(lease) => it.all(Mention::Lease(*lease)),
            Subject::Credential(name) => {
                it.all(Mention::CredentialItem(name.clone()));
                it.head(Mention::LeasesOfCredential(name.clone()), from);
            }
            Subject::SpiffeId(id) => {
                it.head(Mention::TasksOfSubject(id.clone()), from);
                it.head(Mention::Actor(id.clone()), from);
            }
            Subject::Agent(name) => {
                it.all(Mention::AgentItem(name.clone()));
                it.head(Mention::TasksOfAgent(name.clone()), from);
            }
        }
        it
    }

    /// What to look up next; answer each with [`Gathering::take`]. Empty when all is gathered.
    pub fn wanted(&mut self) -> Vec<Query> {
        self.cut_short();
        self.wanted.drain(..).collect()
    }

    /// The same one by one: nothing more is wanted as soon as the trace is full.
    pub fn next_wanted(&mut self) -> Option<Query> {
        self.cut_short();
        self.wanted.pop_front()
    }

    fn cut_short(&mut self) {
        if self.entries.len() >= STEPS_MAX && !self.wanted.is_empty() {
            self.wanted.clear();
            self.cut.insert("the trace as a whole".into());
        }
    }

    /// Takes the answer to a query, ascending. What cannot be read, or was found by mistake, is left out.
    pub fn take(&mut self, query: &Query, answer: Vec<Found>) {
        let is_head = self.is_head(query);
        if let Reach::From { limit, .. } = query.reach
            && answer.len() >= limit
            && !is_head
        {
            self.cut.insert(words(&query.mention));
        }
        let read = |found: Found| Some((Entry::read(&found.bytes).ok()?, found));
        let meant = answer.into_iter().filter_map(read).filter(|(entry, _)| entry.mentions().contains(&query.mention));
        for (entry, found) in meant.collect::<Vec<_>>() {
            if is_head {
                self.heads.found.insert(found.index, (found, entry));
            } else {
                self.keep(found, entry);
            }
        }
        if is_head {
            self.heads.open -= 1;
            if self.heads.open == 0 {
                self.cut_page();
            }
        }
    }

    /// What was gathered.
    #[must_use]
    pub fn finish(self) -> Gathered {
        let steps = steps(self.entries.into_values().map(|(found, _)| found));
        Gathered { steps, next_index: self.next_index, cut: self.cut.into_iter().collect() }
    }

    /// Each list of heads holds its first `limit + 1`, so their union holds its own first ones too.
    fn cut_page(&mut self) {
        let mut heads = std::mem::take(&mut self.heads.found).into_values();
        for (found, entry) in heads.by_ref().take(self.heads.limit) {
            self.keep(found, entry);
        }
        self.next_index = heads.next().map(|(found, _)| found.index);
    }

    fn keep(&mut self, found: Found, entry: Entry) {
        self.follow(found.index, &entry.body);
        self.entries.insert(found.index, (found, entry));
    }

    fn follow(&mut self, index: u64, body: &Body) {
        match body {
            Body::LeaseIntended(body) => {
                self.all(Mention::Lease(body.lease));
                self.all(Mention::Task(body.task));
                self.last(Mention::CredentialItem(body.credential.clone()), index);
                self.all(Mention::Estate(body.estate_version));
            }
            Body::TaskRequested(body) => {
                self.last(Mention::AgentItem(body.agent.clone()), index);
                for credential in &body.credentials {
                    self.last(Mention::CredentialItem(credential.clone()), index);
                }
                self.all(Mention::Estate(body.estate_version));
                self.all(Mention::Task(body.task));
                if self.whole_tasks {
                    self.all(Mention::LeasesOfTask(body.task));
                }
            }
            _ => {}
        }
    }

    fn head(&mut self, mention: Mention, from: u64) {
        self.heads.open += 1;
        let limit = self.heads.limit + 1;
        self.ask(Query { mention, reach: Reach::From { index: from, limit } });
    }

    fn all(&mut self, mention: Mention) {
        self.ask(Query { mention, reach: Reach::From { index: 0, limit: EACH_MAX } });
    }

    fn last(&mut self, mention: Mention, before: u64) {
        self.ask(Query { mention, reach: Reach::LastBefore(before) });
    }

    fn ask(&mut self, query: Query) {
        let before = match query.reach {
            Reach::From { .. } => None,
            Reach::LastBefore(index) => Some(index),
        };
        if self.asked.insert((query.mention.clone(), before)) {
            self.wanted.push_back(query);
        }
    }

    fn is_head(&self, query: &Query) -> bool {
        self.heads.open > 0 && matches!(query.reach, Reach::From { limit, .. } if limit == self.heads.limit + 1)
    }
}

/// Reads entries, puts them in order, and says of each to which story it belongs.
#[must_use]
pub fn steps(found: impl IntoIterator<Item = Found>) -> Vec<Step> {
    let read = |found: Found| Some((Entry::read(&found.bytes).ok()?, found));
    let mut read: Vec<(Entry, Found)> = found.into_iter().filter_map(read).collect();
    read.sort_by_key(|(_, found)| found.index);
    let intents = read.iter().filter_map(|(entry, _)| match &entry.body {
        Body::LeaseIntended(body) => Some((body.lease, body.task)),
        _ => None,
    });
    let tasks: BTreeMap<LeaseId, TaskId> = intents.collect();
    let step = |(entry, found): (Entry, Found)| {
        let lease = entry.body.lease();
        let denied = || entry.mentions().into_iter().find_map(|mention| task_in(&mention, &tasks));
        let task = entry.body.task().or_else(|| tasks.get(&lease?).copied()).or_else(denied);
        Step { part: Part::of(&entry.body), task, lease, entry, found }
    };
    read.into_iter().map(step).collect()
}

fn task_in(mention: &Mention, tasks: &BTreeMap<LeaseId, TaskId>) -> Option<TaskId> {
    match mention {
        Mention::Task(task) => Some(*task),
        Mention::Lease(lease) => tasks.get(lease).copied(),
        _ => None,
    }
}

fn words(mention: &Mention) -> String {
    match mention {
        Mention::Task(task) => format!("{task}"),
        Mention::LeasesOfTask(task) => format!("leases of {task}"),
        Mention::Lease(lease) => format!("{lease}"),
        Mention::LeasesOfCredential(name) | Mention::CredentialItem(name) => format!("credential {name}"),
        Mention::TasksOfAgent(name) | Mention::AgentItem(name) => format!("agent {name}"),
        Mention::TasksOfSubject(id) | Mention::Actor(id) => format!("{id}"),
        Mention::Estate(version) => format!("estate version {version}"),
    }
}
