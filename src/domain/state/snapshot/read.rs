//! From bytes to a state: the records, and then what follows from them (which lease is of which task,
//! which request is remembered until when, what is due).

use super::NotAState;
use super::records::{self, Bytes, Place};
use crate::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use crate::estate::{Credential, Estate, Item};
use crate::state::approval::Yes;
use crate::state::broker::Broker;
use crate::state::counts::Counts;
use crate::state::erasure::Pending;
use crate::state::lease::{self, Issued, Lease};
use crate::state::repeat::{Kept, Outcome, Over, Remembered};
use crate::state::task::{self, Task};
use crate::state::token::Token;
use crate::state::{Duty, State};
use serde::Deserialize;
use std::sync::Arc;

/// What is left to be read.
struct Text<'a>(&'a [u8]);

/// What many records share.
struct Tables {
    names: Vec<Name>,
    identities: Vec<SpiffeId>,
    credentials: Vec<(Name, Credential)>,
}

/// A task on its way into the state, with what later records say of it.
struct Opened {
    task: Task,
    leases: Vec<LeaseId>,
    requests: Vec<Digest>,
}

pub(super) fn state(bytes: &[u8]) -> Result<State, NotAState> {
    let mut text = Text(bytes);
    let head: records::Head<'_> = text.one()?;
    let tables = read_tables(&mut text)?;
    let mut state = State {
        size: head.size,
        time: at(head.time),
        broker: Broker {
            origin: head.origin.to_owned(),
            mode: head.mode.to_owned(),
            epoch: head.epoch,
            engine_request_max: Span::from_micros(head.engine_request_micros),
        },
        estate: read_estate(&mut text, head.estate_version)?,
        counts: read_counts(&mut text, head.counts_written)?,
        ..State::default()
    };
    if state.counts.all() != state.size || state.counts.written > state.size {
        return Err(NotAState("numbers that do not add up"));
    }
    read_erasures(&mut text, &mut state)?;
    text.each(|pace: records::Pace| {
        state.pace.insert(tables.name(pace.agent)?, at(pace.free_again));
        Ok(())
    })?;
    let mut tasks = Vec::new();
    text.each(|task: records::Task<'_>| {
        tasks.push(Opened { task: task_of(task, &tables)?, leases: Vec::new(), requests: Vec::new() });
        Ok(())
    })?;
    let mut due = read_leases(&mut text, &mut state, &tables, &mut tasks)?;
    read_requests(&mut text, &mut state, &mut tasks)?;
    if !text.0.is_empty() {
        return Err(NotAState("more than a state"));
    }
    for Opened { mut task, leases, requests } in tasks {
        let id = task.facts.id;
        task.open_leases = leases.into_iter().collect();
        due.extend(task.duty());
        state.bound.extend(requests.into_iter().map(|request| (id, request)));
        state.tasks.insert(id, task);
    }
    // Sorted first: into an ordered map in order is twice as fast.
    due.sort_unstable();
    state.agenda = due.into_iter().collect();
    Ok(state)
}

impl<'a> Text<'a> {
    fn one<T: Deserialize<'a>>(&mut self) -> Result<T, NotAState> {
        let (record, rest) = postcard::take_from_bytes(self.0).map_err(|_| NotAState("a record cannot be read"))?;
        self.0 = rest;
        Ok(record)
    }

    /// Each record of a list. No room is taken on the word of its length.
    fn each<T: Deserialize<'a>>(&mut self, mut with: impl FnMut(T) -> Result<(), NotAState>) -> Result<(), NotAState> {
        let count: u64 = self.one()?;
        for _ in 0..count {
            with(self.one()?)?;
        }
        Ok(())
    }
}

impl Tables {
    fn name(&self, place: Place) -> Result<Name, NotAState> {
        self.names.get(place as usize).cloned().ok_or(NotAState("a name that is not in the table"))
    }

    fn names(&self, places: &[Place]) -> Result<Vec<Name>, NotAState> {
        places.iter().map(|place| self.name(*place)).collect()
    }
}

fn at(micros: i64) -> Time {
    Time::from_unix_micros(micros)
}

