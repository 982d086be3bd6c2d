//! What a person reads of a log that was damaged, cut, moved or given another key: through the program
//! itself. Whatever was done, nothing is issued, and with the file put back everything goes on.

use crate::real::house::{House, lease_of, until, uuid};
use leasehold::tlog::note::Signer;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use tonic::Code;

struct Wreck {
    house: House,
    log: PathBuf,
    key: PathBuf,
    whole: Vec<u8>,
    whole_key: Vec<u8>,
}

fn log_key(log: &Path) -> PathBuf {
    let keys = fs::read_dir(log.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    keys.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "key")).unwrap()
}

fn put(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

impl Wreck {
    /// What a start says that must not come about.
    fn refusal(&mut self) -> String {
        // With it a start reads only what came later, and what is damaged before is found by a reading.
        let _ = fs::remove_file(format!("{}.snapshot", self.log.display()));
        let told = self.house.scene.start_broker().expect_err("no broker starts on this").to_string();
        fs::write(self.house.scene.broker_log(), "").unwrap();
        told
    }

    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        let config = self.house.scene.write_config().unwrap();
        let words = [&["log", "check", "--config", config.to_str().unwrap()], more].concat();
        let Output { status, stdout, stderr } = self.house.scene.run("auditor", &words).unwrap();
        (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
    }

    /// Damaged so, no broker starts; the start and the look at the whole file say this. Then all is well.
    fn with_file(&mut self, bytes: &[u8], told: &str, checked: &str) {
        put(&self.log, bytes);
        let said = self.refusal();
        assert!(said.contains(told), "{said}");
        assert!(said.contains(&self.log.display().to_string()), "{said}");
        let (code, said) = self.check(&[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(checked), "{said}");
        assert_eq!(fs::read(&self.log).unwrap(), bytes, "nothing is touched");
        put(&self.log, &self.whole);
    }

    fn with_key(&mut self, key: Option<&[u8]>, told: &str) {
        match key {
            Some(key) => put(&self.key, key),
            None => fs::remove_file(&self.key).unwrap(),
        }
        let said = self.refusal();
        assert!(said.contains(told), "{said}");
        put(&self.key, &self.whole_key);
    }

    /// The file with one bit of the last occurrence of this text changed.
    fn flipped(&self, text: &str, behind: usize) -> Vec<u8> {
        let at = self.whole.windows(text.len()).rposition(|window| window == text.as_bytes()).unwrap();
        let mut bytes = self.whole.clone();
        bytes[at + behind] ^= 1;
        bytes
    }
}

#[test]
fn a_damaged_log_a_wrong_key_and_a_log_that_moved_are_named_with_the_next_step() {
    let mut house = House::open();
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    let log = PathBuf::from(house.scene.file("log.db"));
    let key = log_key(&log);
    moved_while_it_runs(&house, &log);
    house.scene.tell_broker_to_stop().unwrap();
    assert!(house.scene.broker_end().unwrap().success());
    fs::write(house.scene.broker_log(), "").unwrap();
    let (whole, whole_key) = (fs::read(&log).unwrap(), fs::read(&key).unwrap());
    let mut wreck = Wreck { house, log, key, whole, whole_key };
    let (code, said) = wreck.check(&[]);
    assert_eq!((code, said.contains("everything holds")), (Some(0), true), "{said}");

    let entry = wreck.flipped("\"type\":\"lease.issued\"", 9);
    wreck.with_file(&entry, "is not what was signed: keep this file, put a copy in its place", "entry ");
    let signature = wreck.flipped("\u{2014} leasehold.example.org/dev ", 60);
    wreck.with_file(&signature, "is not signed by the key", "signature");
    let mut header = wreck.whole.clone();
    header[3] ^= 1;
    wreck.with_file(&header, "is damaged: stop the broker, keep this file", "is damaged");
    wreck.with_file(&vec![7; 8_192], "is damaged: stop the broker", "is damaged");
    let cut = wreck.whole[..wreck.whole.len() - 3 * 4_096].to_vec();
    wreck.with_file(&cut, "is damaged", "is damaged");
    // A copy elsewhere can be checked while the log itself is in trouble.
    put(&wreck.log.with_file_name("copy.db"), &wreck.whole);
    put(&wreck.log, &entry);
    let copy = wreck.log.with_file_name("copy.db").display().to_string();
    let (code, said) = wreck.check(&["--file", &copy]);
    assert_eq!(code, Some(0), "{said}");
    put(&wreck.log, &wreck.whole);

    let other = |name: &str| Signer::generate(name, [9; 32]).unwrap().to_text().as_bytes().to_vec();
    wreck.with_key(Some(&other("leasehold.example.org/dev")), "is not signed by the key");
    wreck.with_key(Some(&other("leasehold.example.org/else")), "is the key of leasehold.example.org/else, not of");
    wreck.with_key(Some(b"no key\n"), "holds no key: restore it from your backup");
    wreck.with_key(None, "restore the key from your backup");

    // With everything put back, everything goes on.
    wreck.house.restart(None);
    let task = wreck.house.active_task();
    let lease = lease_of(&wreck.house.issue(&task, &uuid()).unwrap());
    wreck.house.finish(&task);
    wreck.house.until_dead(&lease);
    let (code, said) = wreck.check(&[]);
    assert_eq!(code, Some(0), "beside the broker: {said}");
    wreck.house.check();
}

/// Nothing is issued into a file that will not be there at the next start.
fn moved_while_it_runs(house: &House, log: &Path) {
    let (task, away) = (house.active_task(), log.with_file_name("away.db"));
    fs::rename(log, &away).unwrap();
    let told = house.issue(&task, &uuid()).map(drop).unwrap_err();
    assert_eq!((told.code, told.reason.as_str()), (Code::Unavailable, "LOG_UNAVAILABLE"));
    let named = "was moved or removed while the broker runs: put it back";
    until("the broker to say so", || house.broker_said().contains(named));
    fs::rename(&away, log).unwrap();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
}
