//! The broker's own policy: what it needs works, and everything around it is refused.

use super::lab::{Creds, call_as, must, task_token};
use super::world::{AGENT_POLICY, LEDGER_POLICY, world};
use crate::contract::secret_engine::tag;
use serde_json::{Value, json};

fn broker_token() -> String {
    let login = json!({ "role": "leasehold", "jwt": world().issuer.broker_svid() });
    must("POST", "auth/jwt/login", &login).text("/auth/client_token").into()
}

fn ledger_creds() -> Creds {
    let (token, _) = task_token(&[LEDGER_POLICY], &tag());
    Creds::from(&call_as(&token, "GET", "database/creds/ledger-ro", &Value::Null))
}

#[test]
fn the_brokers_token_can_do_its_work() {
    let token = broker_token();
    let order = json!({ "policies": [LEDGER_POLICY], "explicit_max_ttl": "60s", "display_name": tag(), "meta": { "task": "t" }, "renewable": false });
    let made = call_as(&token, "POST", "auth/token/create/leasehold-task", &order);
    let accessor = json!({ "accessor": made.text("/auth/accessor") });
    let creds = ledger_creds();
    let lease = json!({ "lease_id": creds.lease });
    let work = [
        ("GET", format!("sys/policies/acl/{LEDGER_POLICY}"), Value::Null),
        ("POST", "auth/token/lookup-accessor".into(), accessor.clone()),
        ("LIST", "sys/leases/lookup/auth/token/create/leasehold-task/leasehold".into(), Value::Null),
        ("LIST", "sys/leases/lookup/database/creds/ledger-ro".into(), Value::Null),
        ("PUT", "sys/leases/lookup".into(), lease),
        ("PUT", format!("sys/leases/renew/{}", creds.lease), json!({ "increment": 30 })),
        ("PUT", format!("sys/leases/revoke/{}", creds.lease), json!({ "sync": true })),
        ("POST", "auth/token/revoke-accessor".into(), accessor),
        ("POST", "auth/token/renew-self".into(), json!({})),
    ];
    for (method, path, body) in work {
        let answer = call_as(&token, method, &path, &body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {:?}", answer.status, answer.body);
    }
}

/// One call: method, path, body.
type Call = (&'static str, String, Value);

/// Calls that the broker must not be able to make: reading secrets, widening itself, touching what
/// is not its own, and every way around the pinned parameters. (`sys/step-down` is missing: without
/// high availability OpenBao answers 204 to anybody, and does nothing.)
fn outside(mine: &str, foreign: &str) -> Vec<Call> {
    [secrets_and_engines(), itself(), token_parameters(), leases(mine, foreign), server()].concat()
}

fn secrets_and_engines() -> Vec<Call> {
    vec![
        // Secrets of others, which the broker has tokens made for but never reads as itself.
        ("GET", "database/creds/ledger-ro".into(), Value::Null),
        ("GET", "database/creds/another".into(), Value::Null),
        ("GET", "database/static-creds/s".into(), Value::Null),
        ("GET", "secret/data/app/key".into(), Value::Null),
        ("GET", "secret/data/ledger-probe".into(), Value::Null),
        ("LIST", "secret/metadata/".into(), Value::Null),
        ("POST", "secret/data/app/key".into(), json!({ "data": { "key": "x" } })),
        ("PUT", "secret/destroy/app/key".into(), json!({ "versions": [1] })),
        ("DELETE", "secret/metadata/app/key".into(), Value::Null),
        ("POST", "pki/sign/agent".into(), json!({ "csr": "x" })),
        ("POST", "pki/issue/agent".into(), json!({})),
        ("POST", "pki/revoke".into(), json!({ "serial_number": "x" })),
        ("POST", "pki/tidy".into(), json!({})),
        ("DELETE", "pki/root".into(), Value::Null),
        // Engines and their roles.
        ("GET", "database/config/ledger".into(), Value::Null),
        ("POST", "database/config/ledger".into(), json!({})),
        ("POST", "database/rotate-root/ledger".into(), json!({})),
        ("POST", "database/reset/ledger".into(), json!({})),
        ("POST", "database/roles/ledger-ro".into(), json!({})),
        ("DELETE", "database/roles/ledger-ro".into(), Value::Null),
        ("POST", "pki/roles/agent".into(), json!({})),
        ("GET", "sys/mounts".into(), Value::Null),
        ("POST", "sys/mounts/evil".into(), json!({ "type": "kv" })),
        ("DELETE", "sys/mounts/database".into(), Value::Null),
    ]
}

fn itself() -> Vec<Call> {
    let whole = json!({ "policies": [LEDGER_POLICY], "explicit_max_ttl": "60s", "display_name": "x", "meta": {} });
    vec![
        // Itself and its policies.
        ("GET", "sys/policies/acl/leasehold-broker".into(), Value::Null),
        ("PUT", "sys/policies/acl/leasehold-broker".into(), json!({ "policy": "" })),
        ("PUT", format!("sys/policies/acl/{LEDGER_POLICY}"), json!({ "policy": "" })),
        ("DELETE", format!("sys/policies/acl/{LEDGER_POLICY}"), Value::Null),
        ("LIST", "sys/policies/acl".into(), Value::Null),
        ("GET", "auth/token/lookup-self".into(), Value::Null),
        ("POST", "auth/token/lookup".into(), json!({ "token": "x" })),
        ("POST", "auth/token/revoke".into(), json!({ "token": "x" })),
        ("POST", "auth/token/revoke-orphan".into(), json!({ "token": "x" })),
        ("POST", "auth/token/create".into(), json!({})),
        ("POST", "auth/token/create-orphan".into(), json!({})),
        ("POST", "auth/token/create/another".into(), whole),
        ("LIST", "auth/token/accessors".into(), Value::Null),
        ("POST", "auth/token/roles/leasehold-task".into(), json!({ "orphan": false })),
        ("POST", "auth/jwt/role/leasehold".into(), json!({})),
        ("POST", "auth/jwt/config".into(), json!({})),
        ("POST", "sys/auth/evil".into(), json!({ "type": "userpass" })),
    ]
}

fn token_parameters() -> Vec<Call> {
    let token = |change: Value| {
        let mut body =
            json!({ "policies": [LEDGER_POLICY], "explicit_max_ttl": "60s", "display_name": "x", "meta": {} });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let create = "auth/token/create/leasehold-task";
    vec![
        // The token role's pinned parameters.
        ("POST", create.into(), json!({ "policies": [LEDGER_POLICY] })),
        ("POST", create.into(), token(json!({ "renewable": true }))),
        ("POST", create.into(), token(json!({ "type": "batch" }))),
        ("POST", create.into(), token(json!({ "num_uses": 1 }))),
        ("POST", create.into(), token(json!({ "id": "chosen" }))),
        ("POST", create.into(), token(json!({ "period": "24h" }))),
        ("POST", create.into(), token(json!({ "no_parent": true }))),
        ("POST", create.into(), token(json!({ "entity_alias": "x" }))),
    ]
}

fn leases(mine: &str, foreign: &str) -> Vec<Call> {
    vec![
        // Leases: other paths, other verbs, and names smuggled past the path.
        ("PUT", "sys/leases/lookup".into(), json!({ "lease_id": foreign })),
        ("PUT", "sys/leases/lookup".into(), json!({})),
        ("LIST", "sys/leases/lookup/database/creds/another".into(), Value::Null),
        ("LIST", "sys/leases/lookup/".into(), Value::Null),
        ("PUT", "sys/leases/revoke".into(), json!({ "lease_id": mine, "sync": true })),
        ("PUT", format!("sys/leases/revoke/{foreign}"), json!({ "sync": true })),
        ("PUT", format!("sys/leases/revoke/{mine}"), json!({ "sync": true, "lease_id": foreign })),
        ("PUT", format!("sys/leases/revoke/{mine}"), json!({ "sync": true, "url_lease_id": foreign })),
        ("PUT", format!("sys/leases/revoke/{mine}"), json!({ "sync": false })),
        ("PUT", format!("sys/leases/revoke/{mine}"), json!({})),
        ("PUT", "sys/leases/renew".into(), json!({ "lease_id": mine, "increment": 60 })),
        ("PUT", format!("sys/leases/renew/{foreign}"), json!({ "increment": 60 })),
        ("PUT", format!("sys/leases/renew/{mine}"), json!({ "increment": 60, "lease_id": foreign })),
        ("PUT", "sys/leases/revoke-prefix/database/creds/ledger-ro".into(), json!({ "sync": true })),
        ("PUT", "sys/leases/revoke-force/database/creds/ledger-ro".into(), json!({})),
        ("POST", "sys/leases/tidy".into(), json!({})),
        ("GET", "sys/leases/count".into(), Value::Null),
    ]
}

fn server() -> Vec<Call> {
    vec![
        // The server.
        ("PUT", "sys/seal".into(), Value::Null),
        ("POST", "sys/audit-hash/main".into(), json!({ "input": "x" })),
        ("GET", "sys/audit".into(), Value::Null),
        ("POST", "sys/rotate".into(), json!({})),
        ("GET", "sys/config/auditing/request-headers".into(), Value::Null),
        ("DELETE", "sys/config/auditing/request-headers/x-leasehold-entry".into(), Value::Null),
        ("GET", "sys/raw/core/mounts".into(), Value::Null),
        ("POST", "sys/wrapping/wrap".into(), json!({ "x": "y" })),
        ("POST", "cubbyhole/x".into(), json!({ "x": "y" })),
        ("LIST", "identity/entity/id".into(), Value::Null),
    ]
}

#[test]
fn at_least_fifty_calls_outside_its_policy_are_refused_and_touch_nothing() {
    let token = broker_token();
    let mine = ledger_creds();
    let csr = rcgen::CertificateParams::default().serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let (agent, _) = task_token(&[AGENT_POLICY], &tag());
    let body = json!({ "csr": csr.pem().unwrap(), "uri_sans": "spiffe://example.org/agent/x" });
    assert_eq!(call_as(&agent, "POST", "pki/sign/agent", &body).status, 200, "a task's token may");
    must("POST", "database/roles/another", &json!({ "db_name": "ledger", "creation_statements": ["SELECT 1"] }));
    let foreign = super::lab::Lab::new("policy");
    foreign.role("r", super::lab::CREATE, super::lab::DROP_ONLY);
    let foreign = foreign.mint("r");

    let calls = outside(&mine.lease, &foreign.lease);
    assert!(calls.len() >= 50);
    for (method, path, body) in calls {
        let answer = call_as(&token, method, &path, &body);
        assert_eq!(answer.status, 403, "{method} {path} {body}: {:?}", answer.body);
    }
    for creds in [mine, foreign] {
        assert_eq!(creds.log_in().unwrap(), "3", "still there");
        must("PUT", "sys/leases/revoke", &json!({ "lease_id": creds.lease, "sync": true }));
    }
}
