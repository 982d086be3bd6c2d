//! What a document would change: the difference between it and the estate in force, in the order in
//! which the log will hold it. An empty plan means that nothing is to be applied.

use super::items::Row;
use super::{Credential, Document, Estate, ItemKind};
use crate::base::{Digest, Name};
use crate::entry::bodies::estate::{Applied, Counts};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What happens to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// New.
    Add,
    /// Replaced.
    Change,
    /// Gone.
    Remove,
}

/// One item that the document would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// The item's kind.
    pub kind: ItemKind,
    /// The item's name.
    pub name: String,
    /// Fields that differ, ascending; empty for additions and removals.
    pub fields: Vec<String>,
    /// The item's new fields as canonical JSON; `None` for removals.
    pub json: Option<String>,
}

/// The whole difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Version that the plan was made against.
    pub base_version: u64,
    /// Changes, by kind and name.
    pub changes: Vec<Change>,
    /// What a careful reader should know, one sentence each.
    pub warnings: Vec<String>,
    /// Digest of the whole after the changes.
    pub digest: Digest,
    /// Counts of the whole after the changes.
    pub counts: Counts,
}

impl Plan {
    /// Whether the document is in force already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The entry that closes the group.
    #[must_use]
    pub fn seal(&self) -> Applied {
        Applied { counts: self.counts.clone(), digest: self.digest, version: self.base_version + 1 }
    }
}

/// Compares a document with what is in force.
#[must_use]
pub fn plan(estate: &Estate, document: &Document) -> Plan {
    let before = by_name(estate.items().rows());
    let after = by_name(document.items().rows());
    let mut changes: BTreeMap<&(ItemKind, String), Change> = BTreeMap::new();
    for (key, json) in &after {
        let (action, fields) = match before.get(key) {
            None => (Action::Add, Vec::new()),
            Some(old) if old == json => continue,
            Some(old) => (Action::Change, differing(old, json)),
        };
        changes.insert(key, change(action, key, fields, Some(json.clone())));
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        changes.insert(key, change(Action::Remove, key, Vec::new(), None));
    }
    let mut warnings = document.warnings().to_vec();
    warnings.extend(engine_warnings(estate, document));
    Plan {
        base_version: estate.version(),
        changes: changes.into_values().collect(),
        warnings,
        digest: document.items().digest(),
        counts: document.items().counts(),
    }
}

fn by_name(rows: impl Iterator<Item = Row>) -> BTreeMap<(ItemKind, String), String> {
    rows.map(|row| ((row.kind, row.name), row.json)).collect()
}

fn change(action: Action, (kind, name): &(ItemKind, String), fields: Vec<String>, json: Option<String>) -> Change {
    Change { action, kind: *kind, name: name.clone(), fields, json }
}

/// People wrote the file, not the entry.
fn in_the_file(field: &String) -> String {
    if field == "max_ttl_seconds" { "max_ttl".into() } else { field.clone() }
}

fn differing(old: &str, new: &str) -> Vec<String> {
    let read = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap_or_default();
    let (old, new) = (read(old), read(new));
    let mut fields: Vec<String> =
        old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).map(in_the_file).collect();
    fields.sort();
    fields.dedup();
    fields
}

/// The engine's policies follow the estate by hand, so a plan says when they must.
fn engine_warnings(estate: &Estate, document: &Document) -> Vec<String> {
    let (before, after) = (estate.credentials(), &document.items().credentials);
    let moved = |name: &Name, it: &Credential, other: Option<&Credential>| {
        other.is_none_or(|other| other.path != it.path).then(|| (name.clone(), it.path.clone()))
    };
    let gone = before.iter().filter_map(|(name, it)| moved(name, it, after.get(name)));
    let come = after.iter().filter_map(|(name, it)| moved(name, it, before.get(name)));
    let keep = "keep the old Vault policy of the broker until its leases are settled";
    let make = "print its Vault policies with `leasehold vault policy` and write them";
    gone.map(|(name, path)| format!("credential.{name} leaves {path}: {keep}"))
        .chain(come.map(|(name, path)| format!("credential.{name} comes to {path}: {make}")))
        .collect()
}
