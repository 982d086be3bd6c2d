//! The estate: how a plan and what is in force are shown.

use domain::estate::{Action, Change, Estate};
use proto::v1;

/// What a plan would change.
pub(in crate::grpc) fn changes(changes: Vec<Change>) -> Vec<v1::EstateChange> {
    changes.into_iter().map(change).collect()
}

fn change(change: Change) -> v1::EstateChange {
    let action = match change.action {
        Action::Add => v1::EstateAction::Add,
        Action::Change => v1::EstateAction::Change,
        Action::Remove => v1::EstateAction::Remove,
    };
    v1::EstateChange { action: action.into(), kind: change.kind.to_string(), name: change.name, fields: change.fields }
}

/// What is in force.
pub(in crate::grpc) fn shown(estate: &Estate) -> v1::GetEstateResponse {
    let rows = estate.items().rows();
    let items = rows.map(|row| v1::EstateItem { kind: row.kind.to_string(), name: row.name, json: row.json });
    v1::GetEstateResponse { version: estate.version(), digest: estate.digest().to_string(), items: items.collect() }
}
