//! A good bundle holds; each single change of it does not.

use super::*;
use crate::bundle::Shown;
use domain::base::Time;
use domain::entry::bodies::log;
use domain::entry::{Actor, Commitments, Opening};
use tlog::note::Signer;
use tlog::tree::Edge;

fn entries() -> Vec<Vec<u8>> {
    let bodies: [Body; 4] = [
        log::LogStarted { mode: "dev".into(), origin: "test.example/log".into() }.into(),
        log::BrokerActivated { engine_request_seconds_max: 2, epoch: 1, version: "0".into() }.into(),
        log::BrokerStopped { epoch: 1 }.into(),
        log::BrokerActivated { engine_request_seconds_max: 2, epoch: 2, version: "0".into() }.into(),
    ];
    let write = |(at, body): (usize, &Body)| {
        let time = Time::from_unix_seconds(1_800_000_000 + i64::try_from(at).unwrap());
        let commitments = Commitments::from([("note".into(), opening(body).commitment())]);
        let entry = Entry { actor: Actor::broker(), cause: None, commitments, request: None, time, body: body.clone() };
        entry.write().unwrap()
    };
    bodies.iter().enumerate().map(write).collect()
}

fn opening(body: &Body) -> Opening {
    Opening { entry_type: body.type_name().into(), field: "note".into(), salt: [9; 32], value: "opened".into() }
}

fn signer() -> Signer {
    Signer::generate("test.example/log", [5; 32]).unwrap()
}

fn bundle(entries: &[Vec<u8>]) -> Vec<String> {
    let mut edge = Edge::new();
    for entry in entries {
        drop(edge.push(leaf_hash(entry)));
    }
    let checkpoint = Checkpoint { origin: "test.example/log".into(), size: edge.size(), root: edge.root() };
    let mut lines = vec![Head::new(checkpoint.sign(&signer()), None).to_line()];
    for (index, entry) in (0..).zip(entries) {
        let openings = vec![Disclosed::new("note", &[9; 32], "opened")];
        let line = Shown { entry, index, leaf: leaf_hash(entry), openings }.to_line();
        lines.push(String::from_utf8(line).unwrap());
    }
    lines
}

fn report(lines: &[String]) -> Report {
    verify(lines.concat().as_bytes(), &signer().verifier())
}

#[test]
fn a_good_bundle_holds() {
    let report = report(&bundle(&entries()));
    assert!(report.holds(), "{report}");
    assert_eq!((report.size, report.openings, report.origin.as_str()), (4, 4, "test.example/log"));
}

#[test]
fn an_omitted_doubled_or_moved_entry_is_seen() {
    let good = bundle(&entries());
    for changed in [
        [&good[..2], &good[3..]].concat(),
        [&good[..3], &good[2..]].concat(),
        vec![good[0].clone(), good[1].clone(), good[3].clone(), good[2].clone(), good[4].clone()],
        good[..4].to_vec(),
        good[1..].to_vec(),
    ] {
        assert!(!report(&changed).holds());
    }
}

#[test]
fn every_flipped_bit_is_seen() {
    let good = bundle(&entries()[..2]);
    for (nth, line) in good.iter().enumerate() {
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            let mut changed = good.clone();
            changed[nth] = flipped;
            assert!(!report(&changed).holds(), "byte {at} of line {nth}: {}", changed[nth]);
        }
    }
}

#[test]
fn another_key_or_a_wrong_opening_is_seen() {
    let good = bundle(&entries());
    let other = Signer::generate("test.example/log", [6; 32]).unwrap().verifier();
    assert!(!verify(good.concat().as_bytes(), &other).holds());
    let changed: Vec<String> = good.iter().map(|line| line.replace("opened", "forged")).collect();
    let report = report(&changed);
    assert_eq!(report.complaints.len(), 4, "{report}");
    assert!(report.complaints.iter().all(|complaint| complaint.law == "opening"));
}

#[test]
fn a_log_that_breaks_a_law_names_the_entry() {
    let mut broken = entries();
    broken.remove(1);
    let report = report(&bundle(&broken));
    assert_eq!(report.complaints[0].index, Some(2));
    assert_eq!(report.complaints[0].law, "epoch");
}

#[test]
fn nothing_is_prepared_behind_what_is_no_line() {
    let good = include_str!("../../../docs/evidence/log.bundle").lines().nth(1).unwrap();
    assert_eq!(prepare(format!("{good}\n{good}\n").as_bytes()).count(), 2, "the control");
    // A block of nothing but line feeds would become a complaint for each, many times as long as itself.
    assert_eq!(prepare("\n".repeat(1_000).as_bytes()).count(), 1);
    assert_eq!(prepare(format!("{good}\n\n{good}\n").as_bytes()).count(), 2);
}
