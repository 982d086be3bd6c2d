//! `docs/auditing.md` shows what its commands print on the log in the tree, and `docs/evidence/audit.log`
//! is what an engine would have written beside that log. `LEASEHOLD_UPDATE_GOLDEN=1` rewrites both.

use leasehold::audit::bundle::{Line, Shown};
use leasehold::domain::base::Time;
use leasehold::domain::entry::{Body, Entry};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "docs/auditing.md";
const BLOCK: &str = "```console\n";

#[test]
fn the_audit_file_in_the_tree_belongs_to_the_log_in_the_tree() {
    let lines: String = audit().iter().map(|line| format!("{line}\n")).collect();
    super::same("docs/evidence/audit.log", &lines);
}

#[test]
fn the_page_for_auditors_shows_what_its_commands_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join(PAGE)).unwrap();
    let mut fresh = String::new();
    let mut shown = 0;
    let mut rest = page.as_str();
    while let Some((before, block)) = rest.split_once(BLOCK) {
        let (block, after) = block.split_once("```\n").unwrap();
        let command = block.lines().next().unwrap();
        fresh.push_str(&format!("{before}{BLOCK}{command}\n{}```\n", printed(root, command)));
        (rest, shown) = (after, shown + 1);
    }
    assert!(shown >= 4, "only {shown} commands are shown");
    super::same(PAGE, &(fresh + rest));
}

/// What a command of the page prints on standard output.
fn printed(root: &Path, command: &str) -> String {
    let words = words(command.strip_prefix("$ leasehold ").unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_leasehold")).args(&words).current_dir(root).env_clear().output();
    let output = output.unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Words as a shell would part them; a quoted one may hold spaces.
fn words(line: &str) -> Vec<String> {
    let quoted = |(at, part): (usize, &str)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    line.split('\'').enumerate().flat_map(quoted).collect()
}

fn call(time: Time, request: &str, operation: &str, path: &str, entry: Option<u64>, who: &str) -> Value {
    let headers = entry.map(|entry| json!({ "x-leasehold-entry": [entry.to_string()] }));
    json!({
        "time": time.to_string(), "type": "response", "auth": { "display_name": who },
        "request": { "id": request, "operation": operation, "path": path, "headers": headers },
    })
}

/// What the engine would have written of the calls that the entries tell of.
fn audit() -> Vec<Value> {
    let (mut lines, mut paths, mut of) = (Vec::new(), HashMap::new(), HashMap::new());
    let (mut requests, mut tasks) = (HashMap::new(), HashMap::new());
    for (index, bytes) in entries() {
        let entry = Entry::read(&bytes).unwrap();
        let time = entry.time;
        let id = format!("other-{index}");
        match entry.body {
            Body::EstateItemSet(body) if body.kind == "credential" => {
                let item: Value = serde_json::from_str(&body.item.0).unwrap();
                paths.insert(body.name, (item["path"].as_str().unwrap().to_owned(), item["kind"].clone()));
            }
            Body::TaskRequested(body) => _ = tasks.insert(body.task, index),
            Body::TokenMade(body) => {
                let made_for = Some(tasks[&body.task]);
                let path = "auth/token/create/leasehold-task";
                lines.push(call(time, &body.engine_request, "update", path, made_for, "jwt-broker"));
            }
            Body::TokenRevoked(body) => {
                let path = "auth/token/revoke-accessor";
                lines.push(call(time, &id, "update", path, Some(body.token), "jwt-broker"));
            }
            Body::LeaseIntended(body) => {
                _ = of.insert(body.lease, (index, paths[body.credential.as_str()].clone()));
            }
            Body::LeaseIssued(body) => {
                let (intent, (path, kind)) = of[&body.lease].clone();
                let operation = if kind == "pki" { "update" } else { "read" };
                lines.push(call(
                    time,
                    &body.engine_request,
                    operation,
                    &path,
                    Some(intent),
                    "token-lhgold0123456789ab",
                ));
                requests.insert(body.lease, index);
            }
            Body::LeaseRenewed(body) => {
                let path = format!("sys/leases/renew/{}/abc", of[&body.lease].1.0);
                lines.push(call(time, &id, "update", &path, Some(requests[&body.lease]), "jwt-broker"));
            }
            Body::LeaseRevoked(body) => {
                let made_for = requests.get(&body.lease).copied().unwrap_or(of[&body.lease].0);
                let path = format!("sys/leases/revoke/{}/abc", of[&body.lease].1.0);
                lines.push(call(time, &id, "update", &path, Some(made_for), "jwt-broker"));
                if let Some(request) = body.engine_request {
                    lines.push(call(time, &request, "update", "sys/leases/lookup", Some(made_for), "jwt-broker"));
                }
            }
            _ => {}
        }
    }
    let first = Entry::read(&entries()[0].1).unwrap().time;
    lines.insert(0, call(first, "first", "read", "sys/mounts", None, "root"));
    lines
}

fn entries() -> Vec<(u64, Vec<u8>)> {
    let bundle = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence/log.bundle")).unwrap();
    let line = |text: &str| match Line::read(text.as_bytes()).unwrap() {
        Line::Entry(Shown { index, entry, .. }, _) => (index, entry.to_vec()),
        folded => panic!("{folded:?}"),
    };
    bundle.lines().skip(1).map(line).collect()
}
