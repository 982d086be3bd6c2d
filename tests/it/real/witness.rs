//! The whole broker with a witness, each a process: witnessed, rolled back, found out.

use crate::real::house::{House, until, uuid};
use crate::witness::process::WitnessProcess;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of the log that an attacker would take back to an old copy.
const LOG: [&str; 3] = ["log.db", "log.db-wal", "log.db-shm"];

fn folder(house: &House) -> PathBuf {
    PathBuf::from(house.scene.file("log.db")).parent().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    for name in LOG {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

fn until_witnessed(house: &House) {
    let witnessed = || house.scene.json("operator", &["status"]).unwrap()["unwitnessed_since_time"].is_null();
    until("every entry to be witnessed", witnessed);
}

/// A broker with a witness that knows its log, and the policy that says so.
fn witnessed_house() -> (House, WitnessProcess, String) {
    let mut house = House::open();
    let said = house.scene.json("auditor", &["evidence", "checkpoint"]).unwrap();
    let key = said["verifier_key"].as_str().unwrap().to_owned();
    let witness = WitnessProcess::start("witness.example/w1", &[&key]);
    let policy = house.scene.file("witness.policy");
    fs::write(&policy, format!("log {key}\n{}quorum w1\n", witness.line("w1"))).unwrap();
    house.scene.options.more_config = format!("\n[witness]\npolicy_file = {policy:?}\n");
    house.restart(None);
    until_witnessed(&house);
    (house, witness, policy)
}

fn intents(house: &House) -> usize {
    house.log().all("lease.intended").len()
}

#[test]
fn a_start_issues_nothing_before_the_witness_has_spoken_and_never_on_a_log_that_it_contradicts() {
    let (mut house, mut witness, _) = witnessed_house();
    let task = house.active_task();
    until_witnessed(&house);
    house.scene.kill_broker().unwrap();
    let (own, attic) = (folder(&house), tempfile::tempdir().unwrap());
    copy(&own, attic.path());

    // The honest log: a moment of waiting, and nobody has to do anything.
    witness.halt();
    house.restart(None);
    assert_eq!(house.issue(&task, &uuid()).err().unwrap().reason, "LOG_UNAVAILABLE");
    assert_eq!(intents(&house), 0);
    witness.go_on();
    let request_id = uuid();
    until("issuing to open by itself", || house.issue(&task, &request_id).is_ok());
    until_witnessed(&house);
    house.scene.kill_broker().unwrap();

    // The old copy, without the memory that the start would compare it with.
    copy(attic.path(), &own);
    fs::remove_file(own.join("log.db.cosigned")).unwrap();
    witness.halt();
    house.restart(None);
    assert_eq!(house.issue(&task, &uuid()).err().unwrap().reason, "LOG_UNAVAILABLE");
    witness.go_on();
    assert_eq!(house.scene.broker_end().unwrap().code(), Some(1));
    assert!(house.broker_said().contains("the witness w1 holds another history of this log"));
    assert_eq!(intents(&house), 0, "not one");
}

#[test]
fn a_log_that_is_taken_back_is_refused_at_the_start_and_without_its_memory_stopped_by_the_witness() {
    let (mut house, _witness, policy) = witnessed_house();
    let shown = house.scene.ok("operator", &["status"]).unwrap();
    assert!(shown.contains("all entries are witnessed"), "{shown}");
    let seen = house.scene.file("seen.checkpoint");
    let monitor = ["evidence", "monitor", "--since", &seen, "--keys", &policy];
    assert_eq!(house.scene.json("auditor", &monitor).unwrap()["grown_by"], Value::Null);
    let cosigned = house.scene.ok("auditor", &["evidence", "checkpoint", "--cosigned"]).unwrap();
    assert!(cosigned.contains("\u{2014} witness.example/w1 "), "{cosigned}");

    // An attacker keeps a copy, lets a secret be issued, and puts the copy back.
    house.scene.kill_broker().unwrap();
    let (own, attic) = (folder(&house), tempfile::tempdir().unwrap());
    copy(&own, attic.path());
    house.restart(None);
    let task = house.active_task();
    until_witnessed(&house);
    house.issue(&task, &uuid()).unwrap();
    until_witnessed(&house);
    assert!(house.scene.json("auditor", &monitor).unwrap()["grown_by"].as_u64().unwrap() >= 4);
    house.scene.kill_broker().unwrap();
    copy(attic.path(), &own);
    let refused = format!("{:#}", house.scene.start_broker().unwrap_err());
    assert!(refused.contains("the log was rolled back") && refused.contains("Restore the newest copy"), "{refused}");

    // They take its memory away too: it starts, and the witness remembers.
    fs::remove_file(own.join("log.db.cosigned")).unwrap();
    house.scene.start_broker().unwrap();
    let ended = house.scene.broker_end().unwrap();
    assert_eq!(ended.code(), Some(1));
    let said = house.broker_said();
    let last = said.lines().rev().take(8).collect::<Vec<_>>().join("\n");
    assert!(last.contains("the witness w1 holds another history of this log"), "{last}");
    assert!(last.contains("nothing more is issued") && last.contains("restore the newest copy"), "{last}");
    assert!(last.contains("the log is rolled back: it had"), "{last}");
}