fn task_id(Bytes(bytes): Bytes<16>) -> TaskId {
    TaskId::from_bytes(bytes)
}

fn lease_id(Bytes(bytes): Bytes<16>) -> LeaseId {
    LeaseId::from_bytes(bytes)
}

fn digest(Bytes(bytes): Bytes<32>) -> Digest {
    Digest::from_bytes(bytes)
}

fn read_tables(text: &mut Text<'_>) -> Result<Tables, NotAState> {
    let mut tables = Tables { names: Vec::new(), identities: Vec::new(), credentials: Vec::new() };
    text.each(|name: &str| {
        tables.names.push(Name::parse(name).map_err(|_| NotAState("a name that is none"))?);
        Ok(())
    })?;
    text.each(|id: &str| {
        tables.identities.push(SpiffeId::parse(id).map_err(|_| NotAState("a SPIFFE ID that is none"))?);
        Ok(())
    })?;
    text.each(|credential: records::Credential<'_>| {
        let name = tables.names.get(credential.name as usize).map_or("", Name::as_str);
        match Item::read("credential", name, credential.json) {
            Ok(Item::Credential(name, credential)) => tables.credentials.push((name, credential)),
            _ => return Err(NotAState("a credential that is none")),
        }
        Ok(())
    })?;
    Ok(tables)
}

fn read_estate(text: &mut Text<'_>, version: u64) -> Result<Estate, NotAState> {
    let mut rows = Vec::new();
    text.each(|item: records::Item<'_>| {
        rows.push((item.kind, item.name, item.json));
        Ok(())
    })?;
    Estate::of_rows(version, rows).map_err(|_| NotAState("an item of the estate that is none"))
}

fn read_counts(text: &mut Text<'_>, written: u64) -> Result<Counts, NotAState> {
    let mut named = Vec::new();
    text.each(|count: records::Count<'_>| {
        named.push((count.kind, count.count));
        Ok(())
    })?;
    Counts::of_names(written, named).ok_or(NotAState("an entry type that does not exist"))
}

fn read_erasures(text: &mut Text<'_>, state: &mut State) -> Result<(), NotAState> {
    text.each(|erasure: records::Erasure<'_>| {
        let pending = Pending {
            by: serde_json::from_str(erasure.by).map_err(|_| NotAState("an actor that is none"))?,
            since: at(erasure.since),
            requested: erasure.requested,
            fields: erasure.fields.into_iter().map(str::to_owned).collect(),
            task: erasure.task.map(task_id),
            lease: erasure.lease.map(lease_id),
        };
        state.erasures.insert(erasure.index, pending);
        Ok(())
    })
}

fn task_of(task: records::Task<'_>, tables: &Tables) -> Result<Task, NotAState> {
    let scope = task.scope.iter().map(|place| tables.credentials.get(*place as usize).cloned());
    let subject = tables.identities.get(task.subject as usize).cloned();
    let facts = task::Facts {
        id: task_id(task.id),
        agent: tables.name(task.agent)?,
        subject: subject.ok_or(NotAState("an identity that is not in the table"))?,
        connection: task.connection.map(str::to_owned),
        index: task.index,
        digest: digest(task.digest),
        requested: at(task.requested),
        window: Span::from_micros(task.window_micros),
        purpose_code: task.purpose_code.to_owned(),
        needs: tables.names(&task.needs)?,
        scope: scope.collect::<Option<_>>().ok_or(NotAState("a credential that is not in the table"))?,
    };
    let yeses = task
        .approvals
        .into_iter()
        .map(|yes| Ok(Yes { by: yes.by.to_owned(), teams: tables.names(&yes.teams)?, until: at(yes.until) }));
    let tokens = task.tokens.into_iter();
    Ok(Task {
        facts: Arc::new(facts),
        stage: match task.stage {
            records::TaskStage::Requested => task::Stage::Requested,
            records::TaskStage::Approved(since) => task::Stage::Approved(at(since)),
            records::TaskStage::Active(ends) => task::Stage::Active(at(ends)),
            records::TaskStage::Ending(since, end) => task::Stage::Ending(at(since), end),
        },
        approvals: yeses.collect::<Result<_, NotAState>>()?,
        tokens: tokens.map(|t| Token { index: t.index, expires: at(t.expires), gone: t.gone }).collect(),
        open_leases: imbl::OrdSet::new(),
        asked: task.asked,
    })
}

