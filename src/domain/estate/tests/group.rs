//! Groups of entries: what is folded, and what is refused.

use super::*;
use crate::entry::bodies::estate::Applied;

fn sealed(estate: &Estate, change: impl FnOnce(&mut Applied)) -> Result<Estate, GroupError> {
    let document = Document::parse(&sample()).unwrap();
    let plan = plan(estate, &document);
    let mut group = estate.open_group();
    for row in document.items().rows() {
        group.set(row.kind.as_str(), &row.name, &row.json).unwrap();
    }
    let mut seal = plan.seal();
    change(&mut seal);
    group.seal(&seal)
}

#[test]
fn a_seal_that_does_not_fit_is_refused() {
    let empty = Estate::default();
    assert!(sealed(&empty, |_| ()).is_ok());
    assert!(matches!(sealed(&empty, |seal| seal.version = 2), Err(GroupError::Version { sealed: 2, made: 1 })));
    assert!(matches!(sealed(&empty, |seal| seal.counts.teams += 1), Err(GroupError::Counts { .. })));
    assert!(matches!(sealed(&empty, |seal| seal.digest = Digest::of(&[b"other"])), Err(GroupError::Digest { .. })));
}

#[test]
fn items_in_any_other_form_are_refused() {
    let mut group = Estate::default().open_group();
    let good = r#"{"members":["spiffe://example.org/people/a","spiffe://example.org/people/b"]}"#;
    group.set("team", "payments", good).unwrap();
    for (kind, name, json) in [
        ("teams", "payments", good),
        ("team", "Payments", good),
        ("role", "payments", good),
        ("team", "payments", r#"{"members":["spiffe://example.org/people/b","spiffe://example.org/people/a"]}"#),
        ("team", "payments", r#"{"members":["spiffe://example.org/people/a","spiffe://example.org/people/a"]}"#),
        ("team", "payments", r#"{ "members":[]}"#),
        ("team", "payments", r#"{"lead":"x","members":[]}"#),
        ("team", "payments", r#"{"members":["people/a"]}"#),
        ("team", "payments", "{}"),
    ] {
        assert!(matches!(group.set(kind, name, json), Err(GroupError::Item(_))), "{kind} {name} {json}");
    }
}

#[test]
fn a_credential_with_the_path_of_another_kind_is_refused() {
    let mut group = Estate::default().open_group();
    let good = r#"{"exclusive":false,"kind":"kv","max_ttl_seconds":60,"path":"secret/data/a","sensitivity":"low"}"#;
    group.set("credential", "a", good).unwrap();
    let bad = good.replace("secret/data/a", "database/creds/a");
    assert!(matches!(group.set("credential", "a", &bad), Err(GroupError::Item(_))));
}

#[test]
fn only_what_is_there_can_be_removed() {
    let mut group = estate(&sample()).open_group();
    group.remove("agent", "billing-bot").unwrap();
    for (kind, name) in [("agent", "billing-bot"), ("agents", "build-fleet"), ("role", "scorer"), ("team", "")] {
        assert!(matches!(group.remove(kind, name), Err(GroupError::NotThere { .. })), "{kind} {name}");
    }
}

#[test]
fn an_open_group_leaves_what_is_in_force_alone() {
    let before = estate(&sample());
    let mut group = before.open_group();
    group.remove("agent", "billing-bot").unwrap();
    assert!(before.agent(&name("billing-bot")).is_some());
    assert_eq!(before, estate(&sample()));
}
