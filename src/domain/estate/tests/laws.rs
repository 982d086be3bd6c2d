//! Laws of plan and fold over made-up documents.

use super::*;
use std::fmt::Write as _;

/// A document as a list of blocks, so that their order and the order of keys can be changed.
#[derive(Debug, Clone)]
struct Text {
    blocks: Vec<(String, Vec<String>)>,
}

impl Text {
    fn written(&self) -> String {
        let mut text = String::new();
        for (header, keys) in &self.blocks {
            writeln!(text, "[{header}]").unwrap();
            keys.iter().for_each(|key| writeln!(text, "{key}").unwrap());
        }
        text
    }

    fn turned(&self) -> Self {
        let blocks = self.blocks.iter().rev();
        Self { blocks: blocks.map(|(header, keys)| (header.clone(), keys.iter().rev().cloned().collect())).collect() }
    }
}

fn agent(number: u32, owned: bool, fleet: bool, purpose: &str) -> (String, Vec<String>) {
    let star = if fleet { "/*" } else { "" };
    let mut keys = vec![
        format!("spiffe_id = \"spiffe://example.org/agent/{number}{star}\""),
        "class = \"ai-agent\"".into(),
        "environment = \"prod\"".into(),
        format!("purpose = {}", serde_json::to_string(purpose).unwrap()),
        "tools = [\"psql\", \"http\"]".into(),
    ];
    if owned {
        keys.push("owner = \"t0\"".into());
    }
    (format!("agent.a{number}"), keys)
}

fn credential(number: u32, kind: usize, ttl: u64, sensitivity: usize) -> (String, Vec<String>) {
    let (kind, path) = [("kv", "secret/data"), ("pki", "pki/sign"), ("database", "db/creds")][kind];
    let mut keys = vec![
        format!("kind = \"{kind}\""),
        format!("path = \"{path}/c{number}\""),
        format!("max_ttl = \"{ttl}s\""),
        format!("sensitivity = \"{}\"", ["low", "medium", "high"][sensitivity]),
        "owner = \"t0\"".into(),
    ];
    if kind == "database" {
        keys.push("orphans = \"expiry-bounded\"".into());
    }
    (format!("credential.c{number}"), keys)
}

fn text() -> impl Strategy<Value = Text> {
    let agents =
        proptest::collection::btree_map(0u32..6, (any::<bool>(), any::<bool>(), "[a-zA-Z0-9 \"\\\\é,.]{1,20}"), 0..5);
    let credentials = proptest::collection::btree_map(0u32..6, (0usize..3, 10u64..86_400, 0usize..3), 0..5);
    let teams = proptest::collection::btree_set(1u32..5, 0..4);
    (agents, credentials, teams, any::<bool>()).prop_map(|(agents, credentials, teams, auditor)| {
        let team = |number| {
            (format!("team.t{number}"), vec![format!("members = [\"spiffe://example.org/people/p{number}\"]")])
        };
        let mut blocks: Vec<_> =
            agents.into_iter().map(|(number, (owned, fleet, why))| agent(number, owned, fleet, &why)).collect();
        blocks.extend(credentials.into_iter().map(|(number, (kind, ttl, how))| credential(number, kind, ttl, how)));
        blocks.push(team(0));
        blocks.extend(teams.into_iter().map(team));
        if auditor {
            blocks.push(("role.auditor".into(), vec!["members = [\"spiffe://example.org/people/p1\"]".into()]));
        }
        Text { blocks }
    })
}

proptest! {
    #[test]
    fn folding_a_plan_gives_the_document(text in text()) {
        let document = Document::parse(&text.written()).unwrap();
        let made = folded(&Estate::default(), &document);
        prop_assert_eq!(made.items(), document.items());
        prop_assert_eq!(made.digest(), document.items().digest());
        prop_assert_eq!(made.version(), 1);
    }

    #[test]
    fn folding_from_any_estate_gives_the_same_items(one in text(), other in text()) {
        let (one, other) = (Document::parse(&one.written()).unwrap(), Document::parse(&other.written()).unwrap());
        let made = folded(&folded(&Estate::default(), &one), &other);
        prop_assert_eq!(made.items(), other.items());
        prop_assert_eq!(made.digest(), folded(&Estate::default(), &other).digest());
        prop_assert_eq!(made.version(), 2);
    }

    #[test]
    fn a_document_in_force_changes_nothing(text in text()) {
        let document = Document::parse(&text.written()).unwrap();
        let made = folded(&Estate::default(), &document);
        prop_assert!(plan(&made, &document).is_empty());
    }

    #[test]
    fn the_order_of_a_text_does_not_matter(text in text()) {
        let (one, turned) = (Document::parse(&text.written()).unwrap(), Document::parse(&text.turned().written()).unwrap());
        prop_assert_eq!(one, turned);
    }

    #[test]
    fn different_items_have_different_digests(one in text(), other in text()) {
        let (one, other) = (Document::parse(&one.written()).unwrap(), Document::parse(&other.written()).unwrap());
        prop_assert_eq!(one.items() == other.items(), one.items().digest() == other.items().digest());
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "(\\[|\\]|team|agent|\\.|=|\"|a|\n|\\{|\\}|,|1|'|#| ){0,60}") {
        let _ = Document::parse(&text);
    }
}

#[test]
fn a_plan_names_what_changes_in_order() {
    let before = estate(&sample());
    let text = sample().replace("\"20m\"", "\"30m\"").replace("owner = \"platform\"\nclass", "class");
    let text = text.replace("[credential.prompt-key]", "[credential.answer-key]");
    let plan = plan(&before, &Document::parse(&text).unwrap());
    let told: Vec<_> =
        plan.changes.iter().map(|it| (it.action, it.kind.as_str(), it.name.as_str(), it.fields.clone())).collect();
    assert_eq!(
        told,
        [
            (Action::Change, "agent", "build-fleet", vec!["owner".to_owned()]),
            (Action::Add, "credential", "answer-key", vec![]),
            (Action::Change, "credential", "ledger-ro", vec!["max_ttl".to_owned()]),
            (Action::Remove, "credential", "prompt-key", vec![]),
        ]
    );
    assert_eq!(
        plan.warnings,
        [
            "agent.build-fleet has no owner: it gets nothing",
            "credential.prompt-key leaves secret/data/app/prompt-key: keep the old Vault policy of the broker until its leases are settled",
            "credential.answer-key comes to secret/data/app/prompt-key: print its Vault policies with `leasehold vault policy` and write them",
        ]
    );
}
