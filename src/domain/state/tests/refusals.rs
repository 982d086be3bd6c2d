//! Who is refused, by which reason.

use super::desk::{Desk, ESTATE, name};
use crate::base::TaskId;
use crate::estate::Document;
use crate::reason::Reason;
use crate::state::Ask;
use crate::state::command::{ApplyEstate, RequestTask};

pub(super) fn ask_for(desk: &Desk, agent: &str, credential: &str) -> RequestTask {
    RequestTask {
        id: TaskId::new(desk.now, [77; 10]),
        agent: name(agent),
        purpose_code: "x".into(),
        purpose: crate::entry::Commitment::of("t", "f", &[0; 32], "v"),
        credentials: vec![name(credential)],
        window_seconds: 60,
    }
}

#[test]
fn an_identity_that_nobody_declared_gets_nothing() {
    let mut desk = Desk::new();
    for (who, agent, credential, reason) in [
        ("agent/unknown", "billing-bot", "motd", Reason::AgentUnknown),
        ("agent/billing-bot", "stray", "motd", Reason::AgentUnknown),
        ("agent/stray", "stray", "motd", Reason::AgentWithoutOwner),
        ("agent/billing-bot", "billing-bot", "nothing", Reason::CredentialUnknown),
        ("people/lead", "billing-bot", "motd", Reason::AgentUnknown),
    ] {
        let ask = Ask::RequestTask(ask_for(&desk, agent, credential));
        assert_eq!(desk.ask(who, 1, 60, ask).unwrap_err().reason, reason, "{who} {agent} {credential}");
    }
    let ask = Ask::RequestTask(ask_for(&desk, "billing-bot", "motd"));
    assert!(desk.ask("agent/billing-bot", 1, 60, ask).is_ok());
}

#[test]
fn an_unknown_and_a_foreign_task_have_one_face() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let unknown = TaskId::new(desk.now, [123; 10]);
    let foreign = desk.ask("agent/stray", 8, 61, Ask::CompleteTask(task)).unwrap_err();
    let nothing = desk.ask("agent/stray", 8, 62, Ask::CompleteTask(unknown)).unwrap_err();
    assert_eq!(foreign, nothing);
}

#[test]
fn a_credential_outside_the_scope_is_refused() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    assert_eq!(desk.issue(task, "motd").unwrap_err().reason, Reason::CredentialNotAllowed);
}

#[test]
fn a_changed_credential_ends_the_right_to_draw_it() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let changed = ESTATE.replace("max_ttl = \"10m\"", "max_ttl = \"9m\"");
    let ask = ApplyEstate { document: Document::parse(&changed).unwrap(), version: 1 };
    desk.ask("people/operator", 9, 201, Ask::ApplyEstate(ask)).unwrap();
    assert_eq!(desk.issue(task, "ledger-ro").unwrap_err().reason, Reason::CredentialChanged);
}

#[test]
fn an_estate_planned_against_another_version_is_refused() {
    let mut desk = Desk::new();
    for (who, version, reason) in [("people/lead", 1, Reason::RoleMissing), ("people/operator", 0, Reason::EstateMoved)]
    {
        let ask = ApplyEstate { document: Document::parse("").unwrap(), version };
        assert_eq!(desk.ask(who, 9, 202, Ask::ApplyEstate(ask)).unwrap_err().reason, reason);
    }
}
