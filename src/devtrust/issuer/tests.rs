//! Rotation, federation and declaration over time, with the time as an argument.

use super::*;
use crate::messages;

const NOW: Time = Time::from_unix_seconds(1_800_000_000);

fn domain(name: &str) -> TrustDomain {
    TrustDomain::parse(name).unwrap()
}

fn issuer() -> Issuer {
    let lifetimes = Lifetimes::new(Span::from_seconds(100), Span::from_seconds(10)).unwrap();
    let mut issuer = Issuer::new(&domain("example.org"), lifetimes, NOW).unwrap();
    issuer.declare("a=spiffe://example.org/a".parse().unwrap(), NOW).unwrap();
    issuer
}

fn at(seconds: u64) -> Time {
    NOW.plus(Span::from_seconds(seconds))
}

fn leaf(issuer: &Issuer) -> Vec<u8> {
    issuer.served("a").unwrap().svid.certificate.clone()
}

fn bundle(issuer: &Issuer) -> Vec<u8> {
    issuer.served("a").unwrap().own.x509_bundle()
}

fn key_count(issuer: &Issuer) -> usize {
    issuer.served("a").unwrap().own.jwt_bundle().keys.len()
}

fn shown(issuer: &Issuer, name: &str) -> Vec<String> {
    let mut shown: Vec<_> = messages::x509_bundles(&issuer.served(name).unwrap()).bundles.into_keys().collect();
    shown.sort();
    shown
}

#[test]
fn svids_are_renewed_by_time_alone() {
    let mut issuer = issuer();
    let first = leaf(&issuer);
    assert!(!issuer.keep_fresh(at(39)).unwrap());
    assert_eq!(leaf(&issuer), first);
    assert!(issuer.keep_fresh(at(40)).unwrap());
    assert_ne!(leaf(&issuer), first);
    assert!(!issuer.keep_fresh(at(41)).unwrap());
}

#[test]
fn new_authority_is_known_before_it_signs_and_the_old_one_stays_while_needed() {
    let mut issuer = issuer();
    let (home, old) = (domain("example.org"), bundle(&issuer));
    issuer.prepare_authority(&home, NOW).unwrap();
    let (both, first) = (bundle(&issuer), leaf(&issuer));
    assert!(both.starts_with(&old) && both.len() > old.len(), "the old one still signs");
    issuer.prepare_authority(&home, NOW).unwrap();
    assert_eq!(bundle(&issuer), both, "preparing twice is preparing once");

    issuer.rotate_svids(at(1)).unwrap();
    let swapped = bundle(&issuer);
    assert!(swapped.ends_with(&old) && swapped.len() == both.len(), "the new one signs");
    assert_ne!(leaf(&issuer), first);
    assert_eq!(key_count(&issuer), 2);

    assert!(issuer.keep_fresh(at(100)).is_ok() && key_count(&issuer) == 2, "its last SVID expires at 101");
    assert!(issuer.keep_fresh(at(103)).unwrap());
    assert_eq!(key_count(&issuer), 1);
    assert!(swapped.starts_with(&bundle(&issuer)));
}

#[test]
fn retired_authorities_can_be_dropped_at_once_and_active_ones_cannot() {
    let mut issuer = issuer();
    let home = domain("example.org");
    issuer.prepare_authority(&home, NOW).unwrap();
    issuer.drop_retired_authorities(&home).unwrap();
    assert_eq!(key_count(&issuer), 2);
    issuer.rotate_svids(NOW).unwrap();
    issuer.drop_retired_authorities(&home).unwrap();
    assert_eq!(key_count(&issuer), 1);
    assert!(issuer.drop_retired_authorities(&domain("other.org")).is_err());
}

#[test]
fn federation_goes_both_ways_and_can_be_withdrawn_and_restored() {
    let mut issuer = issuer();
    let other = domain("other.org");
    let stranger = || "b=spiffe://other.org/b".parse().unwrap();
    assert!(matches!(issuer.declare(stranger(), NOW), Err(DevTrustError::UnknownDomain(_))));
    issuer.federate(&other, NOW).unwrap();
    issuer.declare(stranger(), NOW).unwrap();
    let both = ["spiffe://example.org", "spiffe://other.org"];
    assert_eq!(shown(&issuer, "a"), both);
    assert_eq!(shown(&issuer, "b"), both);
    let before = messages::x509_svids(&issuer.served("a").unwrap()).federated_bundles;
    assert_eq!(before.keys().collect::<Vec<_>>(), ["spiffe://other.org"]);

    issuer.withdraw_bundle(&other).unwrap();
    assert_eq!(shown(&issuer, "a"), both[..1]);
    assert_eq!(shown(&issuer, "b"), both, "a member keeps its own bundle");
    issuer.federate(&other, NOW).unwrap();
    assert_eq!(messages::x509_svids(&issuer.served("a").unwrap()).federated_bundles, before);
}

#[test]
fn an_identity_is_served_only_while_it_is_declared() {
    let mut issuer = issuer();
    assert!(issuer.served("a").is_some());
    issuer.undeclare("a").unwrap();
    assert!(issuer.served("a").is_none());
    assert!(matches!(issuer.undeclare("a"), Err(DevTrustError::UnknownIdentity(_))));
}

#[test]
fn identities_are_bounded() {
    let mut issuer = issuer();
    for n in 1..IDENTITIES_MAX {
        issuer.declare(format!("i{n}=spiffe://example.org/i").parse().unwrap(), NOW).unwrap();
    }
    issuer.declare("a=spiffe://example.org/a".parse().unwrap(), NOW).unwrap();
    let one_more = issuer.declare("more=spiffe://example.org/a".parse().unwrap(), NOW);
    assert!(matches!(one_more, Err(DevTrustError::TooMany { .. })));
}
