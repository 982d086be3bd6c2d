//! The engine's own audit file laid beside the log.

use super::stage::own_stage;

#[test]
fn explore() {
    let stage = own_stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let one = stage.login(&task, &["--ttl", "10m"]);
    let two = stage.login(&task, &["--ttl", "10m"]);
    stage.ok("billing-bot", &["lease", "renew", &one.lease, "--ttl", "15m"]).unwrap();
    stage.ok("billing-bot", &["lease", "revoke", &two.lease]).unwrap();
    stage.proven_dead(&two);
    let low = stage.active(&["motd", "agent-cert"], "20m");
    let kv = stage.draw(&low, "motd", &[]);
    let cert = stage.json("billing-bot", &["secret", "get", &low, "agent-cert", "--key-out", &stage.file("x.pem")]);
    eprintln!("{}", cert.is_ok());
    stage.complete(&low);
    stage.complete(&task);
    stage.proven_dead(&one);
    let _ = kv;
    stage.ok("auditor", &["evidence", "save", "/tmp/explore.bundle"]).unwrap();
    std::fs::copy(&stage.bao.audit_file, "/tmp/explore.audit").unwrap();
}
