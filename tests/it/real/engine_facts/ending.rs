//! Revocation SQL: why one transaction is not enough, and that the form in `deploy/` is.

use crate::real::lab::{CREATE, Creds, Lab, Session, call, must, revoke, sql};
use serde_json::Value;

const ONE_TRANSACTION: &[&str] = &[
    r#"ALTER ROLE "{{name}}" NOLOGIN"#,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{{name}}'",
    r#"DROP ROLE "{{name}}""#,
];

/// What a user with nothing but read rights can do to stay.
const TRICKS: [&str; 2] =
    ["SELECT lo_create(0)", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_ro; SELECT 1"];

#[test]
fn in_one_transaction_a_read_only_user_can_make_the_drop_fail_and_keep_the_login() {
    let lab = Lab::new("one-transaction");
    lab.role("r", CREATE, ONE_TRANSACTION);
    let plain = lab.mint("r");
    assert_eq!(revoke(&plain.lease).status, 204, "without a trick it works");
    for trick in TRICKS {
        let creds = lab.mint("r");
        Session::open(&creds.user, &creds.password).ask(trick).unwrap();
        assert_eq!(revoke(&creds.lease).status, 400, "{trick}");
        assert_eq!(creds.log_in().unwrap(), "3", "{trick}: NOLOGIN was rolled back");
        sql(&format!(r#"DROP OWNED BY "{0}"; DROP ROLE "{0}""#, creds.user));
    }
}

#[test]
fn the_two_phase_form_ends_sessions_and_tricks_alike() {
    for trick in ["SELECT 1", TRICKS[0], TRICKS[1], "SET ROLE app_ro; SELECT 1"] {
        let creds = Creds::from(&call("GET", "database/creds/ledger-ro", &Value::Null));
        let mut session = Session::open(&creds.user, &creds.password);
        session.ask(trick).unwrap();
        assert_eq!(revoke(&creds.lease).status, 204, "{trick}");
        assert!(!creds.exists() && creds.log_in().is_err(), "{trick}");
        assert_eq!(session.ask("SELECT 2"), None, "{trick}");
    }
}

#[test]
fn the_engine_keeps_the_statements_of_the_example_in_their_order() {
    let role = must("GET", "database/roles/ledger-ro", &Value::Null);
    let statements = role.body.pointer("/data/revocation_statements").unwrap().as_array().unwrap();
    let firsts: Vec<&str> = statements.iter().map(|text| text.as_str().unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(firsts, ["DO", "COMMIT", "BEGIN", "SELECT", "DO"]);
}
