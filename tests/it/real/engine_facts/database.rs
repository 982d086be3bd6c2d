//! The database engine: names, rights, one statement at a time, static roles.

use crate::real::lab::{CREATE, Creds, DROP_ONLY, Lab, Session, call, call_as, must, revoke, sql, task_token};
use crate::real::world::{LEDGER_POLICY, world};
use serde_json::{Value, json};

#[test]
fn the_account_is_named_by_the_tag_and_each_mint_of_a_token_has_its_own() {
    let (token, _) = task_token(&[LEDGER_POLICY], "lhtesteeeeeeeeeeee");
    let mint = || Creds::from(&call_as(&token, "GET", "database/creds/ledger-ro", &Value::Null));
    let (first, second) = (mint(), mint());
    for creds in [&first, &second] {
        let (tag, own) = creds.user.split_once('-').unwrap();
        assert_eq!(tag, "lhtesteeeeeeeeeeee");
        assert!(own.len() == 8 && own.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{own}");
        assert_eq!(creds.log_in().unwrap(), "3");
        assert_eq!(revoke(&creds.lease).status, 204);
        assert!(!creds.exists());
    }
    assert_ne!(first.user, second.user);
}

#[test]
fn without_a_random_end_the_second_mint_of_a_token_fails() {
    let lab = Lab::new("tag-only");
    must(
        "POST",
        &format!("{}/config/main", lab.mount),
        &json!({ "username_template": r#"{{.DisplayName | replace "token-" "" | truncate 18}}"# }),
    );
    lab.role("r", CREATE, DROP_ONLY);
    let policy = "leasehold-cred-tag-only";
    let text = format!(r#"path "{}" {{ capabilities=["read"] }}"#, lab.path("r"));
    must("PUT", &format!("sys/policies/acl/{policy}"), &json!({ "policy": text }));
    let (token, _) = task_token(&[policy], "lhtestffffffffffff");
    let first = lab.mint_as(&token, "r");
    assert_eq!(first.user, "lhtestffffffffffff");
    let second = call_as(&token, "GET", &lab.path("r"), &Value::Null);
    assert_eq!(second.status, 500, "{:?}", second.body);
    assert_eq!(revoke(&first.lease).status, 204);
}

#[test]
fn the_default_template_keeps_two_characters_of_the_display_name() {
    let lab = Lab::new("default-name");
    must("POST", &format!("{}/config/main", lab.mount), &json!({ "username_template": "" }));
    lab.role("r", CREATE, DROP_ONLY);
    let policy = "leasehold-cred-default-name";
    let text = format!(r#"path "{}" {{ capabilities=["read"] }}"#, lab.path("r"));
    must("PUT", &format!("sys/policies/acl/{policy}"), &json!({ "policy": text }));
    let (token, _) = task_token(&[policy], "lhtestgggggggggggg");
    let creds = lab.mint_as(&token, "r");
    assert!(creds.user.starts_with("v-token-lh-r-"), "{}", creds.user);
    assert_eq!(revoke(&creds.lease).status, 204);
}

#[test]
fn ending_sessions_needs_membership_in_the_account() {
    let lab = Lab::new("membership");
    let ended = &[r"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{{name}}'", DROP_ONLY[0]];
    lab.role("stranger", &CREATE[..1], ended);
    lab.role("member", CREATE, ended);
    for (role, status) in [("member", 204), ("stranger", 400)] {
        let creds = lab.mint(role);
        let mut session = Session::open(&creds.user, &creds.password);
        assert_eq!(revoke(&creds.lease).status, status, "{role}");
        assert_eq!(session.ask("SELECT 2").is_some(), status == 400, "{role}");
    }
}

#[test]
fn dropping_the_account_leaves_its_sessions_alive_and_without_a_role() {
    let lab = Lab::new("drop-only");
    lab.role("r", CREATE, DROP_ONLY);
    let creds = lab.mint("r");
    let mut session = Session::open(&creds.user, &creds.password);
    let number = sql(&format!("SELECT oid FROM pg_roles WHERE rolname = '{}'", creds.user));
    assert_eq!(session.ask("SET ROLE app_ro; SELECT 3").as_deref(), Some("3"));
    assert_eq!(revoke(&creds.lease).status, 204);
    assert!(!creds.exists() && creds.log_in().is_err());
    assert_eq!(session.ask("SELECT count(*) FROM ledger.entries").as_deref(), Some("3"), "it still reads the table");
    let sessions = |what: &str| sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {what}"));
    assert_eq!(sessions(&format!("usename = '{}'", creds.user)), "0", "and is not to be found by its name");
    assert_eq!(sessions(&format!("usesysid = {number}")), "1");
}

#[test]
fn one_connection_config_runs_one_statement_at_a_time() {
    let lab = Lab::new("one-at-a-time");
    lab.connect("other", &format!("127.0.0.1:{}", world().postgres.port));
    let slow: Vec<&str> = [&["SELECT pg_sleep(0.7) /* one at a time */"], CREATE].concat();
    lab.role("a", &slow, DROP_ONLY);
    lab.role("b", &slow, DROP_ONLY);
    lab.role_on("other", "c", &slow, DROP_ONLY);
    let most_at_once = |roles: [&str; 2]| {
        let mints = roles.map(|role| {
            let path = lab.path(role);
            std::thread::spawn(move || Creds::from(&world().bao.call("GET", &path, &Value::Null).unwrap()))
        });
        let mut most = 0;
        while mints.iter().any(|mint| !mint.is_finished()) {
            let now = sql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%one at a time%' AND state = 'active' AND usename = 'openbao_engine'",
            );
            most = most.max(now.parse().unwrap());
        }
        for mint in mints {
            assert_eq!(revoke(&mint.join().unwrap().lease).status, 204);
        }
        most
    };
    assert_eq!(most_at_once(["a", "c"]), 2, "two configs");
    assert_eq!(most_at_once(["a", "b"]), 1, "one config");
}

#[test]
fn rotating_a_static_role_refuses_the_old_password_and_leaves_sessions_alive() {
    let lab = Lab::new("static");
    sql("CREATE ROLE lab_static LOGIN IN ROLE app_ro");
    let body = json!({ "db_name": "main", "username": "lab_static", "rotation_period": "24h" });
    must("POST", &format!("{}/static-roles/s", lab.mount), &body);
    let read = || {
        let answer = must("GET", &format!("{}/static-creds/s", lab.mount), &Value::Null);
        assert_eq!(answer.text("/lease_id"), "", "no lease");
        let (user, password) = (answer.text("/data/username").into(), answer.text("/data/password").into());
        Creds { lease: String::new(), user, password }
    };
    let old = read();
    let mut session = Session::open(&old.user, &old.password);
    assert_eq!(call("POST", &format!("{}/rotate-role/s", lab.mount), &Value::Null).status, 204);
    assert!(old.log_in().is_err());
    assert_eq!(read().log_in().unwrap(), "3");
    assert_eq!(session.ask("SELECT count(*) FROM ledger.entries").as_deref(), Some("3"));
}
