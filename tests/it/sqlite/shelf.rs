//! The files beside the log: the contract of their port, and what only a real disk shows.

use super::Home;
use super::child::{self, Child, Limit};
use crate::contract::shelf::{Bench, shelf_contract};
use leasehold::adapters::kept_file::KeptFile;
use leasehold::adapters::shelf::FileShelf;
use leasehold::ports::{FaultKind, Keepsake as _, Shelf};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

struct Beside(Home);

impl Beside {
    fn new() -> Self {
        Self(Home::new())
    }
}

impl Bench for Beside {
    fn open(&self) -> Arc<dyn Shelf> {
        Arc::new(FileShelf::beside(&self.0.path()).unwrap())
    }
}

shelf_contract!(Beside::new);

/// Names of the files in the log's folder.
fn files(log: &Path) -> Vec<String> {
    let entries = fs::read_dir(log.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_beside_the_log_is_for_its_owner_alone_and_has_no_draft_left() {
    let home = Home::new();
    let shelf = FileShelf::beside(&home.path()).unwrap();
    // A killed process may have left a draft that is somebody else's by now.
    let (draft, elsewhere) = (home.path().with_file_name("log.db.snapshot.draft"), home.path().with_file_name("else"));
    fs::write(&elsewhere, "not to be written over").unwrap();
    std::os::unix::fs::symlink(&elsewhere, draft).unwrap();
    shelf.put("snapshot", &[b"bytes"]).unwrap();
    assert_eq!(files(&home.path()), ["else", "log.db.snapshot"]);
    assert_eq!(fs::read(&elsewhere).unwrap(), b"not to be written over");
    let file = home.path().with_file_name("log.db.snapshot");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(shelf.place("snapshot"), file.display().to_string());
}

#[test]
fn what_is_no_file_is_not_read() {
    let home = Home::new();
    let shelf = FileShelf::beside(&home.path()).unwrap();
    assert_eq!(shelf.get("snapshot", 10).unwrap(), None);
    fs::create_dir(home.path().with_file_name("log.db.snapshot")).unwrap();
    let fault = shelf.get("snapshot", 10).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permanent);
    assert!(fault.to_string().contains("log.db.snapshot is not a file"), "{fault}");
    assert_eq!(shelf.put("snapshot", &[b"bytes"]).unwrap_err().kind, FaultKind::Transient);
    assert_eq!(files(&home.path()), ["log.db.snapshot"], "no draft is left");
}

#[test]
fn a_write_that_breaks_off_leaves_what_was_there_and_no_draft() {
    if let Some(log) = child::log_path() {
        let shelf = FileShelf::beside(&log).unwrap();
        shelf.put("snapshot", &[&[1; 100_000]]).unwrap();
        let fault = shelf.put("snapshot", &[&[2; 1_000_000]]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Transient);
        assert_eq!(files(&log), ["log.db.snapshot"]);
        assert_eq!(shelf.get("snapshot", 200_000).unwrap(), Some(vec![1; 100_000]));
        return child::say("held");
    }
    let home = Home::new();
    let name = "sqlite::shelf::a_write_that_breaks_off_leaves_what_was_there_and_no_draft";
    let Some(said) = Child::start(name, &home.path(), Limit::FileKilobytes(400)).finish() else { return };
    assert_eq!(said, ["held"]);
}

#[test]
fn what_can_be_made_again_does_not_take_the_last_room_of_the_disk() {
    if let Some(log) = child::log_path() {
        let shelf = FileShelf::beside(&log).unwrap();
        shelf.put("snapshot", &[&[1; 1_000_000]]).unwrap();
        let fault = shelf.put("snapshot", &[&vec![2; 20_000_000]]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Transient);
        assert!(fault.to_string().contains("is nearly full"), "{fault}");
        assert_eq!(files(&log), ["log.db.snapshot"]);
        assert_eq!(shelf.get("snapshot", 1_000_000).unwrap(), Some(vec![1; 1_000_000]));
        fs::write(log.with_file_name("else"), vec![3; 20_000_000]).unwrap();
        assert_eq!(shelf.put("snapshot", &[b"bytes"]).unwrap_err().kind, FaultKind::Transient);
        // What nobody else has takes the room that there is.
        let book = KeptFile::at(log.with_file_name("book"));
        book.keep("seen\n").unwrap();
        assert_eq!(book.recall().unwrap().as_deref(), Some("seen\n"));
        return child::say("held");
    }
    let home = Home::new();
    let name = "sqlite::shelf::what_can_be_made_again_does_not_take_the_last_room_of_the_disk";
    let Some(said) = Child::start(name, &home.path(), Limit::DiskMegabytes(80)).finish() else { return };
    assert_eq!(said, ["held"]);
}
