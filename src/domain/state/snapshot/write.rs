//! From a state to its bytes, in order of the maps: one state, one text.

use super::records::{self, Bytes, Place};
use super::tables::Tables;
use crate::base::{Digest, LeaseId, TaskId};
use crate::estate::Item;
use crate::state::State;
use crate::state::erasure::Pending;
use crate::state::lease::{self, Lease};
use crate::state::repeat::{Kept, Outcome, Remembered};
use crate::state::task::{self, Task};
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes so far. Writing stops for good at the first thing that has no form.
struct Text(Vec<u8>);

/// `None` inside an estate group, and for a state that breaks its own invariants.
pub(super) fn state(state: &State) -> Option<Vec<u8>> {
    if state.group.is_some() {
        return None;
    }
    let tables = Tables::of(state);
    let places: BTreeMap<TaskId, Place> = state.tasks.keys().copied().zip(0..).collect();
    let mut text = Text(Vec::new());
    text.one(&head(state))?;
    text.list(tables.names.values.iter().map(|name| Some(name.as_str())))?;
    text.list(tables.identities.values.iter().map(|id| Some(id.as_str())))?;
    write_credentials(&mut text, &tables)?;
    write_estate(&mut text, state)?;
    text.list(state.counts.body().counts.iter().map(|(kind, count)| Some(records::Count { kind, count: *count })))?;
    write_erasures(&mut text, state)?;
    text.list(state.pace.iter().map(|(agent, free_again)| {
        Some(records::Pace { agent: tables.names.place(agent)?, free_again: free_again.unix_micros() })
    }))?;
    text.list(state.tasks.values().map(|task| of_task(task, &tables)))?;
    text.list(state.leases.values().map(|lease| of_lease(lease, &tables, &places)))?;
    text.list(state.requests.iter().map(|(id, remembered)| of_request(id, remembered, &places)))?;
    Some(text.0)
}

impl Text {
    fn one(&mut self, record: &impl Serialize) -> Option<()> {
        let bytes = std::mem::take(&mut self.0);
        self.0 = postcard::to_extend(record, bytes).ok()?;
        Some(())
    }

    fn list<T: Serialize>(&mut self, records: impl ExactSizeIterator<Item = Option<T>>) -> Option<()> {
        self.one(&records.len())?;
        for record in records {
            self.one(&record?)?;
        }
        Some(())
    }
}

fn head(state: &State) -> records::Head<'_> {
    records::Head {
        size: state.size,
        time: state.time.unix_micros(),
        origin: &state.broker.origin,
        mode: &state.broker.mode,
        epoch: state.broker.epoch,
        engine_request_micros: state.broker.engine_request_max.micros(),
        counts_written: state.counts.written,
        estate_version: state.estate.version(),
    }
}

fn write_credentials(text: &mut Text, tables: &Tables<'_>) -> Option<()> {
    text.one(&tables.credentials.len())?;
    for (name, credential) in &tables.credentials {
        let json = Item::Credential((*name).clone(), (*credential).clone()).json();
        text.one(&records::Credential { name: tables.names.place(name)?, json: &json })?;
    }
    Some(())
}

fn write_estate(text: &mut Text, state: &State) -> Option<()> {
    let rows: Vec<_> = state.estate.items().rows().collect();
    text.list(rows.iter().map(|row| Some(records::Item { kind: row.kind.as_str(), name: &row.name, json: &row.json })))
}

fn write_erasures(text: &mut Text, state: &State) -> Option<()> {
    text.one(&state.erasures.len())?;
    for (index, pending) in &state.erasures {
        let Pending { by, since, requested, fields, task, lease } = pending;
        text.one(&records::Erasure {
            index: *index,
            by: &serde_json::to_string(by).ok()?,
            since: since.unix_micros(),
            requested: *requested,
            fields: fields.iter().map(String::as_str).collect(),
            task: task.map(|id| Bytes(*id.as_bytes())),
            lease: lease.map(|id| Bytes(*id.as_bytes())),
        })?;
    }
    Some(())
}

