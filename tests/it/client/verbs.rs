//! Estate, leases, evidence, signals and status from the command line.

use super::desk::Desk;
use super::fake::{TASK, outage};

const LEASE: &str = "lease-00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_plan_shows_changes_and_how_to_apply_exactly_them() {
    let desk = Desk::open().await;
    let file = desk.file("estate.toml", "[team.payments]\n");
    let ran = desk.run(&["plan", &file]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows: Vec<&str> = ran.data.lines().collect();
    assert_eq!(
        rows,
        [
            "CHANGE    KIND        NAME         FIELDS",
            "+ add     agent       billing-bot  -",
            "~ change  credential  ledger-ro    max_ttl, owner",
            "- remove  team        old          -",
        ]
    );
    assert!(ran.talk.contains("warning: agent billing-bot has an owner team of one"), "{ran:?}");
    assert!(ran.talk.contains(&format!("leasehold apply {file} --against 0")), "{ran:?}");
    assert_eq!(desk.broker.state().estate_version, 0, "a plan changes nothing");
}

#[tokio::test]
async fn apply_goes_against_what_was_planned() {
    let desk = Desk::open().await;
    let file = desk.file("estate.toml", "[team.payments]\n");
    assert_eq!(desk.run(&["apply", &file]).await.code, 0);
    assert_eq!(desk.broker.state().estate_version, 1);
    let moved = desk.run(&["apply", &file, "--against", "0"]).await;
    assert_eq!(moved.code, 1);
    assert!(moved.talk.contains("next step: plan again: the estate changed since"), "{moved:?}");
    assert_eq!(desk.run(&["apply", &file, "--against", "1"]).await.code, 0);
    let missing = desk.run(&["plan", "nowhere.toml"]).await;
    assert_eq!(missing.code, 2);
    assert!(missing.talk.contains("cannot read nowhere.toml"), "{missing:?}");
}

