//! Login with a JWT-SVID: audience, subject, and the leeways that are wide open by default.

use crate::real::lab::{call, call_as, must};
use crate::real::world::{AUDIENCE, BROKER, unix_seconds, world};
use serde_json::{Value, json};

fn svid(change: impl FnOnce(&mut Value)) -> String {
    let now = unix_seconds();
    let mut claims = json!({ "sub": BROKER, "aud": [AUDIENCE], "iat": now, "exp": now + 300 });
    change(&mut claims);
    world().issuer.sign(&claims)
}

fn log_in(mount: &str, role: &str, token: &str) -> u16 {
    call("POST", &format!("auth/{mount}/login"), &json!({ "role": role, "jwt": token })).status
}

#[test]
fn the_broker_logs_in_with_its_own_svid_and_gets_a_short_periodic_token_with_one_policy() {
    let answer = must("POST", "auth/jwt/login", &json!({ "role": "leasehold", "jwt": svid(|_| ()) }));
    assert_eq!(answer.number("/auth/lease_duration"), Some(600));
    assert_eq!(answer.body.pointer("/auth/policies"), Some(&json!(["leasehold-broker"])));
    let token = answer.text("/auth/client_token");
    assert_eq!(call_as(token, "POST", "auth/token/renew-self", &json!({})).status, 200);
    assert_eq!(call_as(token, "GET", "auth/token/lookup-self", &Value::Null).status, 403, "no default policy");
}

#[test]
fn another_subject_audience_signer_or_none_is_refused() {
    let now = unix_seconds();
    assert_eq!(log_in("jwt", "leasehold", &svid(|_| ())), 200);
    assert_eq!(log_in("jwt", "leasehold", &svid(|claims| claims["sub"] = "spiffe://example.org/agent/x".into())), 400);
    assert_eq!(log_in("jwt", "leasehold", &svid(|claims| claims["aud"] = json!(["another"]))), 400);
    let stranger = crate::real::world::Issuer::start();
    let forged = stranger.sign(&json!({ "sub": BROKER, "aud": [AUDIENCE], "iat": now, "exp": now + 300 }));
    assert_eq!(log_in("jwt", "leasehold", &forged), 400);
}

#[test]
fn with_the_example_leeways_an_expired_svid_is_refused_and_a_clock_three_seconds_off_is_not() {
    let now = unix_seconds();
    assert_eq!(log_in("jwt", "leasehold", &svid(|claims| claims["iat"] = (now + 3).into())), 200);
    assert_eq!(log_in("jwt", "leasehold", &svid(|claims| claims["iat"] = (now + 60).into())), 400);
    let expired = svid(|claims| {
        claims["iat"] = (now - 100).into();
        claims["exp"] = (now - 10).into();
    });
    assert_eq!(log_in("jwt", "leasehold", &expired), 400);

    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": BROKER, "bound_audiences": AUDIENCE, "token_policies": "x" });
    must("POST", "auth/jwt/role/default-leeways", &role);
    assert_eq!(log_in("jwt", "default-leeways", &expired), 200, "by default it lives on for minutes");
}

#[test]
fn without_any_leeway_a_clock_three_seconds_off_is_refused() {
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_subject": BROKER, "bound_audiences": AUDIENCE, "token_policies": "x",
        "expiration_leeway": -1, "not_before_leeway": -1, "clock_skew_leeway": -1,
    });
    must("POST", "auth/jwt/role/no-leeway", &role);
    let now = unix_seconds();
    assert_eq!(log_in("jwt", "no-leeway", &svid(|_| ())), 200);
    assert_eq!(log_in("jwt", "no-leeway", &svid(|claims| claims["iat"] = (now + 3).into())), 400);
}

#[test]
fn a_role_without_audiences_refuses_a_token_that_has_one() {
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": BROKER, "token_policies": "x" });
    must("POST", "auth/jwt/role/no-audience", &role);
    assert_eq!(log_in("jwt", "no-audience", &svid(|_| ())), 400);
}
