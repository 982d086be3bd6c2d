//! Entries are read back exactly as written, and from no other bytes.

use super::bodies::lease::{Assurance, Revoked};
use super::bodies::task::Requested;
use super::*;
use crate::base::{LeaseId, Name, SpiffeId, TaskId};

fn entry(body: impl Into<Body>) -> Entry {
    let salt = [7; 32];
    Entry {
        actor: Actor::broker(),
        cause: Some(3),
        commitments: Commitments::from([("purpose".into(), Commitment::of("task.requested", "purpose", &salt, "x"))]),
        request: Some(RequestMark { content: Digest::of(&[b"c"]), id: Digest::of(&[b"i"]) }),
        time: Time::from_unix_micros(1_700_000_000_000_001),
        body: body.into(),
    }
}

fn requested() -> Requested {
    Requested {
        agent: Name::parse("billing-bot").unwrap(),
        credentials: vec![Name::parse("ledger-ro").unwrap()],
        estate_version: 1,
        needs: vec![Name::parse("payments").unwrap()],
        purpose_code: "reconcile".into(),
        subject: SpiffeId::parse("spiffe://example.org/agent/billing-bot").unwrap(),
        task: TaskId::new(Time::from_unix_seconds(1_700_000_000), [1; 10]),
        window_seconds: 1_200,
    }
}

#[test]
fn an_entry_is_read_back_as_it_was_written() {
    let lease = LeaseId::new(Time::from_unix_seconds(1_700_000_000), [2; 10]);
    let revoked =
        Revoked { assurance: Assurance::EffectConfirmed, crl: None, engine_request: None, known_before: true, lease };
    for entry in [entry(requested()), entry(revoked)] {
        let bytes = entry.write().unwrap();
        assert_eq!(Entry::read(&bytes).unwrap(), entry);
    }
}

#[test]
fn any_changed_byte_gives_another_entry_or_none() {
    let original = entry(requested());
    let bytes = original.write().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(Entry::read(&flipped).map_or(true, |read| read != original), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn an_unknown_type_or_version_is_named() {
    let text = String::from_utf8(entry(requested()).write().unwrap()).unwrap();
    for (from, to) in [("task.requested", "task.requisted"), ("\"v\":1", "\"v\":2")] {
        let other = text.replace(from, to);
        assert_ne!(other, text);
        assert!(matches!(Entry::read(other.as_bytes()), Err(NotAnEntry::Unknown { .. })));
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let text = String::from_utf8(entry(requested()).write().unwrap()).unwrap();
    let other = text.replace("\"agent\":\"billing-bot\"", "\"agent\":\"billing-bot\",\"bogus\":1");
    assert!(matches!(Entry::read(other.as_bytes()), Err(NotAnEntry::Shape(_))));
}

#[test]
fn a_list_does_not_stand_for_an_object() {
    let good = r#"{"actor":{"id":"leasehold"},"time":"2026-11-01T04:00:57.000001Z","type":"broker.stopped","v":1,"what":{"epoch":1}}"#;
    assert!(Entry::read(good.as_bytes()).is_ok());
    for (from, to) in [
        (r#"{"epoch":1}"#, "[1]"),
        (r#"{"id":"leasehold"}"#, r#"["conn","leasehold"]"#),
        (
            r#""time""#,
            r#""request":["4mq7EJCNpHLob5KmHAGJ3ANQlkJnN3LSz5nP2x8n8W4","4mq7EJCNpHLob5KmHAGJ3ANQlkJnN3LSz5nP2x8n8W4"],"time""#,
        ),
        (r#""time""#, r#""commitments":{},"time""#),
    ] {
        let other = good.replacen(from, to, 1);
        assert_ne!(other, good);
        assert!(matches!(Entry::read(other.as_bytes()), Err(NotAnEntry::Shape(_))), "{other}");
    }
}