#[tokio::test]
async fn leases_are_listed_renewed_and_revoked() {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro", "api-key"])]).await;
    desk.run(&["secret", "get", TASK, "ledger-ro"]).await;
    desk.run(&["secret", "get", TASK, "api-key"]).await;
    let all = desk.run(&["lease", "list"]).await;
    assert_eq!(all.data.lines().count(), 3, "{all:?}");
    let one = desk.run(&["lease", "list", "--credential", "api-key"]).await;
    assert_eq!(one.data.lines().count(), 2, "{one:?}");
    let renewed = desk.run(&["lease", "renew", LEASE, "--ttl", "15m"]).await;
    assert!(renewed.data.contains("expires       2026-11-21T10:15:00Z"), "{renewed:?}");
    let revoked = desk.run(&["lease", "revoke", LEASE, "--wait"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(revoked.talk.contains("ledger-ro: revoked, authority-confirmed in 0."), "{revoked:?}");
    let shown = desk.run(&["lease", "show", LEASE]).await;
    assert!(shown.data.contains("assurance     authority-confirmed"), "{shown:?}");
}

#[tokio::test]
async fn a_consistency_proof_is_one_hash_a_line() {
    let desk = Desk::open().await;
    let proof = desk.run(&["evidence", "consistency", "7"]).await;
    let hashes = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n//////////////////////////////////////////8=\n";
    assert_eq!((proof.code, proof.data.as_str()), (0, hashes), "{proof:?}");
    assert!(proof.talk.contains("the log of 42 entries begins with that of 7"), "{proof:?}");
    let same = desk.run(&["evidence", "consistency", "9", "9"]).await;
    assert_eq!((same.code, same.data.as_str()), (0, ""), "{same:?}");
}

#[tokio::test]
async fn evidence_is_printed_as_files_and_lines() {
    let desk = Desk::open().await;
    let checkpoint = desk.run(&["evidence", "checkpoint"]).await;
    assert_eq!(checkpoint.data, "leasehold.example.org/prod\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
    let cosigned = desk.run(&["evidence", "checkpoint", "--cosigned"]).await;
    assert!(cosigned.data.starts_with("leasehold.example.org/prod\n40\n"), "{cosigned:?}");
    let receipt = desk.run(&["evidence", "receipt", "41"]).await;
    assert!(receipt.data.starts_with("c2sp.org/tlog-proof@v1\nindex 41\n\n"), "{receipt:?}");
    assert!(receipt.talk.contains("unwitnessed"), "{receipt:?}");
    let list = desk.run(&["evidence", "list", "--from", "1", "--type", "lease.*"]).await;
    let lines: Vec<&str> = list.data.lines().collect();
    assert_eq!(lines.len(), 2, "{list:?}");
    assert!(lines[0].contains("2  2026-11-21T10:00:02.000001Z  lease.issued"), "{list:?}");
    assert!(lines[0].ends_with("note=x\\u{202e}y by=leasehold"), "{list:?}");
    let none = desk.run(&["evidence", "list", "--from", "9"]).await;
    assert!(none.data.is_empty() && none.talk.contains("no entries from index 9"), "{none:?}");
}

#[tokio::test]
async fn a_bundle_is_written_to_a_new_file_and_to_no_other() {
    let (desk, folder) = (Desk::open().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("october.bundle").display().to_string();
    let chosen = ["--credential", "ledger-ro", "--from", "2026-10-01", "--to", "2026-11-01T00:00:00Z"];
    let ran = desk.run(&[&["evidence", "export", &file][..], &chosen].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.talk.contains("2 lines") && ran.talk.contains("evidence verify"), "{ran:?}");
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("a second line\n"));
    assert_eq!(desk.broker.request_ids("export"), ["ledger-ro"]);
    let again = desk.run(&["evidence", "export", &file]).await;
    assert_eq!((again.code, desk.broker.request_ids("export").len()), (2, 1), "an existing file stays: {again:?}");
    let fresh = folder.path().join("fresh.bundle").display().to_string();
    desk.broker.state().interruptions.push_back(outage());
    let cut = desk.run(&["evidence", "export", &fresh]).await;
    assert!(cut.code == 1 && !std::path::Path::new(&fresh).exists(), "half a file is taken away: {cut:?}");
}

#[tokio::test]
async fn an_erasure_says_who_must_act_next() {
    let desk = Desk::open().await;
    let asked = desk.run(&["evidence", "erase", "41", "--field", "purpose"]).await;
    assert_eq!((asked.code, asked.data.as_str()), (0, "requested\n"), "{asked:?}");
    assert!(asked.talk.contains("second operator"), "{asked:?}");
    let done = desk.run(&["evidence", "erase", "42", "--field", "purpose", "--because", "retention"]).await;
    assert_eq!((done.code, done.data.as_str()), (0, "erased\n"), "{done:?}");
}

#[tokio::test]
async fn a_tail_resumes_after_the_last_signal_it_has() {
    let desk = Desk::open().await;
    desk.broker.state().interruptions.push_back(outage());
    let ran = desk.run(&["signals", "tail", "--from", "0", "--limit", "3"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(desk.broker.request_ids("subscribe"), ["0", "1"], "from the cursor, not from the start");
    let kinds: Vec<&str> = ran.data.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(kinds, ["log.started", "lease.issued", "lease.revoked"], "a heartbeat is no signal");
    let fresh = desk.run(&["signals", "tail", "--limit", "1"]).await;
    assert!(fresh.data.trim_start().starts_with('2'), "without --from only what is new: {fresh:?}");
}

#[tokio::test]
async fn status_tells_what_is_wrong() {
    let ran = Desk::open().await.run(&["status"]).await;
    assert!(ran.data.contains("engine             unreachable: vault cannot be reached"), "{ran:?}");
    assert!(ran.data.contains("trust source       degraded: the Workload API is unreachable; start"), "{ran:?}");
    assert!(ran.data.contains("clock              not-looked-at"), "{ran:?}");
}
