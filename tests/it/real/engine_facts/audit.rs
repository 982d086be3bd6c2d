//! The engine's own audit log, which can be laid beside ours line by line.

use crate::real::lab::{Creds, call_as, revoke, task_token, wait_until};
use crate::real::world::{LEDGER_POLICY, world};
use serde_json::Value;
use xtask::peers::http;

fn lines() -> Vec<Value> {
    let text = std::fs::read_to_string(&world().bao.audit_file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
}

fn text<'a>(line: &'a Value, pointer: &str) -> &'a str {
    line.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn it_shows_our_header_the_tag_and_the_lease_and_hides_password_and_accessor() {
    let (token, accessor) = task_token(&[LEDGER_POLICY], "lhtesthhhhhhhhhhhh");
    let headers = [("X-Vault-Token", token.as_str()), ("X-Leasehold-Entry", "4711")];
    let answer = http::call(world().bao.host(), "GET", "/v1/database/creds/ledger-ro", &headers, &Value::Null).unwrap();
    let creds = Creds::from(&answer);
    let request = answer.text("/request_id");
    let find =
        || lines().into_iter().find(|line| text(line, "/request/id") == request && text(line, "/type") == "response");
    wait_until("the line to be written", || find().is_some());
    let line = find().unwrap();
    assert_eq!(text(&line, "/request/headers/x-leasehold-entry/0"), "4711");
    assert_eq!(text(&line, "/auth/display_name"), "token-lhtesthhhhhhhhhhhh");
    assert_eq!(text(&line, "/response/secret/lease_id"), creds.lease);
    assert!(text(&line, "/response/data/password").starts_with("hmac-sha256:"));
    assert!(text(&line, "/response/data/username").starts_with("hmac-sha256:"));
    let whole = line.to_string();
    assert!(!whole.contains(&creds.password) && !whole.contains(&accessor) && !whole.contains(&token));
    assert_eq!(revoke(&creds.lease).status, 204);
}

#[test]
fn an_answer_of_204_carries_no_request_id() {
    let (token, _) = task_token(&[LEDGER_POLICY], "lhtestiiiiiiiiiiii");
    let creds = Creds::from(&call_as(&token, "GET", "database/creds/ledger-ro", &Value::Null));
    let answer = revoke(&creds.lease);
    assert_eq!((answer.status, answer.body), (204, Value::Null));
}