/// Returns what is due of the leases.
fn read_leases(
    text: &mut Text<'_>,
    state: &mut State,
    tables: &Tables,
    tasks: &mut [Opened],
) -> Result<Vec<(Time, Duty)>, NotAState> {
    let mut due = Vec::new();
    text.each(|record: records::Lease<'_>| {
        let of = tasks.get_mut(record.task as usize).ok_or(NotAState("a lease without its task"))?;
        let lease = lease_of(record, of.task.facts.id, tables)?;
        let id = lease.facts.id;
        of.leases.push(id);
        due.extend(lease.duty());
        if lease.is_unproven() {
            state.unproven.insert(id);
        }
        state.leases.insert(id, lease);
        Ok(())
    })?;
    Ok(due)
}

fn lease_of(record: records::Lease<'_>, task: TaskId, tables: &Tables) -> Result<Lease, NotAState> {
    let facts = lease::Facts {
        id: lease_id(record.id),
        task,
        credential: tables.name(record.credential)?,
        index: record.index,
        intended: at(record.intended),
        supersedes: record.supersedes.map(lease_id),
        request: record.request.map(digest),
    };
    Ok(Lease {
        facts: Arc::new(facts),
        stage: match record.stage {
            records::LeaseStage::Intended(closable) => lease::Stage::Intended(at(closable)),
            records::LeaseStage::Issued => lease::Stage::Issued,
            records::LeaseStage::Ending(since, accepted) => lease::Stage::Ending(at(since), accepted),
            records::LeaseStage::Unproven(since) => lease::Stage::Unproven(at(since)),
        },
        revocability: record.revocability,
        expires: at(record.expires),
        issued: record.issued.map(|issued| Issued {
            index: issued.index,
            time: at(issued.time),
            engine_expires: issued.engine_expires.map(at),
            renewable: issued.renewable,
            serial: issued.serial.map(Arc::from),
        }),
        outlived: record.outlived,
        changed: record.changed,
    })
}

fn read_requests(text: &mut Text<'_>, state: &mut State, tasks: &mut [Opened]) -> Result<(), NotAState> {
    let mut aging = Vec::new();
    text.each(|record: records::Request| {
        let (id, content) = (digest(record.id), digest(record.content));
        let mut with = |place: Place| {
            let of = tasks.get_mut(place as usize).ok_or(NotAState("a request without its task"))?;
            of.requests.push(id);
            Ok(of.task.facts.id)
        };
        let (outcome, since) = match record.outcome {
            records::Outcome::Task(place) => (Outcome::Task(with(place)?), None),
            records::Outcome::Approval(place) => (Outcome::Approval(with(place)?), None),
            records::Outcome::Lease(place, lease) => (Outcome::Lease(with(place)?, lease_id(lease)), None),
            records::Outcome::Secret(place, lease) => (Outcome::Secret(with(place)?, lease_id(lease)), None),
            records::Outcome::Over { since, task, index, end, ended } => {
                (Outcome::Over(Over { task: task_id(task), index, end, since: at(ended) }), Some(at(since)))
            }
            records::Outcome::Estate { since, version } => (Outcome::Estate(version), Some(at(since))),
            records::Outcome::Erasure { since, done } => (Outcome::Erasure { done }, Some(at(since))),
        };
        aging.extend(since.map(|since| (since, id)));
        let kept = match (since, outcome.open_task()) {
            (Some(since), _) => Kept::Since(since),
            (None, Some(task)) => Kept::With(task),
            (None, None) => return Err(NotAState("a request of no time and no task")),
        };
        state.requests.insert(id, Remembered { content, outcome, kept });
        Ok(())
    })?;
    aging.sort_unstable();
    state.aging = aging.into_iter().collect();
    Ok(())
}
