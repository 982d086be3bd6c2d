//! Faults of the engine's set-up, one at a time: found by exactly their checks, and gone after the mends
//! that were printed, run as they stand.

use super::practice::Practice;
use serde_json::json;

/// What an administrator might do or forget, what is found, and by how bad it is.
type Fault = (&'static str, fn(&Practice), &'static [(&'static str, &'static str)]);

const FAULTS: [Fault; 11] = [
    (
        "no revocation statements",
        |it| post(it, "database/roles/ledger-ro", &json!({ "revocation_statements": [] })),
        &[("database.ledger-ro.revocation", "fail")],
    ),
    (
        "no VALID UNTIL",
        |it| post(it, "database/roles/ledger-ro", &json!({ "creation_statements": [ENDLESS] })),
        &[("database.ledger-ro.valid-until", "fail")],
    ),
    (
        "the engine's own user names",
        |it| post(it, "database/config/ledger", &json!({ "username_template": "" })),
        &[("database.ledger-ro.username-template", "fail")],
    ),
    (
        "one connection for all",
        |it| post(it, "database/config/ledger", &json!({ "max_open_connections": 1 })),
        &[("database.ledger-ro.pool", "warn")],
    ),
    ("leeways by default", |it| post(it, "auth/jwt/role/leasehold", &leeways()), &LEEWAYS),
    ("a wider policy", widen, &[("policy.leasehold-broker", "fail")]),
    (
        "a credential's policy is missing",
        |it| drop(it.shell("bao policy delete $(bao policy list | grep leasehold-cred-ledger-ro)")),
        &[("policy.leasehold-cred-ledger-ro-", "fail")],
    ),
    ("a policy of a credential that is no more", |it| drop(it.shell(GONE)), &[("policy.stale", "warn")]),
    (
        "tokens of tasks without a longest life",
        |it| post(it, "auth/token/roles/leasehold-task", &json!({ "token_explicit_max_ttl": 0 })),
        &[("tokens.life", "fail")],
    ),
    (
        "names from the signing request",
        |it| drop(it.shell("bao patch pki/roles/agent use_csr_sans=true")),
        &[("pki.agent-cert.csr-sans", "fail")],
    ),
    (
        "the entry's index is not audited",
        |it| drop(it.shell("bao delete sys/config/auditing/request-headers/x-leasehold-entry")),
        &[("server.entry-header", "warn")],
    ),
];

const ENDLESS: &str = r#"CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' IN ROLE app_ro;
GRANT "{{name}}" TO openbao_engine;"#;

const GONE: &str = r#"echo 'path "secret/data/gone" { capabilities = ["read"] }' |
    bao policy write leasehold-cred-gone-00000000 -"#;

const LEEWAYS: [(&str, &str); 3] =
    [("login.expiration-leeway", "fail"), ("login.not-before-leeway", "fail"), ("login.clock-skew-leeway", "warn")];

fn leeways() -> serde_json::Value {
    json!({ "role_type": "jwt", "expiration_leeway": 0, "not_before_leeway": 0, "clock_skew_leeway": 0 })
}

fn widen(practice: &Practice) {
    practice.shell(
        r#"(bao policy read leasehold-broker; echo 'path "secret/*" { capabilities = ["read"] }') |
            bao policy write leasehold-broker -"#,
    );
}

fn post(practice: &Practice, path: &str, body: &serde_json::Value) {
    practice.scene.bao.must("POST", path, body).unwrap();
}

#[test]
fn each_fault_of_a_real_engine_is_found_and_the_printed_mends_end_it() {
    let practice = Practice::open();
    let good = practice.visit(&[]);
    assert_eq!((good.troubles(), good.code), (vec![], Some(0)), "the set-up of deploy/ follows its own advice");
    for (what, make, expected) in FAULTS {
        make(&practice);
        let visit = practice.visit(&[]);
        let troubles = visit.troubles();
        let alike = |(found, severity): &(&str, &str), (check, wanted): &(&str, &str)| {
            found.starts_with(check) && severity == wanted
        };
        let exactly = troubles.len() == expected.len() && troubles.iter().zip(expected).all(|(it, row)| alike(it, row));
        assert!(exactly, "{what}: {troubles:?}");
        let fails = expected.iter().any(|(_, severity)| *severity == "fail");
        assert_eq!(visit.code, Some(i32::from(fails)), "{what}");
        for mend in visit.mends() {
            assert!(
                (mend.starts_with("bao ") || mend.starts_with("leasehold ")) && !mend.contains('<'),
                "{what}: {mend}"
            );
            practice.shell(mend);
        }
        let mended = practice.visit(&[]);
        assert_eq!((mended.troubles(), mended.code), (vec![], Some(0)), "{what}, after {:?}", visit.mends());
        assert_eq!(mended.findings().len(), good.findings().len(), "{what}");
    }
}
