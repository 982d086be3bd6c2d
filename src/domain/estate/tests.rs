//! The sample estate, and what can be looked up in an estate that is in force.

use super::*;
use proptest::prelude::*;

mod document;
mod group;
mod laws;

/// The estate of design examples: two teams, two agents, four credentials, two roles.
pub(crate) fn sample() -> String {
    r#"
[team.payments]
members = ["spiffe://example.org/people/payments-lead", "spiffe://example.org/people/payments-deputy"]
[team.platform]
members = ["spiffe://example.org/people/platform-lead", "spiffe://example.org/people/platform-deputy"]
[role.operator]
members = ["spiffe://example.org/people/operator"]
[role.auditor]
members = ["spiffe://example.org/people/auditor"]

[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
tools = ["psql"]
data_sets = ["ledger"]

[agent.build-fleet]
spiffe_id = "spiffe://example.org/fleet/build/*"
owner = "platform"
class = "service"
environment = "ci"
purpose = "build and sign"

[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "20m"
owner = "payments"
sensitivity = "high"
probe = { postgres = { dsn_credential = "ledger-probe" } }

[credential.ledger-probe]
kind = "kv"
path = "secret/data/ledger-probe"
max_ttl = "1h"
owner = "payments"
sensitivity = "high"

[credential.agent-cert]
kind = "pki"
path = "pki/sign/agent"
max_ttl = "15m"
owner = "platform"
sensitivity = "medium"

[credential.prompt-key]
kind = "kv"
path = "secret/data/app/prompt-key"
max_ttl = "1h"
owner = "platform"
sensitivity = "low"
"#
    .to_owned()
}

/// What is in force after the first apply of a document.
pub(crate) fn estate(text: &str) -> Estate {
    folded(&Estate::default(), &Document::parse(text).unwrap())
}

/// What is in force after a document was planned and its entries folded.
pub(crate) fn folded(estate: &Estate, document: &Document) -> Estate {
    let plan = plan(estate, document);
    let mut group = estate.open_group();
    for change in &plan.changes {
        match &change.json {
            Some(json) => group.set(change.kind.as_str(), &change.name, json).unwrap(),
            None => group.remove(change.kind.as_str(), &change.name).unwrap(),
        }
    }
    group.seal(&plan.seal()).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).unwrap()
}

#[test]
fn an_empty_estate_knows_nobody() {
    let empty = Estate::default();
    assert_eq!(empty.version(), 0);
    assert_eq!(empty.digest(), Digest::of(&[]));
    assert_eq!(empty.agent_of(&id("spiffe://example.org/agent/billing-bot")), None);
}

#[test]
fn identities_lead_to_agents_and_people() {
    let estate = estate(&sample());
    let found = |text: &str| estate.agent_of(&id(text)).map(|(name, _)| name.as_str());
    assert_eq!(found("spiffe://example.org/agent/billing-bot"), Some("billing-bot"));
    assert_eq!(found("spiffe://example.org/agent/billing-bot/twin"), None);
    assert_eq!(found("spiffe://example.org/fleet/build/7/a"), Some("build-fleet"));
    assert_eq!(found("spiffe://example.org/fleet/build"), None);
    assert_eq!(found("spiffe://example.com/fleet/build/7"), None);
    let lead = id("spiffe://example.org/people/payments-lead");
    assert_eq!(estate.teams_of(&lead).map(Name::as_str).collect::<Vec<_>>(), ["payments"]);
    assert!(estate.holds_role(&id("spiffe://example.org/people/auditor"), RoleName::Auditor));
    assert!(!estate.holds_role(&lead, RoleName::Auditor));
}

#[test]
fn an_agent_without_owner_has_nobody_who_answers() {
    let owned = estate(&sample());
    let agent = owned.agent(&name("billing-bot")).unwrap();
    assert_eq!(owned.owner_of(agent).map(|(name, _)| name.as_str()), Some("payments"));
    let mut ownerless = agent.clone();
    ownerless.owner = None;
    assert_eq!(owned.owner_of(&ownerless), None);
    ownerless.owner = Some(name("nobody"));
    assert_eq!(owned.owner_of(&ownerless), None);
}

#[test]
fn a_team_without_members_answers_for_nothing() {
    let mut items = estate(&sample()).items().clone();
    let empty = Team { members: std::collections::BTreeSet::new() };
    items.set(Item::Team(name("payments"), empty));
    let estate = Estate::of(1, items);
    assert_eq!(estate.owner_of(estate.agent(&name("billing-bot")).unwrap()), None);
    let credential = estate.credential(&name("ledger-ro")).unwrap();
    assert_eq!(estate.owner_of_credential(credential), None);
}

#[test]
fn items_are_written_in_canonical_json() {
    let estate = estate(&sample());
    let rows: Vec<_> = estate.items().rows().collect();
    assert_eq!(rows.len(), 10);
    for row in &rows {
        crate::entry::canonical::check(row.json.as_bytes()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&row.json).unwrap();
        assert_eq!(serde_jcs::to_string(&value).unwrap(), row.json);
    }
    let ledger = rows.iter().find(|row| row.name == "ledger-ro").unwrap();
    assert_eq!(
        ledger.json,
        r#"{"exclusive":false,"kind":"database","max_ttl_seconds":1200,"owner":"payments","path":"database/creds/ledger-ro","probe":{"postgres":{"dsn_credential":"ledger-probe"}},"sensitivity":"high"}"#
    );
}

#[test]
fn a_clone_costs_no_copy_of_the_items() {
    let estate = estate(&sample());
    let clone = estate.clone();
    assert!(estate.agents().ptr_eq(clone.agents()));
}
