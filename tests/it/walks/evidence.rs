//! What stays when everybody has gone: receipts, proofs and records that hold without the broker.

use super::raw::{Raw, refusal};
use super::stage::{Stage, binary, stage, text};
use leasehold::proto::v1;
use leasehold::proto::v1::evidence_service_client::EvidenceServiceClient;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::hash::Hash;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::proof::verify_consistency;
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use tonic::Code;

/// Verifies a file as somebody who has it and the log's key, and nothing else.
fn offline(file: &str, key: &str) -> Output {
    Command::new(binary()).args(["evidence", "verify", file, "--key", key]).env_clear().output().unwrap()
}

fn key(stage: &Stage) -> String {
    text(&stage.json("auditor", &["evidence", "checkpoint"]).unwrap(), "verifier_key")
}

#[test]
fn a_receipt_that_came_with_the_secret_holds_offline() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let secret = stage.draw(&task, "ledger-ro", &[]);
    let receipt = &secret["receipt"];
    let entry: Value = serde_json::from_str(&text(receipt, "entry")).unwrap();
    assert_eq!((&entry["type"], &entry["what"]["lease"]), (&"lease.issued".into(), &secret["lease"]["id"]));
    holds_and_breaks(&stage, receipt, "with-secret.out");
    stage.complete(&task);
    stage.settled("auditor", &text(&secret["lease"], "id")).unwrap();
}

#[test]
fn a_receipt_of_any_entry_holds_offline() {
    let stage = stage();
    for index in ["0", "3", "7"] {
        let receipt = stage.json("auditor", &["evidence", "receipt", index]).unwrap();
        holds_and_breaks(&stage, &receipt, &format!("receipt-{index}.out"));
    }
}

/// As it is it holds; with one word changed, or under another key, it does not.
fn holds_and_breaks(stage: &Stage, receipt: &Value, name: &str) {
    let (file, key) = (stage.file(name), key(stage));
    fs::write(&file, receipt.to_string()).unwrap();
    let output = offline(&file, &key);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let entry = text(receipt, "entry");
    let mut changed = receipt.clone();
    changed["entry"] = entry.replacen("\"v\":1", "\"v\":2", 1).into();
    assert_ne!(changed, *receipt);
    fs::write(&file, changed.to_string()).unwrap();
    assert!(!offline(&file, &key).status.success(), "a changed receipt holds");
}

#[tokio::test]
async fn a_workload_proves_its_own_entries_and_no_others() {
    let stage = stage();
    let task = stage.active(&["motd"], "20m");
    let own = stage.entry_of(&task, "task.requested")["index"].as_u64().unwrap().to_string();
    stage.json("billing-bot", &["evidence", "receipt", &own]).unwrap();
    stage.refused("billing-bot", &["evidence", "receipt", "0"], "NOT_FOUND").unwrap();
    stage.refused("orphan-bot", &["evidence", "receipt", &own], "NOT_FOUND").unwrap();
    stage.refused("billing-bot", &["evidence", "list"], "ROLE_MISSING").unwrap();
    let nothing = refusal(receipt(&stage, "billing-bot", u64::MAX >> 12).await);
    assert_eq!(nothing, (Code::NotFound, "NOT_FOUND".into()), "what is not there and what is not yours look alike");
    stage.complete(&task);
}

async fn receipt(stage: &Stage, who: &str, index: u64) -> Result<v1::GetReceiptResponse, tonic::Status> {
    let raw = Raw::certified(stage, who).await;
    let request = v1::GetReceiptRequest { index };
    EvidenceServiceClient::new(raw.channel).get_receipt(request).await.map(tonic::Response::into_inner)
}

#[test]
fn who_reads_by_office_is_recorded() {
    let stage = stage();
    let before = readings(&stage).len();
    stage.ok("auditor", &["evidence", "list", "--from", "2", "--limit", "3"]).unwrap();
    stage.ok("auditor", &["evidence", "receipt", "4"]).unwrap();
    let noted = readings(&stage).split_off(before);
    let range = |entry: &Value| (entry["what"]["from"].as_u64().unwrap(), entry["what"]["limit"].as_u64().unwrap());
    for wanted in [(2, 3), (4, 1)] {
        assert!(noted.iter().any(|entry| range(entry) == wanted), "no trace of {wanted:?} in {noted:?}");
    }
    assert!(noted.iter().all(|entry| entry["actor"]["id"] == "spiffe://example.org/people/auditor"));
}

fn readings(stage: &Stage) -> Vec<Value> {
    let words = ["signals", "tail", "--json", "--from", "0", "--limit"];
    let size = stage.json("auditor", &["status"]).unwrap()["log_size"].to_string();
    let all = stage.ok("auditor", &[&words[..], &[&size]].concat()).unwrap();
    let entries = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].take());
    entries.filter(|entry| entry["type"] == "evidence.read").collect()
}

#[tokio::test]
async fn each_checkpoint_extends_the_ones_before() {
    let stage = stage();
    let raw = Raw::certified(&stage, "stranger").await;
    let mut client = EvidenceServiceClient::new(raw.channel);
    let key = VerifierKey::parse(&key(&stage)).unwrap();
    let mut heads = Vec::new();
    for _ in 0..3 {
        let answer = client.get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner();
        heads.push(Checkpoint::open(&answer.checkpoint, &key).unwrap().head());
        let task = stage.active(&["motd"], "20m");
        stage.complete(&task);
    }
    for (old, new) in [(0, 1), (1, 2), (0, 2)] {
        let (old, new) = (&heads[old], &heads[new]);
        assert!(old.size < new.size);
        let ask = v1::GetConsistencyProofRequest { old_size: old.size, new_size: new.size };
        let answer = client.get_consistency_proof(ask).await.unwrap().into_inner();
        let hashes: Vec<Hash> =
            answer.hashes.iter().map(|hash| Hash::from_bytes(hash[..].try_into().unwrap())).collect();
        verify_consistency(old, new, &hashes).unwrap();
        assert!(verify_consistency(new, old, &hashes).is_err(), "the other way round");
    }
}

#[test]
fn the_engines_own_audit_file_names_our_entries() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &[]);
    let intended = stage.entry_of(&login.lease, "lease.intended")["index"].as_u64().unwrap();
    let request = text(&stage.entry_of(&login.lease, "lease.issued")["entry"]["what"], "engine_request");
    let audit = fs::read_to_string(&stage.bao.audit_file).unwrap();
    let lines = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ours: Vec<Value> = lines.filter(|line| line["request"]["id"] == request.as_str()).collect();
    assert_eq!(ours.len(), 2, "one question and one answer");
    for line in &ours {
        assert_eq!(line["request"]["path"], "database/creds/ledger-ro");
        assert_eq!(line["request"]["headers"]["x-leasehold-entry"], serde_json::json!([intended.to_string()]));
    }
    stage.complete(&task);
    stage.proven_dead(&login);
}

#[test]
fn the_whole_log_holds_offline() {
    let stage = stage();
    let task = stage.active(&["ledger-ro", "motd"], "20m");
    let login = stage.login(&task, &[]);
    stage.draw(&task, "motd", &[]);
    stage.complete(&task);
    stage.proven_dead(&login);
    let (file, key) = (stage.file("whole.bundle"), key(&stage));
    stage.ok("auditor", &["evidence", "export", &file, "--open", "*"]).unwrap();
    let output = offline(&file, &key);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
