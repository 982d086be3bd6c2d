//! Where we are narrower than the standard, on purpose: each limit is documented in
//! docs/conformance.md and shown here, so that nobody finds it by surprise.

use crate::fixtures::forge::{Authority, Ext, Profile, sequence, tlv};
use crate::fixtures::ports::now;
use crate::fixtures::tokens::{Signer, key_set};
use crate::fixtures::world::{BROKER, HOME, WORKLOAD, World, claims, header, leaf};
use leasehold::domain::base::{Span, Time};
use leasehold::domain::reason::Reason;
use leasehold::domain::svid::Audience;
use leasehold::ports::TrustSource as _;
use serde_json::json;

#[tokio::test]
async fn a_token_must_name_its_key() {
    let world = World::new().await;
    assert!(world.whoami(None, Some(&world.token())).await.is_ok());
    let nameless = world.home_key.token(&json!({"alg": "ES256"}), &claims(WORKLOAD));
    assert_eq!(world.whoami(None, Some(&nameless)).await, Err("JWT_HEADER".into()));
}

#[tokio::test]
async fn es512_is_not_supported() {
    let world = World::new().await;
    let (small, large) = (Signer::p384(), Signer::p521());
    let seen = world.trust.epoch();
    world.api.say_jwt(&[(HOME, key_set(&[small.jwk("small"), large.jwk("large")]))]);
    world.await_change(seen).await;
    let token = |signer: &Signer, alg, kid| signer.token(&json!({"alg": alg, "kid": kid}), &claims(WORKLOAD));
    assert!(world.whoami(None, Some(&token(&small, "ES384", "small"))).await.is_ok());
    assert_eq!(world.whoami(None, Some(&token(&large, "ES512", "large"))).await, Err("JWT_ALGORITHM".into()));
}

#[tokio::test]
async fn there_is_no_leeway_for_tokens() {
    let world = World::new().await;
    let mut timed = claims(WORKLOAD);
    let (begin, end) = (now() - 100, now() + 100);
    (timed["nbf"], timed["exp"]) = (json!(begin), json!(end));
    let token = world.home_key.token(&header(), &timed);
    let at = |micros| world.trust.verify_jwt(&token, Audience::Only(BROKER), Time::from_unix_micros(micros));
    assert!(at(begin * 1_000_000).is_ok());
    assert_eq!(at(begin * 1_000_000 - 1).unwrap_err().reason, Reason::SvidNotYetValid);
    assert!(at(end * 1_000_000 - 1).is_ok());
    assert_eq!(at(end * 1_000_000).unwrap_err().reason, Reason::SvidExpired);
}

#[tokio::test]
async fn there_is_no_leeway_for_certificates() {
    let world = World::new().await;
    let (begin, end) = (now() - 100, now() + 100);
    let mut profile = leaf();
    (profile.begins, profile.ends) = (begin, end);
    let identity = world.home.issue(profile);
    let at = |micros| world.trust.verify_x509(&identity.chain, Time::from_unix_micros(micros));
    assert!(at(begin * 1_000_000).is_ok());
    assert_eq!(at(begin * 1_000_000 - 1).unwrap_err().reason, Reason::SvidNotYetValid);
    assert!(at(end * 1_000_000).is_ok());
    assert_eq!(at(end * 1_000_000 + 1).unwrap_err().reason, Reason::SvidExpired);
}

#[tokio::test]
async fn the_clock_port_rules_the_handshake() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    assert!(world.knock(Some(&identity)).await.is_some());
    world.clock.advance(Span::from_seconds(7_200));
    assert_eq!(world.knock(Some(&identity)).await, None);
}

#[tokio::test]
async fn uri_name_constraints_are_refused_rather_than_ignored() {
    let world = World::new().await;
    let constrained = |host: &str| {
        let mut profile = Profile::authority(HOME);
        profile.subject = Some("constrained".into());
        let subtree = sequence(&[&tlv(0x86, host.as_bytes())]);
        let permitted = sequence(&[&tlv(0xa0, &subtree)]);
        profile.others.push((vec![2, 5, 29, 30], Ext::critical(permitted)));
        world.home.intermediate(profile).identity(WORKLOAD)
    };
    // Not even one that permits the id: rustls' path building knows no URI constraints (XS §4.2).
    for host in ["example.org", "other.example"] {
        assert_eq!(world.judge(&constrained(host)).unwrap_err().reason, Reason::SvidUntrusted, "{host}");
    }
}

#[tokio::test]
async fn the_validity_of_a_delivered_authority_is_not_looked_at() {
    // RFC 5280 §6.1.1 (d): a trust anchor is a name and a key. Taking it out of the bundle ends it.
    let world = World::new().await;
    let mut profile = Profile::authority(HOME);
    profile.ends = now() - 1;
    let expired = Authority::root_of(profile);
    world.rebundle(&[(HOME, &[&world.home.der, &expired.der])]).await;
    assert_eq!(world.judge(&expired.identity(WORKLOAD)).as_deref(), Ok(WORKLOAD));
}
