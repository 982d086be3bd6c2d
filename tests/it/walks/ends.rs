//! How a task can begin and end besides completing, and how one lease ends alone.

use super::stage::{now, seconds, stage, text};

#[test]
fn low_sensitivity_is_approved_by_rule_and_nobody_is_asked() {
    let stage = stage();
    let task = text(&stage.request(&["motd"], "20m"), "id");
    let shown = stage.until_active(&task);
    assert_eq!(shown["approvals"][0]["approver"], "rule:low-sensitivity", "{shown}");
    stage.complete(&task);
}

#[test]
fn a_no_is_final() {
    let stage = stage();
    let task = text(&stage.request(&["ledger-ro"], "20m"), "id");
    stage.refused("stranger", &["task", "deny", &task], "NOT_AN_APPROVER").unwrap();
    stage.ok("payments-lead", &["task", "deny", &task, "--because", "not in the change freeze"]).unwrap();
    let refused = stage.run("billing-bot", &["secret", "get", &task, "ledger-ro"]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && (said.contains("NOT_FOUND") || said.contains("TASK_NOT_ACTIVE")), "{said}");
    assert!(!stage.run("payments-deputy", &["task", "approve", &task, "--yes"]).unwrap().status.success());
    assert_eq!(
        stage.entry_of(&task, "task.denied")["entry"]["actor"]["id"],
        "spiffe://example.org/people/payments-lead"
    );
}

#[test]
fn two_owner_teams_say_one_yes_each() {
    let stage = stage();
    let task = stage.request(&["ledger-ro", "vendor-key"], "20m");
    assert_eq!(task["approvals_missing"], serde_json::json!(["payments", "vendors"]));
    let id = text(&task, "id");
    stage.ok("payments-lead", &["task", "approve", &id, "--yes"]).unwrap();
    // One more member of the same team is not another team.
    let again = stage.run("payments-deputy", &["task", "approve", &id, "--yes"]).unwrap();
    let shown = stage.json("billing-bot", &["task", "show", &id]).unwrap();
    assert_eq!((&shown["state"], &shown["approvals_missing"]), (&"requested".into(), &serde_json::json!(["vendors"])));
    drop(again);
    stage.refused("billing-bot", &["secret", "get", &id, "ledger-ro"], "TASK_NOT_APPROVED").unwrap();
    stage.ok("vendors-lead", &["task", "approve", &id, "--yes"]).unwrap();
    stage.until_active(&id);
    let login = stage.login(&id, &[]);
    assert!(stage.logs_in(&login));
    stage.complete(&id);
    stage.proven_dead(&login);
}

#[test]
fn no_secret_outlives_the_approval() {
    let stage = stage();
    let task = text(&stage.request(&["ledger-ro"], "20m"), "id");
    stage.ok("payments-lead", &["task", "approve", &task, "--yes", "--valid-for", "40s"]).unwrap();
    let until = seconds(&stage.until_active(&task)["approvals"][0], "until_time");
    assert!((20..=40).contains(&(until - now())));
    let secret = stage.draw(&task, "ledger-ro", &[]);
    assert!(seconds(&secret["lease"], "expire_time") <= until, "it outlives the yes that it rests on");
    stage.complete(&task);
    stage.settled("auditor", &text(&secret["lease"], "id")).unwrap();
}

#[test]
fn a_superseded_lease_ends_when_the_new_one_is_there() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let old = stage.login(&task, &[]);
    assert!(stage.logs_in(&old));
    let new = stage.login(&task, &["--supersedes", &old.lease]);
    stage.proven_dead(&old);
    assert!(stage.logs_in(&new), "the new one is not touched");
    let again = ["secret", "get", &task, "ledger-ro", "--supersedes", &old.lease];
    assert!(!stage.run("billing-bot", &again).unwrap().status.success(), "what has ended cannot be superseded");
    stage.complete(&task);
    stage.proven_dead(&new);
}

#[test]
fn one_lease_is_revoked_alone_and_its_task_goes_on() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let (one, other) = (stage.login(&task, &[]), stage.login(&task, &[]));
    stage.ok("billing-bot", &["lease", "revoke", &one.lease]).unwrap();
    stage.proven_dead(&one);
    assert!(stage.logs_in(&other));
    assert_eq!(stage.until_active(&task)["open_leases"], serde_json::json!([other.lease]));
    stage.complete(&task);
    stage.proven_dead(&other);
}

#[test]
fn a_cancelled_task_ends_what_was_issued() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &[]);
    assert!(stage.logs_in(&login));
    stage.ok("payments-lead", &["task", "cancel", &task, "--because", "wrong month"]).unwrap();
    stage.proven_dead(&login);
    assert!(!stage.run("billing-bot", &["secret", "get", &task, "ledger-ro"]).unwrap().status.success());
}

#[test]
fn a_task_that_nobody_ends_is_ended_by_its_window() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "10s");
    let login = stage.login(&task, &[]);
    assert!(stage.logs_in(&login));
    let ended = seconds(&stage.proven_dead(&login), "revoke_time");
    let expired = stage.entry_of(&task, "task.expired");
    assert_eq!(expired["entry"]["actor"]["id"], "leasehold", "{expired}");
    let activated = seconds(&stage.entry_of(&task, "task.activated")["entry"], "time");
    assert!((10..=20).contains(&(ended - activated)), "a window of 10 s was over after {} s", ended - activated);
}
