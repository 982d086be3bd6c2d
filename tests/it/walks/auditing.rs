//! The auditor's afternoon (docs/auditing.md): export, verify, trace, sample. What the broker tells and
//! what the bundle tells is the same.

use super::stage::{Stage, binary, stage, text};
use serde_json::Value;
use std::process::Command;

/// As somebody who has the bundle and nothing else.
fn offline(words: &[&str]) -> Value {
    let output = Command::new(binary()).args(words).arg("--json").env_clear().output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn bundle(stage: &Stage, name: &str) -> String {
    let file = stage.file(name);
    stage.ok("auditor", &["evidence", "export", &file, "--open", "*"]).unwrap();
    file
}

#[test]
fn a_trace_is_the_same_from_the_broker_and_from_a_bundle() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &["--ttl", "10m"]);
    stage.ok("billing-bot", &["lease", "renew", &login.lease, "--ttl", "15m"]).unwrap();
    stage.complete(&task);
    stage.proven_dead(&login);
    stage.settled("auditor", &login.lease).unwrap();
    let file = bundle(&stage, "traced.bundle");
    for subject in [["--lease", &login.lease], ["--task", &task]] {
        let words = [&["evidence", "trace"][..], &subject].concat();
        let asked = stage.json("auditor", &words).unwrap();
        let read = offline(&[&words[..], &["--bundle", &file]].concat());
        assert_eq!(asked["tasks"], read["tasks"]);
        let [told] = asked["tasks"].as_array().unwrap().as_slice() else { panic!("{asked:#}") };
        assert_eq!(told["requested"]["subject"], "spiffe://example.org/agent/billing-bot");
        assert_eq!(told["approvals"][0]["binds_this_request"], true);
        let lease = &told["leases"][0];
        assert_eq!((&lease["end"]["how"], &lease["end"]["assurance"]), (&"revoked".into(), &"effect-confirmed".into()));
        assert_eq!(lease["renewals"].as_array().unwrap().len(), 1);
    }
    let story = stage.ok("auditor", &["evidence", "trace", "--lease", &login.lease]).unwrap();
    for word in ["identity", "entitlement", "approval", "issuance", "renewal", "this very request", "effect-confirmed"]
    {
        assert!(story.contains(word), "{word} in\n{story}");
    }
    stage.refused("billing-bot", &["evidence", "trace", "--lease", &login.lease], "ROLE_MISSING").unwrap();
}

#[test]
fn a_sample_is_the_same_from_the_broker_and_from_a_bundle_and_by_hand() {
    let stage = stage();
    let task = stage.active(&["motd"], "20m");
    for _ in 0..4 {
        stage.draw(&task, "motd", &[]);
    }
    stage.complete(&task);
    let file = bundle(&stage, "sampled.bundle");
    let shown = std::fs::read_to_string(&file).unwrap();
    let end = shown.lines().count() - 1;
    let end = end.to_string();
    let words = ["evidence", "sample", "--seed", "audit 2026-10", "--n", "3", "--to", &end];
    let asked = stage.json("auditor", &words).unwrap();
    assert_eq!(asked, offline(&[&words[..], &["--bundle", &file]].concat()));
    let chosen = asked["sample"].as_array().unwrap().iter().map(|it| it["index"].as_u64().unwrap());
    let entries = shown.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let issued = entries.filter(|line| line["entry"]["type"] == "lease.issued");
    let mut by_hand: Vec<u64> = issued.map(|line| line["index"].as_u64().unwrap()).collect();
    by_hand.sort_by_key(|index| leasehold::audit::sample::rank("audit 2026-10", *index));
    by_hand.truncate(3);
    by_hand.sort_unstable();
    assert_eq!(chosen.collect::<Vec<_>>(), by_hand);
    let other = offline(&["evidence", "sample", "--seed", "another", "--n", "3", "--to", &end, "--bundle", &file]);
    assert_eq!(other["of"], asked["of"]);
}

#[test]
fn the_index_is_rebuilt_by_one_command_and_tells_the_same() {
    let stage = stage();
    let task = stage.active(&["motd"], "20m");
    stage.complete(&task);
    let words = ["evidence", "trace", "--task", &task];
    let before = stage.json("auditor", &words).unwrap();
    stage.refused("auditor", &["evidence", "reindex"], "ROLE_MISSING").unwrap();
    let said = stage.json("operator", &["evidence", "reindex"]).unwrap();
    assert_eq!(said["indexed"], said["size"]);
    assert_eq!(stage.json("auditor", &words).unwrap()["tasks"], before["tasks"]);
    assert_eq!(text(&before["tasks"][0], "task"), task);
}
