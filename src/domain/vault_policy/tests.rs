//! Policies as decided, and the laws of their language over made-up paths.

use super::*;
use crate::estate::tests::{estate, sample};
use crate::estate::{Item, Items};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

/// What the engine's ACL would read from a policy: (path, capabilities).
fn rules_of(hcl: &str) -> Vec<(String, Vec<String>)> {
    let quoted = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut rules = Vec::new();
    for line in hcl.lines() {
        if line.starts_with("path ") {
            rules.push((quoted(line).remove(0), Vec::new()));
        } else if line.starts_with("  capabilities") {
            rules.last_mut().unwrap().1 = quoted(line);
        }
    }
    rules
}

/// Whether some rule permits the capability there: exact path, or prefix before a final `*`.
fn permits(hcl: &str, path: &str, capability: &str) -> bool {
    rules_of(hcl).iter().any(|(rule, capabilities)| {
        let here = rule.strip_suffix('*').map_or(rule == path, |prefix| path.starts_with(prefix));
        here && capabilities.iter().any(|it| it == capability)
    })
}

fn with_path(kind: Kind, path: &str) -> Option<Credential> {
    let path = EnginePath::parse(path).ok()?;
    path.of_kind(kind).ok()?;
    let json = format!(
        "{{\"exclusive\":false,\"kind\":\"{kind}\",\"max_ttl_seconds\":60,\"path\":\"{path}\",\"sensitivity\":\"low\"}}"
    );
    match Item::read("credential", "made-up", &json).unwrap() {
        Item::Credential(_, credential) => Some(credential),
        _ => None,
    }
}

fn holding(credentials: Vec<Credential>) -> Estate {
    let mut group = Estate::default().open_group();
    let mut items = Items::default();
    for (number, credential) in credentials.into_iter().enumerate() {
        items.set(Item::Credential(Name::parse(&format!("c{number}")).unwrap(), credential));
    }
    for row in items.rows() {
        group.set(row.kind.as_str(), &row.name, &row.json).unwrap();
    }
    let (counts, digest) = (items.counts(), items.digest());
    group.seal(&crate::entry::bodies::estate::Applied { counts, digest, version: 1 }).unwrap()
}

#[test]
fn the_brokers_policy_is_as_decided() {
    let fixed = r#"path "auth/token/create/leasehold-task" {
  capabilities = ["update"]
  required_parameters = ["policies", "explicit_max_ttl", "display_name", "meta"]
  allowed_parameters = {
    "policies" = []
    "explicit_max_ttl" = []
    "display_name" = []
    "meta" = []
    "ttl" = []
    "renewable" = [false]
  }
}

path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}

path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "sys/policies/acl/leasehold-cred-*" {
  capabilities = ["read"]
}

path "sys/leases/lookup/auth/token/create/leasehold-task/leasehold" {
  capabilities = ["list", "sudo"]
}
"#;
    let leases = r#"
path "sys/leases/lookup" {
  capabilities = ["update"]
  required_parameters = ["lease_id"]
  allowed_parameters = {
    "lease_id" = ["pki/sign/agent/*", "database/creds/ledger-ro/*"]
  }
}

path "sys/leases/revoke/pki/sign/agent/*" {
  capabilities = ["update"]
  required_parameters = ["sync"]
  allowed_parameters = {
    "sync" = [true]
  }
}

path "sys/leases/renew/pki/sign/agent/*" {
  capabilities = ["update"]
  allowed_parameters = {
    "increment" = []
  }
}

path "sys/leases/lookup/pki/sign/agent" {
  capabilities = ["list", "sudo"]
}
"#;
    let policy = broker_policy(&estate(&sample()));
    assert!(policy.starts_with(&format!("{fixed}{leases}")), "{policy}");
    assert!(policy.ends_with(
        "path \"sys/leases/lookup/database/creds/ledger-ro\" {\n  capabilities = [\"list\", \"sudo\"]\n}\n"
    ));
    assert_eq!(broker_policy(&Estate::default()), fixed, "without leased credentials no lease can be looked up");
}

#[test]
fn the_policy_of_a_credential_is_as_decided() {
    let policies = credential_policies(&estate(&sample()));
    let certificate = r#"path "pki/sign/agent" {
  capabilities = ["update"]
  required_parameters = ["csr", "ttl", "uri_sans"]
  allowed_parameters = {
    "csr" = []
    "format" = ["pem"]
    "ttl" = []
    "uri_sans" = []
  }
}
"#;
    let read = |path: &str| format!("path \"{path}\" {{\n  capabilities = [\"read\"]\n}}\n");
    let expected = [
        ("leasehold-cred-agent-cert-a82ea928".to_owned(), certificate.to_owned()),
        ("leasehold-cred-ledger-probe-a4c0bc04".to_owned(), read("secret/data/ledger-probe")),
        ("leasehold-cred-ledger-ro-f8c236f0".to_owned(), read("database/creds/ledger-ro")),
        ("leasehold-cred-prompt-key-ac6097c0".to_owned(), read("secret/data/app/prompt-key")),
    ];
    assert_eq!(policies, expected);
}

