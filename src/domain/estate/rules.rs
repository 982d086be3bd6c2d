//! Rules about a whole document: what makes it wrong, and what a careful reader should know.

use super::index::{Index, above};
use super::{Agent, Credential, Items, Kind, Orphans, Probe, RoleName, Sensitivity};
use crate::base::{Name, SpiffeId};
use crate::form::Notes;
use std::collections::{BTreeMap, BTreeSet};

/// Notes every broken rule.
pub(super) fn check(items: &Items, notes: &mut Notes<'_>) {
    for (name, agent) in &items.agents {
        check_owner(items, &format!("agent.{name}"), agent.owner.as_ref(), notes);
    }
    check_identities(items, notes);
    let mut paths = BTreeMap::new();
    for (name, credential) in &items.credentials {
        let here = format!("credential.{name}");
        check_owner(items, &here, credential.owner.as_ref(), notes);
        check_kind(&here, credential, notes);
        check_probe(items, &here, credential, notes);
        // Two names for one path would let the lesser sensitivity open it, and mix up whose lease is whose.
        if let Some(other) = paths.insert(&credential.path, name) {
            let path = &credential.path;
            notes.at(&format!("{here}.path"), format!("credential.{other} and {here} share the path {path}"));
        }
    }
}

fn check_owner(items: &Items, here: &str, owner: Option<&Name>, notes: &mut Notes<'_>) {
    let Some(owner) = owner else { return };
    let place = format!("{here}.owner");
    match items.teams.get(owner) {
        None => {
            let hint = notes.hint(owner.as_str(), items.teams.keys().map(Name::as_str));
            notes.at(&place, format!("{here} is owned by team {owner}, which is not declared{hint}"));
        }
        Some(team) if team.members.is_empty() => {
            notes.at(&place, format!("{here} is owned by team {owner}, which has no members"));
        }
        Some(_) => {}
    }
}

/// One identity is one agent at most, and nobody is both an agent and a person.
fn check_identities(items: &Items, notes: &mut Notes<'_>) {
    let index = Index::of(items);
    let mut told = BTreeSet::new();
    for (person, _) in index.people() {
        if let Some(agent) = index.agent_of(person).filter(|agent| told.insert(*agent)) {
            let both = format!("{person} is agent.{agent} and a member of a team or role: nobody is both");
            notes.at(&format!("agent.{agent}.spiffe_id"), both);
        }
    }
    let mut same = BTreeMap::new();
    let fleets = items.agents.iter().filter(|(_, agent)| agent.spiffe_id.is_below_stem());
    let fleets: BTreeMap<SpiffeId, &Name> = fleets.map(|(name, it)| (it.spiffe_id.stem().clone(), name)).collect();
    for (name, agent) in &items.agents {
        let above = above(agent.spiffe_id.stem()).find_map(|stem| fleets.get(&stem).copied());
        if let Some(other) = same.insert(&agent.spiffe_id, name).or(above) {
            let overlap = format!("agent.{other} and agent.{name} share identities: {}", agent.spiffe_id);
            notes.at(&format!("agent.{name}.spiffe_id"), overlap);
        }
    }
}

fn check_kind(here: &str, credential: &Credential, notes: &mut Notes<'_>) {
    let kind = credential.kind;
    if let Err(no) = credential.path.of_kind(kind) {
        notes.at(&format!("{here}.path"), format!("{here}.path: {no}"));
    }
    if kind != Kind::Database && credential.orphans.is_some() {
        notes.at(&format!("{here}.orphans"), format!("{here} is of kind {kind}: only a database has orphans"));
    }
    if !kind.is_leased() && credential.exclusive {
        notes.at(&format!("{here}.exclusive"), format!("{here} is of kind {kind}, which has no leases to end"));
    }
}

fn check_probe(items: &Items, here: &str, credential: &Credential, notes: &mut Notes<'_>) {
    let place = format!("{here}.probe");
    let Some(Probe::Postgres { dsn_credential }) = &credential.probe else {
        if credential.kind == Kind::Database && credential.orphans.is_none() {
            let how = "declare a probe, or say orphans = \"expiry-bounded\"";
            notes.at(here, format!("{here} has no probe, so an orphaned account could not be found: {how}"));
        }
        return;
    };
    if credential.kind != Kind::Database {
        notes.at(&place, format!("{here} is of kind {}: only a database can be probed", credential.kind));
    }
    match items.credentials.get(dsn_credential) {
        None => {
            let hint = notes.hint(dsn_credential.as_str(), items.credentials.keys().map(Name::as_str));
            notes.at(&place, format!("{place} names credential {dsn_credential}, which is not declared{hint}"));
        }
        Some(dsn) if dsn.kind != Kind::Kv => {
            notes.at(
                &place,
                format!(
                    "{place} names credential {dsn_credential} of kind {}, but a connection string is of kind kv",
                    dsn.kind
                ),
            );
        }
        Some(dsn) if dsn.sensitivity == Sensitivity::Low => {
            let why = "it would be given to any agent by rule";
            notes.at(
                &place,
                format!("credential.{dsn_credential} opens a probe's login and cannot be of low sensitivity: {why}"),
            );
        }
        Some(_) => {}
    }
}

/// What is allowed, but worth a second look: one sentence each.
pub(super) fn warnings(items: &Items) -> Vec<String> {
    let agents = items.agents.iter().filter_map(|(name, agent)| agent_warning(name, agent));
    let credentials = items.credentials.iter().flat_map(|(name, it)| credential_warnings(name, it));
    agents.chain(credentials).chain(team_warnings(items)).chain(role_warnings(items)).collect()
}

fn agent_warning(name: &Name, agent: &Agent) -> Option<String> {
    agent.owner.is_none().then(|| format!("agent.{name} has no owner: it gets nothing"))
}

fn credential_warnings(name: &Name, credential: &Credential) -> Vec<String> {
    let mut warnings = Vec::new();
    if credential.owner.is_none() {
        let so = if credential.sensitivity == Sensitivity::Low {
            "nobody answers for it"
        } else {
            "nobody can approve its use"
        };
        warnings.push(format!("credential.{name} has no owner: {so}"));
    }
    if credential.probe.is_none() && credential.orphans == Some(Orphans::ExpiryBounded) {
        warnings.push(format!("credential.{name} has no probe: the end of an account is never seen at the backend"));
    }
    warnings
}

fn team_warnings(items: &Items) -> Vec<String> {
    let of_agents = items.agents.values().filter_map(|it| it.owner.as_ref());
    let owners: BTreeSet<&Name> =
        of_agents.chain(items.credentials.values().filter_map(|it| it.owner.as_ref())).collect();
    let mut warnings = Vec::new();
    for (name, team) in &items.teams {
        if !owners.contains(name) {
            warnings.push(format!("team.{name} owns nothing"));
        } else if team.members.len() == 1 {
            warnings.push(format!("team.{name} has one member, whose own requests nobody can approve: add a deputy"));
        }
    }
    warnings
}

fn role_warnings(items: &Items) -> Vec<String> {
    let members = |role| items.roles.get(&role).map(|it| it.members.clone()).unwrap_or_default();
    let operators = members(RoleName::Operator);
    let mut warnings = Vec::new();
    if operators.is_empty() {
        warnings.push("no operator is named: those of [bootstrap] in leasehold.toml stay in force".to_owned());
    }
    for both in operators.intersection(&members(RoleName::Auditor)) {
        warnings.push(format!("{both} is operator and auditor: their own acts would be theirs to audit"));
    }
    warnings
}