fn of_task<'s>(task: &'s Task, tables: &Tables<'_>) -> Option<records::Task<'s>> {
    let facts = &*task.facts;
    let scope = facts.scope.iter().map(|(name, credential)| tables.credential(name, credential));
    let yeses = task.approvals.iter().map(|yes| {
        Some(records::Yes { by: &yes.by, teams: tables.names.places(&yes.teams)?, until: yes.until.unix_micros() })
    });
    let token = |token: &crate::state::token::Token| records::Token {
        index: token.index,
        expires: token.expires.unix_micros(),
        gone: token.gone,
    };
    Some(records::Task {
        id: Bytes(*facts.id.as_bytes()),
        agent: tables.names.place(&facts.agent)?,
        subject: tables.identities.place(&facts.subject)?,
        connection: facts.connection.as_deref(),
        index: facts.index,
        digest: Bytes(*facts.digest.as_bytes()),
        requested: facts.requested.unix_micros(),
        window_micros: facts.window.micros(),
        purpose_code: &facts.purpose_code,
        needs: tables.names.places(&facts.needs)?,
        scope: scope.collect::<Option<_>>()?,
        stage: match task.stage {
            task::Stage::Requested => records::TaskStage::Requested,
            task::Stage::Approved(since) => records::TaskStage::Approved(since.unix_micros()),
            task::Stage::Active(ends) => records::TaskStage::Active(ends.unix_micros()),
            task::Stage::Ending(since, end) => records::TaskStage::Ending(since.unix_micros(), end),
        },
        approvals: yeses.collect::<Option<_>>()?,
        tokens: task.tokens.iter().map(token).collect(),
        asked: task.asked,
    })
}

fn of_lease<'s>(lease: &'s Lease, tables: &Tables<'_>, tasks: &BTreeMap<TaskId, Place>) -> Option<records::Lease<'s>> {
    let facts = &*lease.facts;
    let issued = lease.issued.as_ref().map(|issued| records::Issued {
        index: issued.index,
        time: issued.time.unix_micros(),
        engine_expires: issued.engine_expires.map(|time| time.unix_micros()),
        renewable: issued.renewable,
        serial: issued.serial.as_deref(),
    });
    Some(records::Lease {
        id: Bytes(*facts.id.as_bytes()),
        task: *tasks.get(&facts.task)?,
        credential: tables.names.place(&facts.credential)?,
        index: facts.index,
        intended: facts.intended.unix_micros(),
        supersedes: facts.supersedes.map(|id| Bytes(*id.as_bytes())),
        request: facts.request.map(|id| Bytes(*id.as_bytes())),
        stage: match lease.stage {
            lease::Stage::Intended(closable) => records::LeaseStage::Intended(closable.unix_micros()),
            lease::Stage::Issued => records::LeaseStage::Issued,
            lease::Stage::Ending(since, accepted) => records::LeaseStage::Ending(since.unix_micros(), accepted),
            lease::Stage::Unproven(since) => records::LeaseStage::Unproven(since.unix_micros()),
        },
        revocability: lease.revocability,
        expires: lease.expires.unix_micros(),
        issued,
        outlived: lease.outlived,
        changed: lease.changed,
    })
}

fn of_request(id: &Digest, remembered: &Remembered, tasks: &BTreeMap<TaskId, Place>) -> Option<records::Request> {
    use records::Outcome as Written;
    let (id, content) = (Bytes(*id.as_bytes()), Bytes(*remembered.content.as_bytes()));
    let lease = |id: LeaseId| Bytes(*id.as_bytes());
    let outcome = match remembered.kept {
        Kept::With(task) => {
            let place = *tasks.get(&task)?;
            match remembered.outcome {
                Outcome::Task(of) if of == task => Written::Task(place),
                Outcome::Approval(of) if of == task => Written::Approval(place),
                Outcome::Lease(of, id) if of == task => Written::Lease(place, lease(id)),
                Outcome::Secret(of, id) if of == task => Written::Secret(place, lease(id)),
                _ => return None,
            }
        }
        Kept::Since(since) => {
            let since = since.unix_micros();
            match remembered.outcome {
                Outcome::Over(over) => Written::Over {
                    since,
                    task: Bytes(*over.task.as_bytes()),
                    index: over.index,
                    end: over.end,
                    ended: over.since.unix_micros(),
                },
                Outcome::Estate(version) => Written::Estate { since, version },
                Outcome::Erasure { done } => Written::Erasure { since, done },
                _ => return None,
            }
        }
    };
    Some(records::Request { id, content, outcome })
}
