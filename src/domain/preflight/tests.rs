//! A good set-up has no trouble; each single fault gives exactly its finding.

use super::*;
use crate::estate::tests::{estate, sample};
use crate::vault_policy::{BROKER_POLICY, policies};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

mod broker;
mod outward;

fn read<T: DeserializeOwned>(fact: Value) -> T {
    serde_json::from_value(fact).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// What OpenBao 2.7.2 answered after the set-up of deploy/, less what is not looked at.
fn good(estate: &Estate) -> Survey {
    let policies = policies(estate);
    Survey {
        server: Seen::Is(read(json!({ "default_max_request_duration": 30_000_000_000_u64, "log_format": "" }))),
        audit_devices: Seen::Is(read(json!({ "main/": { "type": "file", "local": false } }))),
        entry_header_hashed: Seen::Is(false),
        login_config: Seen::Is(read(json!({ "jwks_url": "https://127.0.0.1/keys", "jwt_validation_pubkeys": [] }))),
        login_role: Seen::Is(read(login_role())),
        token_role: Seen::Is(read(token_role())),
        policy_names: Seen::Is(policies.iter().map(|(name, _)| name.clone()).chain(["default".to_owned()]).collect()),
        policies: policies.into_iter().map(|(name, text)| (name, Seen::Is(text))).collect(),
        databases: [(name("ledger-ro"), database())].into(),
        authorities: [(name("agent-cert"), authority())].into(),
        stores: ["ledger-probe", "prompt-key"].map(|store| (name(store), Seen::Is(read(mount())))).into(),
    }
}

fn login_role() -> Value {
    json!({
        "bound_audiences": ["vault"], "bound_claims": null, "bound_subject": "spiffe://example.org/leasehold",
        "clock_skew_leeway": 5, "expiration_leeway": -1, "not_before_leeway": -1, "role_type": "jwt",
        "token_bound_cidrs": ["127.0.0.0/8"], "token_explicit_max_ttl": 86400, "token_no_default_policy": true,
        "token_period": 600, "token_policies": ["leasehold-broker"], "token_type": "service", "user_claim": "sub",
    })
}

fn token_role() -> Value {
    json!({
        "allowed_entity_aliases": null, "allowed_policies": [], "allowed_policies_glob": ["leasehold-cred-*"],
        "explicit_max_ttl": 0, "name": "leasehold-task", "orphan": true, "path_suffix": "leasehold", "period": 0,
        "renewable": false, "token_bound_cidrs": ["127.0.0.0/8"], "token_explicit_max_ttl": 3600,
        "token_no_default_policy": true, "token_period": 0, "token_type": "service",
    })
}

fn database() -> DatabaseSurvey {
    let role = json!({
        "creation_statements": ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE app_ro;\nGRANT \"{{name}}\" TO openbao_engine;"],
        "credential_type": "password", "db_name": "ledger", "default_ttl": 1200, "max_ttl": 3600,
        "renew_statements": [], "revocation_statements": REVOCATION_STATEMENTS, "rollback_statements": [],
    });
    let connection = json!({
        "allowed_roles": ["ledger-ro"],
        "connection_details": {
            "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/x?lock_timeout=5000&statement_timeout=10000",
            "max_open_connections": "8", "password_authentication": "scram-sha-256", "username": "openbao_engine",
            "username_template": "{{.DisplayName | replace \"token-\" \"\" | truncate 18}}-{{random 8 | lowercase}}",
        },
        "plugin_name": "postgresql-database-plugin",
    });
    DatabaseSurvey { role: Seen::Is(read(role)), connection: Seen::Is(read(connection)) }
}

fn authority() -> PkiSurvey {
    let role = json!({
        "allow_any_name": false, "allow_ip_sans": false, "allow_localhost": false, "allowed_domains": [],
        "allowed_uri_sans": ["spiffe://example.org/*"], "generate_lease": true, "max_ttl": 3600, "no_store": false,
        "require_cn": false, "ttl": 1200, "use_csr_common_name": false, "use_csr_sans": false,
    });
    PkiSurvey {
        role: Seen::Is(read(role)),
        crl: Seen::Is(read(json!({ "auto_rebuild": false, "disable": false, "expiry": "72h" }))),
    }
}

