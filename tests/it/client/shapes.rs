//! The JSON of every verb that prints data, byte for byte: a promise to scripts.

use super::desk::Desk;
use super::fake::TASK;
use std::fmt::Write as _;

const LEASE: &str = "lease-00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn json_shapes_are_kept() {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    let estate = desk.file("estate.toml", "");
    let task = desk.task_file(&["ledger-ro", "api-key", "web-tls"]);
    let csr = desk.file("web.csr", "csr");
    let lines: [&[&str]; 20] = [
        &["plan", &estate],
        &["apply", &estate],
        &["task", "request", &task],
        &["task", "show", TASK],
        &["task", "list"],
        &["secret", "get", TASK, "ledger-ro"],
        &["secret", "get", TASK, "api-key"],
        &["secret", "get", TASK, "web-tls", "--csr", &csr],
        &["lease", "list"],
        &["lease", "show", LEASE],
        &["lease", "renew", LEASE],
        &["lease", "revoke", LEASE],
        &["evidence", "list", "--from", "3"],
        &["evidence", "receipt", "41"],
        &["evidence", "checkpoint"],
        &["evidence", "consistency", "7"],
        &["signals", "tail", "--from", "1"],
        &["status"],
        &["task", "complete", TASK],
        &["task", "show", "task-unknown"],
    ];
    let mut shapes = String::new();
    for line in lines {
        let ran = desk.run(&[line, &["--json"]].concat()).await;
        let data = if ran.code == 0 { &ran.data } else { &ran.talk };
        for document in serde_json::Deserializer::from_str(data).into_iter::<serde_json::Value>() {
            assert!(document.unwrap().is_object(), "{line:?}: {data}");
        }
        let spoken = line.join(" ").replace(desk.directory.path().to_str().unwrap(), ".");
        writeln!(shapes, "# leasehold {spoken} --json\n{data}").unwrap();
    }
    crate::golden::same("tests/it/client/shapes.golden", &shapes);
}
