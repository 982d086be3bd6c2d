//! Which entries a subscriber gets, and who sees which opening.

use super::*;

fn filter(types: &[&str]) -> Result<TypeFilter, Denial> {
    TypeFilter::parse(&types.iter().map(ToString::to_string).collect::<Vec<_>>())
}

#[test]
fn types_and_groups_of_types_are_wanted() {
    let all = filter(&[]).unwrap();
    assert!(Body::TYPES.iter().all(|name| all.wants(name)));
    let some = filter(&["lease.*", "task.denied"]).unwrap();
    assert!(some.wants("lease.issued") && some.wants("lease.revoked") && some.wants("task.denied"));
    assert!(!some.wants("task.requested") && !some.wants("log.started"));
}

#[test]
fn an_unknown_type_is_named() {
    for bad in ["", "*", "lease", "lease.", "leas.*", "lease*", "lease.i*", "lease.unheard", "Lease.*"] {
        assert_eq!(filter(&["log.started", bad]).unwrap_err().field.as_deref(), Some("types[1]"), "{bad}");
    }
    assert!(filter(&["task.*"; TYPES_MAX]).is_ok());
    assert_eq!(filter(&["task.*"; TYPES_MAX + 1]).unwrap_err().field.as_deref(), Some("types"));
}

#[test]
fn handles_at_the_engine_are_for_offices_only() {
    let opening = |field: &str| Opening {
        entry_type: "lease.issued".into(),
        field: field.into(),
        salt: [0; 32],
        value: "v".into(),
    };
    let openings = || ["engine_lease", "account", "accessor", "tag", "purpose"].map(opening).to_vec();
    let seen = |sight: Sight| sight.of(openings()).into_iter().map(|it| it.field).collect::<Vec<_>>();
    assert_eq!(seen(Sight::All).len(), 5);
    assert_eq!(seen(Sight::Concerned), ["account", "purpose"]);
    assert!(seen(Sight::Nothing).is_empty());
}

#[test]
fn operators_and_auditors_see_by_office_and_scorers_do_not() {
    let office = |role| Sight::by_office(HeldRoles::ANYONE.with(role));
    assert_eq!([office(CallerRole::Operator), office(CallerRole::Auditor)], [Sight::All, Sight::All]);
    for role in [CallerRole::Scorer, CallerRole::Workload, CallerRole::Approver] {
        assert_eq!(office(role), Sight::Nothing, "{role:?}");
    }
}