fn mount() -> Value {
    json!({ "type": "kv", "options": { "version": "2" }, "description": "key/value secret storage" })
}

fn examined(estate: &Estate, survey: &Survey) -> Vec<Finding> {
    let broker_id = SpiffeId::parse("spiffe://example.org/leasehold").unwrap();
    let expected = Expected {
        estate,
        estate_file: "estate.toml",
        broker_id: Some(&broker_id),
        audience: "vault",
        login_mount: "jwt",
        login_role: "leasehold",
        request_seconds_max: 90,
    };
    examine(&expected, survey)
}

fn troubles(estate: &Estate, survey: &Survey) -> Vec<(String, Severity)> {
    let found = examined(estate, survey).into_iter().filter(|it| it.severity != Severity::Ok);
    found.map(|it| (it.check, it.severity)).collect()
}

fn is<T>(seen: &mut Seen<T>) -> &mut T {
    match seen {
        Seen::Is(fact) => fact,
        _ => panic!("the good survey has it"),
    }
}

fn login(survey: &mut Survey) -> &mut JwtRole {
    is(&mut survey.login_role)
}

fn token(survey: &mut Survey) -> &mut TokenRole {
    is(&mut survey.token_role)
}

fn role(survey: &mut Survey) -> &mut DatabaseRole {
    is(&mut survey.databases.get_mut(&name("ledger-ro")).unwrap().role)
}

fn details(survey: &mut Survey) -> &mut ConnectionDetails {
    &mut is(&mut survey.databases.get_mut(&name("ledger-ro")).unwrap().connection).connection_details
}

fn pki(survey: &mut Survey) -> &mut PkiRole {
    is(&mut survey.authorities.get_mut(&name("agent-cert")).unwrap().role)
}

fn crl(survey: &mut Survey) -> &mut CrlConfig {
    is(&mut survey.authorities.get_mut(&name("agent-cert")).unwrap().crl)
}

fn created(survey: &mut Survey, old: &str, new: &str) {
    let statement = &mut role(survey).creation_statements[0];
    assert!(statement.contains(old));
    *statement = statement.replace(old, new);
}

fn ledger_policy(survey: &mut Survey) -> (String, Seen<String>) {
    let found = survey.policies.iter().find(|(name, _)| name.contains("ledger-ro")).unwrap();
    (found.0.clone(), found.1.clone())
}

