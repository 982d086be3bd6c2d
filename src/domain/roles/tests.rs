//! Who holds which role, and what a role may call.

use super::*;
use crate::estate::tests::{estate, sample};

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).unwrap()
}

fn held(estate: &Estate, caller: &str) -> Vec<CallerRole> {
    held_roles(estate, &id(caller), &[id("spiffe://example.org/people/lead")]).iter().collect()
}

#[test]
fn each_identity_holds_what_the_estate_says() {
    let estate = estate(&sample());
    assert_eq!(held(&estate, "spiffe://example.org/agent/billing-bot"), [Anyone, Workload]);
    assert_eq!(held(&estate, "spiffe://example.org/people/payments-lead"), [Anyone, Approver]);
    assert_eq!(held(&estate, "spiffe://example.org/people/operator"), [Anyone, Operator]);
    assert_eq!(held(&estate, "spiffe://example.org/people/auditor"), [Anyone, Auditor]);
    assert_eq!(held(&estate, "spiffe://example.org/people/stranger"), [Anyone]);
}

#[test]
fn bootstrap_operators_step_back_when_operators_are_named() {
    assert_eq!(held(&Estate::default(), "spiffe://example.org/people/lead"), [Anyone, Operator]);
    assert_eq!(held(&Estate::default(), "spiffe://example.org/people/other"), [Anyone]);
    assert_eq!(held(&estate(&sample()), "spiffe://example.org/people/lead"), [Anyone]);
}

#[test]
fn an_agent_is_never_an_operator() {
    let without_operators = sample().replace("[role.operator]", "[role.scorer]");
    let estate = estate(&without_operators);
    let bot = id("spiffe://example.org/agent/billing-bot");
    let held = held_roles(&estate, &bot, std::slice::from_ref(&bot));
    assert!(held.holds(Workload) && !held.holds(Operator));
}

#[test]
fn a_call_is_for_the_roles_of_its_row_and_nobody_else() {
    for call in CALLS {
        for role in CallerRole::ALL {
            let held = if role == Anyone { HeldRoles::ANYONE } else { HeldRoles::ANYONE.with(role) };
            let expected = call.roles.contains(&role) || call.roles.contains(&Anyone);
            assert_eq!(may(call.name, held), expected, "{} {role:?}", call.name);
        }
    }
}

#[test]
fn a_call_outside_the_table_is_refused() {
    let all = CallerRole::ALL.into_iter().fold(HeldRoles::ANYONE, HeldRoles::with);
    assert!(may("leasehold.v1.TaskService/GetTask", all));
    for name in [
        "",
        "leasehold.v1.TaskService/gettask",
        "/leasehold.v1.TaskService/GetTask",
        "leasehold.v1.TaskService/EndWorld",
    ] {
        assert!(!may(name, all), "{name}");
    }
}

#[test]
fn the_table_is_ascending_and_names_each_call_once() {
    assert!(CALLS.is_sorted_by(|a, b| a.name < b.name));
    assert!(CALLS.iter().all(|call| !call.roles.is_empty() && call.roles.is_sorted()));
}
