//! No secret that was handed out stands anywhere that the broker, the issuer or their callers wrote;
//! and one that is put there is found.

use super::stage::{binary, put_value, text};
use std::path::PathBuf;
use xtask::canary::scan;
use xtask::scene::{Options, Scene};

#[test]
fn no_secret_stands_in_any_output_and_a_planted_one_is_found() {
    let scene = Scene::start(binary(), Options::default()).unwrap();
    let value = xtask::peers::random_hex(16).unwrap();
    put_value(&scene, "motd", &value);
    let words = ["task", "request", "--agent", "billing-bot", "--purpose", "a walk", "--window", "20m"];
    let scope = ["--credential", "ledger-ro", "--credential", "motd", "--credential", "agent-cert"];
    let task = text(&scene.json("billing-bot", &[&words[..], &scope].concat()).unwrap(), "id");
    scene.ok("payments-lead", &["task", "approve", &task, "--yes"]).unwrap();
    xtask::peers::wait_for("the task to be active", super::stage::PATIENCE, || {
        let shown = scene.json("billing-bot", &["task", "show", &task]).ok()?;
        (shown["state"] == "active").then_some(())
    })
    .unwrap();
    let login = scene.json("billing-bot", &["secret", "get", &task, "ledger-ro"]).unwrap();
    scene.json("billing-bot", &["secret", "get", &task, "motd"]).unwrap();
    let key = scene.file("agent.pem");
    scene.json("billing-bot", &["secret", "get", &task, "agent-cert", "--key-out", &key]).unwrap();
    scene.ok("billing-bot", &["task", "complete", &task]).unwrap();
    scene.settled("auditor", &text(&login["lease"], "id")).unwrap();
    let bundle = scene.file("log.bundle");
    scene.ok("auditor", &["evidence", "export", &bundle, "--open", "*"]).unwrap();

    let key = std::fs::read_to_string(&key).unwrap();
    let secrets = [
        text(&login["username_password"], "password"),
        value,
        key.lines().nth(1).unwrap().to_owned(),
        scene.bao.root_token.clone(),
        scene.made.engine_password.clone(),
        scene.made.probe_dsn.clone(),
    ];
    let secrets: Vec<Vec<u8>> = secrets.map(String::into_bytes).to_vec();
    let mut places = vec![scene.broker_log(), PathBuf::from(bundle), PathBuf::from(scene.file("trust.log"))];
    for entry in std::fs::read_dir(scene.file("")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("log.db") {
            places.push(entry.path());
        }
    }
    assert!(places.len() >= 4, "the database is among them: {places:?}");
    assert_eq!(scan(&secrets, &places).unwrap(), []);

    let user = text(&login["username_password"], "username");
    assert!(!scan(&[user.into_bytes()], &places).unwrap().is_empty(), "what is there on purpose is found");
    let planted = scene.file("planted.log");
    let said = std::fs::read_to_string(scene.broker_log()).unwrap();
    let hex: String = secrets[0].iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&planted, format!("{said}{hex}\n")).unwrap();
    let hits = scan(&secrets, &[planted.clone().into()]).unwrap();
    std::fs::remove_file(&planted).unwrap();
    assert_eq!(hits.iter().map(|hit| (hit.value, hit.form)).collect::<Vec<_>>(), [(0, "hex")]);
}
