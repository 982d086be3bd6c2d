//! The two files of a witness, and what is missing when one is.

use super::process::WitnessProcess;
use leasehold::tlog::note::Signer;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn witness() -> WitnessProcess {
    let log = Signer::generate("log.example", [1; 32]).unwrap();
    WitnessProcess::start("witness.example/w1", &[&log.verifier().to_string()])
}

#[test]
fn the_first_start_makes_both_files_for_its_owner_only_and_the_next_keeps_them() {
    let mut witness = witness();
    for name in ["key", "state"] {
        assert_eq!(fs::metadata(witness.file(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let secret = fs::read_to_string(witness.file("key")).unwrap();
    xtask::canary::register(secret.trim().as_bytes()).unwrap();
    assert!(secret.starts_with("PRIVATE+KEY+witness.example/w1+"));
    assert_eq!(witness.key.name(), "witness.example/w1");
    witness.stop();
    witness.start_again();
    assert_eq!(fs::read_to_string(witness.file("key")).unwrap(), secret);
    let said = fs::read_to_string(witness.file("stderr")).unwrap();
    assert!(said.contains(&witness.line("witness.example/w1").trim_end().to_owned()), "{said}");
    assert!(!said.contains("PRIVATE"));
}

#[test]
fn a_witness_that_lost_one_of_its_files_does_not_go_on() {
    let mut witness = witness();
    let state = fs::read(witness.file("state")).unwrap();
    let mut refused = |change: &dyn Fn(&WitnessProcess), back: &dyn Fn(&WitnessProcess)| {
        witness.stop();
        change(&witness);
        let said = witness.try_again().unwrap_err();
        back(&witness);
        witness.start_again();
        said
    };
    let said =
        refused(&|w| fs::remove_file(w.file("state")).unwrap(), &|w| fs::write(w.file("state"), &state).unwrap());
    assert!(said.contains("restore it") && said.contains("new key"), "{said}");
    let garbled = |w: &WitnessProcess| fs::write(w.file("state"), "{").unwrap();
    let said = refused(&garbled, &|w| fs::write(w.file("state"), &state).unwrap());
    assert!(said.contains("a witness that forgets is none"), "{said}");
    let mode =
        |mode| move |w: &WitnessProcess| fs::set_permissions(w.file("key"), PermissionsExt::from_mode(mode)).unwrap();
    let said = refused(&mode(0o644), &mode(0o600));
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_book_without_its_key_is_refused_once_it_holds_a_promise() {
    let mut witness = witness();
    witness.stop();
    let key = fs::read(witness.file("key")).unwrap();
    fs::remove_file(witness.file("key")).unwrap();
    let promise = r#"{"log.example":{"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","size":0}}"#;
    fs::write(witness.file("state"), promise).unwrap();
    let said = witness.try_again().unwrap_err();
    assert!(said.contains("its key") && said.contains("restore it"), "{said}");
    fs::write(witness.file("key"), key).unwrap();
    fs::set_permissions(witness.file("key"), PermissionsExt::from_mode(0o600)).unwrap();
    witness.start_again();
}

#[test]
fn two_processes_never_share_one_book() {
    let mut witness = witness();
    let said = witness.try_again().unwrap_err();
    assert!(said.contains("another process holds"), "{said}");
}
