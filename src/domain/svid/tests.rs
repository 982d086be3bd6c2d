//! Each rule of a leaf and of a token, one change away from a document that is admitted.

use super::*;
use crate::reason::Reason;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

const NOW: Time = Time::from_unix_seconds(1_800_000_000);
const BROKER: &str = "spiffe://example.org/leasehold";

fn leaf() -> PresentedX509 {
    PresentedX509 {
        uris: vec!["spiffe://example.org/agent/a".into()],
        names_critical: false,
        subject_empty: false,
        ca: Some(false),
        key_usage: Some(KeyUsage { critical: true, digital_signature: true, key_cert_sign: false, crl_sign: false }),
        extended_key_usage: Some(ExtendedKeyUsage { server_auth: true, client_auth: true }),
        not_before: Time::from_unix_seconds(1_799_999_000),
        not_after: Time::from_unix_seconds(1_800_000_600),
        serial: "2a".into(),
        issuer_key: Digest::of(&[b"issuer"]),
    }
}

fn refused(change: impl FnOnce(&mut PresentedX509)) -> Reason {
    let mut changed = leaf();
    change(&mut changed);
    admit(Presented::X509(changed), NOW).unwrap_err().reason
}

fn key_usage(critical: bool, digital_signature: bool, key_cert_sign: bool, crl_sign: bool) -> Option<KeyUsage> {
    Some(KeyUsage { critical, digital_signature, key_cert_sign, crl_sign })
}

#[test]
fn a_plain_leaf_is_admitted_until_its_last_instant() {
    let subject = admit(Presented::X509(leaf()), NOW).unwrap();
    assert_eq!(subject.id().as_str(), "spiffe://example.org/agent/a");
    let end = subject.not_after();
    assert!(admit(Presented::X509(leaf()), end).is_ok() && !subject.expired(end));
    let after = Time::from_unix_micros(end.unix_micros() + 1);
    assert_eq!(admit(Presented::X509(leaf()), after).unwrap_err().reason, Reason::SvidExpired);
    assert!(subject.expired(after));
}

#[test]
fn what_the_standard_leaves_optional_is_admitted() {
    let bare = PresentedX509 { extended_key_usage: None, subject_empty: true, names_critical: true, ..leaf() };
    assert!(admit(Presented::X509(bare), NOW).is_ok());
}

#[test]
fn every_rule_of_a_leaf_refuses_by_its_own_reason() {
    assert_eq!(refused(|leaf| leaf.uris.clear()), Reason::SvidIdInvalid);
    assert_eq!(refused(|leaf| leaf.uris.push("spiffe://example.org/b".into())), Reason::SvidIdInvalid);
    assert_eq!(refused(|leaf| leaf.uris = vec!["spiffe://example.org".into()]), Reason::SvidIdInvalid);
    assert_eq!(refused(|leaf| leaf.subject_empty = true), Reason::SvidMalformed);
    assert_eq!(refused(|leaf| leaf.ca = Some(true)), Reason::SvidNotALeaf);
    assert_eq!(refused(|leaf| leaf.ca = None), Reason::SvidNotALeaf);
    assert_eq!(refused(|leaf| leaf.key_usage = None), Reason::SvidKeyUsage);
    assert_eq!(refused(|leaf| leaf.key_usage = key_usage(false, true, false, false)), Reason::SvidKeyUsage);
    assert_eq!(refused(|leaf| leaf.key_usage = key_usage(true, false, false, false)), Reason::SvidKeyUsage);
    assert_eq!(refused(|leaf| leaf.key_usage = key_usage(true, true, true, false)), Reason::SvidNotALeaf);
    assert_eq!(refused(|leaf| leaf.key_usage = key_usage(true, true, false, true)), Reason::SvidNotALeaf);
    for (server_auth, client_auth) in [(false, false), (true, false), (false, true)] {
        let purposes = Some(ExtendedKeyUsage { server_auth, client_auth });
        assert_eq!(refused(|leaf| leaf.extended_key_usage = purposes), Reason::SvidKeyUsage);
    }
    assert_eq!(refused(|leaf| leaf.not_before = Time::from_unix_seconds(1_800_000_001)), Reason::SvidNotYetValid);
    assert_eq!(refused(|leaf| leaf.not_after = Time::from_unix_seconds(1)), Reason::SvidMalformed);
}

fn token(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims))
}

fn claims() -> serde_json::Value {
    json!({"sub": "spiffe://example.org/agent/a", "aud": [BROKER], "exp": 1_800_000_300})
}

fn judged(token: &str, audience: Audience<'_>) -> Result<Subject, Reason> {
    let presented = read_jwt(token).map_err(|denial| denial.reason)?;
    admit(Presented::Jwt(presented, audience), NOW).map_err(|denial| denial.reason)
}

#[test]
fn a_plain_token_is_admitted_until_the_instant_before_exp() {
    let plain = token(&json!({"alg": "ES256", "kid": "k"}), &claims());
    let subject = judged(&plain, Audience::Only(BROKER)).unwrap();
    assert_eq!(subject.proof(), &Proof::Jwt { key_id: "k".into() });
    let at = |now| admit(Presented::Jwt(read_jwt(&plain).unwrap(), Audience::Only(BROKER)), now);
    assert!(at(Time::from_unix_micros(1_800_000_299_999_999)).is_ok());
    assert_eq!(at(Time::from_unix_seconds(1_800_000_300)).unwrap_err().reason, Reason::SvidExpired);
}

#[test]
fn several_audiences_do_only_where_that_is_asked_for() {
    let mut shared = claims();
    shared["aud"] = json!(["other", BROKER]);
    let shared = token(&json!({"alg": "ES256", "kid": "k"}), &shared);
    assert!(judged(&shared, Audience::Among(BROKER)).is_ok());
    assert_eq!(judged(&shared, Audience::Only(BROKER)), Err(Reason::JwtAudience));
}

#[test]
fn a_token_may_be_as_long_as_the_bound_and_no_longer() {
    let header = json!({"alg": "ES256", "kid": "k"});
    let stem = token(&header, &claims());
    let at_bound = format!("{stem}{}", "A".repeat(JWT_BYTES_MAX - stem.len()));
    assert!(read_jwt(&at_bound).is_ok());
    assert_eq!(read_jwt(&format!("{at_bound}A")).unwrap_err().reason, Reason::SvidMalformed);
}

#[test]
fn repeated_members_are_refused_at_every_depth() {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"ES256","kid":"k"}"#);
    let claims =
        |extra: &str| part(&format!(r#"{{"sub":"spiffe://example.org/a","aud":"{BROKER}","exp":1800000300{extra}}}"#));
    assert!(read_jwt(&format!("{header}.{}.c2ln", claims(r#","x":{"y":1,"z":1}"#))).is_ok());
    for extra in [r#","exp":1900000000"#, r#","x":{"y":1,"y":2}"#, r#","x":[{"y":1,"y":1}]"#] {
        let refused = read_jwt(&format!("{header}.{}.c2ln", claims(extra))).unwrap_err();
        assert_eq!(refused.reason, Reason::SvidMalformed, "{extra}");
    }
}
