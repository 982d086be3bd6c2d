//! OpenBao's own audit file beside the log of a real run: they agree, until somebody draws a secret
//! behind the broker's back, or takes a line or an entry away.

use super::house::{House, binary, lease_of, uuid};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// What `evidence crosscheck` says, and whether it found nothing.
fn crosscheck(bundle: &str, audit: &str) -> (bool, Value) {
    let words = ["evidence", "crosscheck", "--bundle", bundle, "--audit", audit, "--json"];
    let output = Command::new(binary()).args(words).env_clear().output().unwrap();
    let said = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), said)
}

fn only(said: &Value) -> &Value {
    let differences = said["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{said:#}");
    &differences[0]
}

/// A run with every kind of call: made, renewed, ended alone and with its task, and a broker that died.
fn run(house: &mut House) {
    let task = house.active_task();
    let (first, second) = (house.issue(&task, &uuid()).unwrap(), house.issue(&task, &uuid()).unwrap());
    let scene = &house.scene;
    scene.ok("billing-bot", &["lease", "renew", &lease_of(&first), "--ttl", "15m"]).unwrap();
    scene.ok("billing-bot", &["lease", "revoke", &lease_of(&second)]).unwrap();
    house.until_dead(&lease_of(&second));
    let words = ["task", "request", "--agent", "billing-bot", "--purpose", "p", "--window", "20m"];
    let low =
        scene.json("billing-bot", &[&words[..], &["--credential", "motd", "--credential", "agent-cert"]].concat());
    let low = low.unwrap()["id"].as_str().unwrap().to_owned();
    house.until_active(&low);
    xtask::canary::register(b"motd-5d1f0c7a92").unwrap();
    scene.bao.must("POST", "secret/data/motd", &json!({ "data": { "value": "motd-5d1f0c7a92" } })).unwrap();
    scene.json("billing-bot", &["secret", "get", &low, "motd"]).unwrap();
    scene.json("billing-bot", &["secret", "get", &low, "agent-cert", "--key-out", &scene.file("cross.pem")]).unwrap();
    house.restart(None);
    let third = house.issue(&task, &uuid()).unwrap();
    house.finish(&low);
    house.finish(&task);
    house.until_dead(&lease_of(&first));
    house.until_dead(&lease_of(&third));
}

#[test]
fn they_agree_and_what_happened_outside_of_leasehold_or_was_taken_away_is_found() {
    let mut house = House::open();
    run(&mut house);
    let (bundle, audit) = (house.scene.file("cross.bundle"), house.scene.file("cross.audit"));
    house.scene.ok("auditor", &["evidence", "export", &bundle]).unwrap();
    fs::copy(&house.scene.bao.audit_file, &audit).unwrap();
    let (agrees, said) = crosscheck(&bundle, &audit);
    assert!(agrees, "{said:#}");
    let compared = &said["compared"];
    let least = |name: &str, least: u64| assert!(compared[name].as_u64().unwrap() >= least, "{said:#}");
    for (name, count) in [("issued", 5), ("revoked", 4), ("tokens_made", 3), ("tokens_revoked", 3)] {
        least(name, count);
    }
    assert_eq!((&said["not_compared"], &said["headers_hashed"]), (&json!(0), &json!(0)), "{said:#}");

    a_line_is_missed(&bundle, &audit);
    an_entry_is_missed(&bundle, &audit);
    a_forged_read_is_found(&house, &bundle);
}

/// The answer that a `lease.issued` tells of.
fn a_line_is_missed(bundle: &str, audit: &str) {
    let lines: Vec<String> = fs::read_to_string(audit).unwrap().lines().map(str::to_owned).collect();
    let entries = fs::read_to_string(bundle).unwrap();
    let issued = entries.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let issued = issued.into_iter().find(|line| line["entry"]["type"] == "lease.issued").unwrap();
    let request = issued["entry"]["what"]["engine_request"].as_str().unwrap();
    let kept: Vec<&String> = lines.iter().filter(|line| !line.contains(request)).collect();
    assert_eq!(kept.len(), lines.len() - 2, "the question and the answer");
    let fewer = format!("{audit}.fewer");
    fs::write(&fewer, kept.into_iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let (agrees, said) = crosscheck(bundle, &fewer);
    let difference = only(&said);
    assert_eq!((agrees, &difference["side"]), (false, &json!("log-only")));
    assert_eq!(difference["index"], issued["index"], "{said:#}");
}

/// A `lease.issued` with its line of the bundle.
fn an_entry_is_missed(bundle: &str, audit: &str) {
    let lines = fs::read_to_string(bundle).unwrap();
    let gone = lines.lines().find(|line| line.contains("\"type\":\"lease.issued\"")).unwrap();
    let fewer = format!("{bundle}.fewer");
    fs::write(&fewer, lines.replace(&format!("{gone}\n"), "")).unwrap();
    let (agrees, said) = crosscheck(&fewer, audit);
    let gone: Value = serde_json::from_str(gone).unwrap();
    let differences = said["differences"].as_array().unwrap();
    assert!(!agrees && differences.iter().any(|it| it["index"] == gone["index"]), "{said:#}");
    assert!(differences.iter().any(|it| it["line"].is_u64()), "the call stands alone: {said:#}");
}

/// Somebody with the engine's root makes a token with a task's policy and draws a login.
fn a_forged_read_is_found(house: &House, bundle: &str) {
    let entries = fs::read_to_string(bundle).unwrap();
    let made = entries.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let made = made.into_iter().find(|line| line["entry"]["type"] == "token.made").unwrap();
    let bao = &house.scene.bao;
    let spec = json!({ "policies": made["entry"]["what"]["policies"], "ttl": "60s", "no_parent": true });
    let token = bao.must("POST", "auth/token/create", &spec).unwrap().text("/auth/client_token").to_owned();
    xtask::canary::register(token.as_bytes()).unwrap();
    let drawn = bao.call_as(&token, "GET", "database/creds/ledger-ro", &Value::Null).unwrap();
    assert_eq!(drawn.status, 200);
    xtask::canary::register(drawn.text("/data/password").as_bytes()).unwrap();
    let lease = drawn.text("/lease_id").to_owned();
    let (agrees, said) = crosscheck(bundle, &bao.audit_file.to_string_lossy());
    let difference = only(&said);
    assert_eq!((agrees, &difference["side"]), (false, &json!("audit-only")), "{said:#}");
    assert!(difference["meaning"].as_str().unwrap().contains("database/creds/ledger-ro"), "{said:#}");
    bao.must("PUT", "sys/leases/revoke", &json!({ "lease_id": lease, "sync": true })).unwrap();
}