#[test]
fn a_moved_credential_has_another_policy() {
    let name = Name::parse("ledger-ro").unwrap();
    let (one, moved) =
        (with_path(Kind::Database, "db/creds/a").unwrap(), with_path(Kind::Database, "db/creds/b").unwrap());
    assert_eq!(policy_name(&name, &one), policy_name(&name, &one.clone()));
    assert_ne!(policy_name(&name, &one), policy_name(&name, &moved));
    let other_limits = Credential { max_ttl_seconds: 90, exclusive: true, ..one.clone() };
    assert_eq!(policy_name(&name, &one), policy_name(&name, &other_limits));
}

#[test]
fn the_broker_reads_no_secret_and_writes_no_policy() {
    let policy = broker_policy(&estate(&sample()));
    assert!(permits(&policy, "sys/leases/revoke/database/creds/ledger-ro/abc", "update"));
    assert!(permits(&policy, "sys/policies/acl/leasehold-cred-ledger-ro-00000000", "read"));
    for (path, capability) in [
        ("database/creds/ledger-ro", "read"),
        ("secret/data/ledger-probe", "read"),
        ("pki/sign/agent", "update"),
        ("sys/policies/acl/leasehold-cred-ledger-ro-00000000", "update"),
        ("sys/policies/acl/leasehold-broker", "read"),
        ("sys/leases/revoke", "update"),
        ("sys/leases/revoke/database/creds/ledger-rw/abc", "update"),
        ("sys/leases/revoke-prefix/database/creds/ledger-ro", "update"),
        ("sys/leases/revoke-force/database/creds/ledger-ro", "update"),
        ("sys/leases/renew", "update"),
        ("auth/token/create", "update"),
        ("auth/token/create-orphan", "update"),
        ("auth/token/roles/leasehold-task", "update"),
    ] {
        assert!(!permits(&policy, path, capability), "{capability} {path}");
    }
}

/// Texts near and far from a path: many are refused, and what is accepted must be harmless.
fn near_paths() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[a-zA-Z0-9._-]{1,6}",
        1 => ".{0,4}",
        1 => Just("..".to_owned()),
        1 => "[*+\"\\\\{}$%\n\r\t ]{1,3}",
    ];
    (proptest::collection::vec(segment, 1..3), 0usize..3, "[a-z*+./\"-]{1,6}")
        .prop_map(|(mount, marker, name)| format!("{}/{}/{name}", mount.join("/"), ["creds", "data", "sign"][marker]))
}

proptest! {
    #[test]
    fn the_language_of_a_policy_is_one_path(text in near_paths(), other in near_paths(), tail in ".{0,8}") {
        for kind in Kind::ALL {
            let Some(credential) = with_path(*kind, &text) else { continue };
            let estate = holding(vec![credential]);
            let policies = credential_policies(&estate);
            let (_, hcl) = &policies[0];
            let draw = if *kind == Kind::Pki { "update" } else { "read" };
            prop_assert!(permits(hcl, &text, draw));
            prop_assert_eq!(permits(hcl, &other, draw), other == text);
            prop_assert_eq!(permits(hcl, &format!("{text}{tail}"), draw), tail.is_empty());
            prop_assert!(!hcl.contains(['*', '+', '\\', '$']) && !hcl.contains("{{") && hcl.is_ascii());
            let broker = broker_policy(&estate);
            prop_assert!(!permits(&broker, &text, "read") && !permits(&broker, &text, "update"));
            let revoked = format!("sys/leases/revoke/{other}/x");
            prop_assert_eq!(permits(&broker, &revoked, "update"), kind.is_leased() && revoked.starts_with(&format!("sys/leases/revoke/{text}/")));
        }
    }

    #[test]
    fn every_star_is_one_of_ours(texts in proptest::collection::vec(near_paths(), 1..6)) {
        let credentials: Vec<_> = texts.iter().flat_map(|text| Kind::ALL.iter().filter_map(|kind| with_path(*kind, text))).collect();
        let leased = credentials.iter().filter(|it| it.kind.is_leased()).count();
        let broker = broker_policy(&holding(credentials));
        // One for policies; for each leased path one lease list, one revoke, one renew.
        prop_assert_eq!(broker.matches('*').count(), 1 + 3 * leased);
        prop_assert_eq!(broker.matches("*\"").count(), broker.matches('*').count());
        prop_assert_eq!(broker.matches("path \"").count(), 6 + usize::from(leased > 0) + 3 * leased);
        prop_assert_eq!(broker.matches('"').count() % 2, 0);
    }
}

#[test]
fn the_made_up_paths_are_partly_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts: Vec<String> = (0..400).map(|_| near_paths().new_tree(&mut runner).unwrap().current()).collect();
    let accepted = texts.iter().filter(|text| Kind::ALL.iter().any(|kind| with_path(*kind, text).is_some())).count();
    assert!((20..380).contains(&accepted), "{accepted} of 400: the laws above look at something");
}
