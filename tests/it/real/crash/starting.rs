//! The start after a crash: from the last snapshot and what came after it, never from a half-written
//! one, and not at all on a log that is older than what its own key has signed.

use crate::real::house::{House, lease_of, until, uuid};
use leasehold::proto::v1::LeaseState;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[test]
fn a_killed_broker_goes_on_from_its_snapshot_and_refuses_a_log_that_is_older() {
    let mut house = House::open();
    let (snapshot, draft) = (house.scene.file("log.db.snapshot"), house.scene.file("log.db.snapshot.draft"));
    until("the first snapshot", || Path::new(&snapshot).exists());
    assert_eq!(fs::metadata(&snapshot).unwrap().permissions().mode() & 0o777, 0o600);
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    // Killed with a tail behind the snapshot.
    let first = signed_size(&snapshot);
    house.restart(Some("before_rename"));
    assert_eq!(house.bot.lease(&lease).unwrap().state(), LeaseState::Issued);
    assert_eq!(folded_from(&house), first);
    // Killed by its own hand in the middle of the last snapshot.
    let other = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.scene.tell_broker_to_stop().unwrap();
    house.died();
    assert!(Path::new(&draft).exists());
    assert_eq!(signed_size(&snapshot), first);
    house.restart(None);
    assert_eq!(folded_from(&house), first);
    assert_eq!(house.bot.lease(&other).unwrap().state(), LeaseState::Issued);
    // An orderly stop leaves a snapshot of the whole log.
    let backup = log_files(&house);
    stop(&mut house);
    assert!(!Path::new(&draft).exists());
    assert_eq!(signed_size(&snapshot), house.log().size() as u64);
    house.restart(None);
    house.finish(&task);
    house.until_dead(&lease);
    house.until_dead(&other);
    house.check();
    stop(&mut house);
    let newest = log_files(&house);
    put_back(&house, &backup);
    let refused = house.scene.serve_command().unwrap().output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the log was rolled back") && said.contains("log.db.snapshot"), "{said}");
    put_back(&house, &newest);
    house.restart(None);
    house.check();
    assert!(!house.broker_said().contains("folded whole"), "{}", house.broker_said());
}

fn stop(house: &mut House) {
    house.scene.tell_broker_to_stop().unwrap();
    assert_eq!(house.scene.broker_end().unwrap().code(), Some(0), "{}", house.broker_said());
}

/// The third line of the note.
fn signed_size(snapshot: &str) -> u64 {
    let file = fs::read(snapshot).unwrap();
    file.split(|byte| *byte == b'\n').nth(2).and_then(|line| std::str::from_utf8(line).unwrap().parse().ok()).unwrap()
}

/// What the broker said last of where its fold began.
fn folded_from(house: &House) -> u64 {
    let said = house.broker_said();
    let line = said.lines().rfind(|line| line.contains("the log is folded")).unwrap_or_else(|| panic!("{said}"));
    let from = line.split("from_snapshot=").nth(1).unwrap();
    from.split_whitespace().next().unwrap().parse().unwrap()
}

fn log_files(house: &House) -> Vec<(String, Option<Vec<u8>>)> {
    let files = ["log.db", "log.db-wal"].map(|name| house.scene.file(name));
    files.into_iter().map(|file| (file.clone(), fs::read(file).ok())).collect()
}

fn put_back(house: &House, files: &[(String, Option<Vec<u8>>)]) {
    for (file, bytes) in files {
        match bytes {
            Some(bytes) => fs::write(file, bytes).unwrap(),
            None => drop(fs::remove_file(file)),
        }
    }
    // Made anew from the write-ahead log.
    let _ = fs::remove_file(house.scene.file("log.db-shm"));
}