type Mutation = (&'static str, Severity, fn(&mut Survey));

const MUTATIONS: &[Mutation] = &[
    ("server.request-duration", Severity::Fail, |it| is(&mut it.server).default_max_request_duration = 90_000_000_001),
    ("server.audit-device", Severity::Fail, |it| is(&mut it.audit_devices).clear()),
    ("server.entry-header", Severity::Warn, |it| it.entry_header_hashed = Seen::Is(true)),
    ("server.entry-header", Severity::Warn, |it| it.entry_header_hashed = Seen::Absent),
    ("login.keys", Severity::Warn, |it| is(&mut it.login_config).jwks_url.clear()),
    ("login.subject", Severity::Fail, |it| login(it).bound_subject = "spiffe://example.org/*".into()),
    ("login.subject", Severity::Fail, |it| login(it).bound_subject.clear()),
    ("login.subject", Severity::Fail, |it| login(it).user_claim = "aud".into()),
    ("login.audience", Severity::Fail, |it| login(it).bound_audiences.clear()),
    ("login.audience", Severity::Fail, |it| login(it).bound_audiences.push("other".into())),
    ("login.expiration-leeway", Severity::Fail, |it| login(it).expiration_leeway = 0),
    ("login.not-before-leeway", Severity::Fail, |it| login(it).not_before_leeway = 150),
    ("login.clock-skew-leeway", Severity::Warn, |it| login(it).clock_skew_leeway = 0),
    ("login.clock-skew-leeway", Severity::Warn, |it| login(it).clock_skew_leeway = -1),
    ("login.policies", Severity::Fail, |it| login(it).token_policies.push("admin".into())),
    ("login.policies", Severity::Fail, |it| login(it).token_no_default_policy = false),
    ("login.token-life", Severity::Fail, |it| login(it).token_period = 0),
    ("login.token-life", Severity::Fail, |it| login(it).token_explicit_max_ttl = 0),
    ("login.token-life", Severity::Fail, |it| login(it).token_type = "batch".into()),
    ("login.cidrs", Severity::Warn, |it| login(it).token_bound_cidrs.clear()),
    ("tokens.policies", Severity::Fail, |it| token(it).allowed_policies_glob = vec!["*".into()]),
    ("tokens.policies", Severity::Fail, |it| token(it).allowed_policies.push("leasehold-broker".into())),
    ("tokens.policies", Severity::Fail, |it| token(it).token_no_default_policy = false),
    ("tokens.suffix", Severity::Fail, |it| token(it).path_suffix.clear()),
    ("tokens.parentless", Severity::Fail, |it| token(it).orphan = false),
    ("tokens.type", Severity::Fail, |it| token(it).token_type = "batch".into()),
    ("tokens.life", Severity::Fail, |it| token(it).token_explicit_max_ttl = 0),
    ("tokens.life", Severity::Fail, |it| token(it).token_explicit_max_ttl = 86_401),
    ("tokens.life", Severity::Fail, |it| token(it).renewable = true),
    ("tokens.life", Severity::Fail, |it| token(it).token_period = 600),
    ("tokens.cidrs", Severity::Warn, |it| token(it).token_bound_cidrs.clear()),
    ("policy.leasehold-broker", Severity::Fail, |it| {
        is(it.policies.get_mut(BROKER_POLICY).unwrap()).push_str("\npath \"*\" {}\n")
    }),
    ("policy.leasehold-broker", Severity::Fail, |it| *it.policies.get_mut(BROKER_POLICY).unwrap() = Seen::Absent),
    ("policy.stale", Severity::Warn, |it| is(&mut it.policy_names).push("leasehold-cred-old-01234567".into())),
    ("database.ledger-ro.valid-until", Severity::Fail, |it| created(it, " VALID UNTIL '{{expiration}}'", "")),
    ("database.ledger-ro.in-role", Severity::Fail, |it| created(it, " IN ROLE app_ro", "")),
    ("database.ledger-ro.object-grants", Severity::Warn, |it| {
        created(it, "GRANT", "GRANT SELECT ON ledger.entries TO \"{{name}}\"; GRANT")
    }),
    ("database.ledger-ro.engine-grant", Severity::Fail, |it| created(it, "TO openbao_engine", "TO another_engine")),
    ("database.ledger-ro.engine-grant", Severity::Fail, |it| details(it).username = "another_engine".into()),
    ("database.ledger-ro.revocation", Severity::Fail, |it| role(it).revocation_statements.clear()),
    ("database.ledger-ro.revocation", Severity::Fail, |it| role(it).revocation_statements.swap(0, 4)),
    ("database.ledger-ro.revocation", Severity::Fail, |it| drop(role(it).revocation_statements.remove(1))),
    ("database.ledger-ro.revocation", Severity::Fail, |it| {
        let statement = &mut role(it).revocation_statements[3];
        *statement = statement.replace("{{name}}", "{{NAME}}");
    }),
    ("database.ledger-ro.username-template", Severity::Fail, |it| details(it).username_template.clear()),
    ("database.ledger-ro.username-template", Severity::Fail, |it| {
        let template = &mut details(it).username_template;
        *template = template.replace("truncate 18", "truncate 8");
    }),
    ("database.ledger-ro.username-template", Severity::Fail, |it| {
        let template = &mut details(it).username_template;
        *template = template.replace("-{{random 8 | lowercase}}", "");
    }),
    ("database.ledger-ro.pool", Severity::Warn, |it| details(it).max_open_connections = 0),
    ("database.ledger-ro.pool", Severity::Warn, |it| details(it).max_open_connections = -1),
    ("database.ledger-ro.timeouts", Severity::Warn, |it| {
        details(it).connection_url = "postgresql://db/x?lock_timeout=5000".into()
    }),
    ("database.ledger-ro.password", Severity::Warn, |it| details(it).password_authentication = "password".into()),
    ("database.ledger-ro.default-ttl", Severity::Warn, |it| role(it).default_ttl = 1_201),
    ("database.ledger-ro.default-ttl", Severity::Warn, |it| role(it).default_ttl = 0),
    ("database.ledger-ro.max-ttl", Severity::Warn, |it| role(it).max_ttl = 1_199),
    ("database.ledger-ro.max-ttl", Severity::Warn, |it| role(it).max_ttl = 0),
    ("pki.agent-cert.csr-sans", Severity::Fail, |it| pki(it).use_csr_sans = true),
    ("pki.agent-cert.csr-common-name", Severity::Fail, |it| pki(it).use_csr_common_name = true),
    ("pki.agent-cert.require-cn", Severity::Fail, |it| pki(it).require_cn = true),
    ("pki.agent-cert.uri-sans", Severity::Fail, |it| pki(it).allowed_uri_sans.clear()),
    ("pki.agent-cert.uri-sans", Severity::Fail, |it| pki(it).allowed_uri_sans.push("*".into())),
    ("pki.agent-cert.uri-sans", Severity::Fail, |it| pki(it).allowed_uri_sans.push("spiffe://*/a".into())),
    ("pki.agent-cert.other-names", Severity::Warn, |it| pki(it).allow_any_name = true),
    ("pki.agent-cert.other-names", Severity::Warn, |it| pki(it).allowed_domains.push("example.org".into())),
    ("pki.agent-cert.lease", Severity::Fail, |it| pki(it).generate_lease = false),
    ("pki.agent-cert.stored", Severity::Fail, |it| pki(it).no_store = true),
    ("pki.agent-cert.max-ttl", Severity::Warn, |it| pki(it).max_ttl = 0),
    ("pki.agent-cert.crl-enabled", Severity::Fail, |it| crl(it).disable = true),
    ("pki.agent-cert.crl-at-once", Severity::Warn, |it| crl(it).auto_rebuild = true),
    ("kv.prompt-key.version", Severity::Fail, |it| is(it.stores.get_mut(&name("prompt-key")).unwrap()).options.clear()),
];

#[test]
fn a_good_set_up_has_no_trouble() {
    let estate = estate(&sample());
    assert_eq!(troubles(&estate, &good(&estate)), []);
    let fine = examined(&estate, &good(&estate));
    assert!(fine.iter().all(|it| !it.sentence.is_empty() && it.mend.is_empty()), "{fine:#?}");
}

#[test]
fn each_single_fault_gives_exactly_its_finding() {
    let estate = estate(&sample());
    for (number, (check, severity, mutate)) in MUTATIONS.iter().enumerate() {
        let mut survey = good(&estate);
        mutate(&mut survey);
        assert_eq!(troubles(&estate, &survey), [((*check).to_owned(), *severity)], "mutation {number}");
        let findings = examined(&estate, &survey);
        let finding = findings.iter().find(|it| it.severity != Severity::Ok).unwrap();
        assert!(!finding.sentence.is_empty() && !finding.mend.is_empty(), "{finding:?}");
        let of_login_role = finding.mend.contains("auth/jwt/role/leasehold ");
        assert_eq!(of_login_role, finding.mend.contains("role_type=jwt"), "{}", finding.mend);
    }
}

#[test]
fn every_check_has_a_fault_that_it_finds() {
    let estate = estate(&sample());
    let all: BTreeSet<String> = examined(&estate, &good(&estate)).into_iter().map(|it| it.check).collect();
    let found: BTreeSet<String> = MUTATIONS.iter().map(|(check, _, _)| (*check).to_owned()).collect();
    // These are told apart by the name of an item only; one of each kind is mutated.
    let alike = |check: &&String| (check.starts_with("policy.leasehold-cred-")) || *check == "kv.ledger-probe.version";
    assert_eq!(all.difference(&found).filter(|it| !alike(it)).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(found.difference(&all).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn drift_of_one_credential_policy_is_found_by_its_name() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    let (policy, seen) = ledger_policy(&mut survey);
    let spaced = Seen::Is(format!("\n{}\n\n", is(&mut seen.clone())));
    survey.policies.insert(policy.clone(), spaced);
    assert_eq!(troubles(&estate, &survey), [], "white space around a policy is no drift");
    survey.policies.insert(policy.clone(), Seen::Is("path \"database/creds/*\" { capabilities = [\"read\"] }".into()));
    assert_eq!(troubles(&estate, &survey), [(format!("policy.{policy}"), Severity::Fail)]);
}

#[test]
fn what_is_absent_or_unread_is_told() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    survey.token_role = Seen::Absent;
    assert_eq!(troubles(&estate, &survey), [("tokens.role".to_owned(), Severity::Fail)]);
    survey = good(&estate);
    survey.server = Seen::Unread("403".into());
    assert_eq!(troubles(&estate, &survey), [("server.state".to_owned(), Severity::Warn)]);
    survey = good(&estate);
    survey.databases.clear();
    survey.authorities.clear();
    survey.stores.clear();
    let unlooked = [
        "pki.agent-cert.role",
        "pki.agent-cert.crl",
        "kv.ledger-probe.mount",
        "database.ledger-ro.role",
        "kv.prompt-key.mount",
    ];
    assert_eq!(troubles(&estate, &survey), unlooked.map(|check| (check.to_owned(), Severity::Warn)));
}

#[test]
fn the_same_sql_in_another_dress_is_the_same() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    for statement in &mut role(&mut survey).revocation_statements {
        *statement = statement.replace("SELECT", "select\n  ").replace("END $$;", "end  $$ ;\n");
    }
    role(&mut survey).revocation_statements.push(" ; ".into());
    created(&mut survey, "VALID UNTIL", "valid\n  until");
    assert_eq!(troubles(&estate, &survey), []);
}

#[test]
fn a_mend_is_a_command_that_the_shell_leaves_alone() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    role(&mut survey).revocation_statements.clear();
    let findings = examined(&estate, &survey);
    let mend = &findings.iter().find(|it| it.severity == Severity::Fail).unwrap().mend;
    assert!(mend.starts_with("bao write database/roles/ledger-ro revocation_statements='DO $$ BEGIN IF EXISTS"));
    assert!(mend.contains("rolname='\\''{{name}}'\\'')"));
    assert_eq!(mend.matches(" revocation_statements=").count(), 5);
    let mut survey = good(&estate);
    is(&mut survey.policy_names).push("leasehold-cred-x; reboot".into());
    let findings = examined(&estate, &survey);
    let mend = &findings.iter().find(|it| it.check == "policy.stale").unwrap().mend;
    assert_eq!(mend, "bao policy delete 'leasehold-cred-x; reboot'");
}

#[test]
fn a_creation_statement_is_mended_with_the_names_it_has() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    created(&mut survey, " VALID UNTIL '{{expiration}}'", "");
    let findings = examined(&estate, &survey);
    let mend = &findings.iter().find(|it| it.severity == Severity::Fail).unwrap().mend;
    assert!(mend.contains("IN ROLE app_ro; GRANT \"{{name}}\" TO openbao_engine;") && !mend.contains('<'), "{mend}");
    created(&mut survey, " IN ROLE app_ro", "");
    let findings = examined(&estate, &survey);
    let mend = &findings.iter().find(|it| it.severity == Severity::Fail).unwrap().mend;
    assert!(mend.contains("IN ROLE <group role>; GRANT"), "{mend}");
}

#[test]
fn a_policy_is_mended_by_one_command() {
    let estate = estate(&sample());
    let mut survey = good(&estate);
    survey.policies.insert(BROKER_POLICY.into(), Seen::Absent);
    let findings = examined(&estate, &survey);
    let mend = &findings.iter().find(|it| it.severity == Severity::Fail).unwrap().mend;
    assert_eq!(
        mend,
        "leasehold vault policy estate.toml --name leasehold-broker | bao policy write leasehold-broker -"
    );
}
