//! The token role, accessors, and what happens to a mint whose token is revoked under it.

use crate::real::lab::{
    CREATE, Creds, DROP_ONLY, Lab, call, call_as, look_up, must, revoke, sql, task_token, token_with, wait_until,
};
use crate::real::world::{LEDGER_POLICY, broker_policy, world};
use serde_json::{Value, json};

const CREATE_PATH: &str = "auth/token/create/leasehold-task";

fn order(policies: &[&str]) -> Value {
    json!({ "policies": policies, "explicit_max_ttl": "10m", "display_name": "lhtestaaaaaaaaaaaa", "meta": { "task": "t" } })
}

fn life_of(accessor: &str) -> i64 {
    let seen = must("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    seen.number("/data/ttl").unwrap()
}

#[test]
fn the_token_role_gives_parentless_service_tokens_that_cannot_be_renewed() {
    let (_, accessor) = task_token(&[LEDGER_POLICY], "lhtestbbbbbbbbbbbb");
    let seen = must("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    assert_eq!(seen.body.pointer("/data/orphan"), Some(&Value::Bool(true)));
    assert_eq!(seen.body.pointer("/data/renewable"), Some(&Value::Bool(false)));
    assert_eq!(seen.text("/data/type"), "service");
    assert_eq!(seen.body.pointer("/data/policies"), Some(&json!([LEDGER_POLICY])));
    assert_eq!(seen.text("/data/path"), "auth/token/create/leasehold-task/leasehold");
}

#[test]
fn the_token_role_takes_policies_of_ours_even_unwritten_ones_and_no_others() {
    let token = token_with("role-limits", &broker_policy(&[]));
    let make = |policies: &[&str]| call_as(&token, "POST", CREATE_PATH, &order(policies)).status;
    assert_eq!(make(&[LEDGER_POLICY]), 200);
    assert_eq!(make(&["leasehold-cred-nobody-wrote-this"]), 200, "so the broker must check that each exists");
    assert_eq!(make(&["root"]), 400);
    assert_eq!(make(&["default"]), 400);
    assert_eq!(make(&[LEDGER_POLICY, "leasehold-broker"]), 400);
}

#[test]
fn the_brokers_policy_pins_the_parameters_of_a_new_token() {
    let token = token_with("token-pins", &broker_policy(&[]));
    let make = |body: &Value| call_as(&token, "POST", CREATE_PATH, body).status;
    assert_eq!(make(&order(&[LEDGER_POLICY])), 200);
    for (field, value) in
        [("renewable", json!(true)), ("type", json!("batch")), ("num_uses", json!(1)), ("id", json!("x"))]
    {
        let mut body = order(&[LEDGER_POLICY]);
        body[field] = value;
        assert_eq!(make(&body), 403, "{field}");
    }
    for field in ["policies", "explicit_max_ttl", "display_name", "meta"] {
        let mut body = order(&[LEDGER_POLICY]);
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(make(&body), 403, "without {field}");
    }
}

#[test]
fn the_roles_maximum_beats_the_request_and_only_expire_time_tells_the_truth() {
    let mut body = order(&[LEDGER_POLICY]);
    body["explicit_max_ttl"] = "100h".into();
    let made = must("POST", CREATE_PATH, &body);
    let accessor = made.text("/auth/accessor");
    assert_eq!(made.number("/auth/lease_duration"), Some(3_600), "the role says one hour");
    assert!(life_of(accessor) <= 3_600);
    let seen = must("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    assert_eq!(seen.number("/data/explicit_max_ttl"), Some(360_000), "an echo of the request, not the truth");
    body["explicit_max_ttl"] = "5m".into();
    assert_eq!(must("POST", CREATE_PATH, &body).number("/auth/lease_duration"), Some(300));
}

#[test]
fn an_accessor_that_is_gone_answers_differently_from_one_that_lives() {
    let (_, accessor) = task_token(&[LEDGER_POLICY], "lhtestcccccccccccc");
    let look = || call("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    let end = || call("POST", "auth/token/revoke-accessor", &json!({ "accessor": accessor }));
    assert_eq!(look().status, 200);
    assert_eq!(end().status, 204);
    let (looked, ended) = (look(), end());
    assert_eq!((looked.status, ended.status), (400, 200), "{:?} {:?}", looked.body, ended.body);
    assert!(looked.complains("invalid accessor"));
    assert_eq!(ended.text("/warnings/0"), "No token found with this accessor");
}

#[test]
fn a_mint_in_flight_outlives_the_revocation_of_its_token() {
    let lab = Lab::new("in-flight");
    let slow: Vec<&str> = [&["SELECT pg_sleep(1)"], CREATE].concat();
    lab.role("r", &slow, DROP_ONLY);
    let policy = "leasehold-cred-in-flight";
    must(
        "PUT",
        &format!("sys/policies/acl/{policy}"),
        &json!({ "policy": format!(r#"path "{}" {{ capabilities=["read"] }}"#, lab.path("r")) }),
    );
    let (token, accessor) = task_token(&[policy], "lhtestdddddddddddd");
    let path = lab.path("r");
    let mint = std::thread::spawn(move || world().bao.call_as(&token, "GET", &path, &Value::Null).unwrap());
    let working = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1)%' AND state = 'active' AND usename = 'openbao_engine'";
    wait_until("the mint to be in flight", || sql(working) != "0");
    must("POST", "auth/token/revoke-accessor", &json!({ "accessor": accessor }));
    assert_eq!(call("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor })).status, 400);
    assert_eq!(call("LIST", &format!("sys/leases/lookup/{}", lab.path("r")), &Value::Null).status, 404, "no lease");
    assert!(!mint.is_finished(), "all this was seen while the mint was in flight");

    let creds = Creds::from(&mint.join().unwrap());
    assert_eq!(look_up(&creds.lease).status, 200);
    assert_eq!(creds.log_in().unwrap(), "3");
    assert_eq!(revoke(&creds.lease).status, 204);
}

#[test]
fn a_mint_that_outlasts_the_longest_request_fails_and_leaves_nothing() {
    let lab = Lab::new("too-long");
    let slow: Vec<&str> = [CREATE, &["SELECT pg_sleep(30)"]].concat();
    lab.role("slow", &slow, DROP_ONLY);
    let answer = call("GET", &lab.path("slow"), &Value::Null);
    assert!(answer.status >= 400, "{}", answer.status);
    assert_eq!(call("LIST", &format!("sys/leases/lookup/{}", lab.path("slow")), &Value::Null).status, 404);
    wait_until("the statement to be cancelled", || {
        sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%' AND state = 'active'") == "0"
    });
}
