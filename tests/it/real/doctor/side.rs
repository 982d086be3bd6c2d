//! What else `leasehold doctor` sees: who looks, the broker's own side, files with mistakes, an engine
//! that is sealed.

use super::practice::{Practice, Visit};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use xtask::scene::BROKER_ID;

#[test]
fn doctor_sees_the_brokers_side_and_says_what_it_could_not_see() {
    let practice = Practice::open();
    the_policy_for_doctor_is_enough_and_less_is_told(&practice);
    the_token_comes_from_the_environment_and_is_never_shown(&practice);
    what_is_missing_is_a_matter_of_usage(&practice);
    files_that_others_can_read_fail(&practice);
    who_the_broker_is_comes_from_the_workload_api_or_from_the_caller(&practice);
    mistakes_are_findings(&practice);
    a_sealed_engine_is_one_finding(&practice);
}

fn the_policy_for_doctor_is_enough_and_less_is_told(practice: &Practice) {
    let policy = xtask::peers::repository().join("deploy/openbao/doctor_policy.hcl");
    practice.shell(&format!("bao policy write doctor {}", policy.display()));
    let visit = practice.visit_by(&practice.token_of("doctor"), &[]);
    assert_eq!((visit.troubles(), visit.code), (vec![], Some(0)));
    assert_eq!(visit.document["broker_id"], BROKER_ID);
    assert_eq!(visit.finding("broker.login")["severity"], "ok");
    let text = fs::read_to_string(&policy).unwrap();
    let less: Vec<&str> = text.lines().filter(|line| !line.contains("pki/roles")).collect();
    fs::write(practice.scene.file("less.hcl"), less.join("\n")).unwrap();
    practice.shell("bao policy write less less.hcl");
    let visit = practice.visit_by(&practice.token_of("less"), &[]);
    assert_eq!((visit.troubles(), visit.code), (vec![("pki.agent-cert.role", "warn")], Some(0)));
    let visit = practice.visit_by(&practice.token_of("default"), &[]);
    assert_eq!((visit.troubles(), visit.code), (vec![("server.reached", "fail")], Some(1)));
    assert!(visit.finding("server.reached")["sentence"].as_str().unwrap().contains("may not read"));
}

fn the_token_comes_from_the_environment_and_is_never_shown(practice: &Practice) {
    let token = &practice.scene.bao.root_token;
    for variable in ["BAO_TOKEN", "VAULT_TOKEN"] {
        let output = practice.command(&[]).env(variable, token).output().unwrap();
        let (data, talk) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let rows = data.lines().count();
        assert!(output.status.success() && rows > 40 && data.lines().all(|line| line.starts_with("ok ")), "{data}");
        let summary = format!("checked {rows}: {rows} ok, 0 warn, 0 fail; all is as it should be");
        assert_eq!(talk.lines().last(), Some(summary.as_str()));
        assert!(!data.contains(token.as_str()) && !talk.contains(token.as_str()));
    }
}

fn what_is_missing_is_a_matter_of_usage(practice: &Practice) {
    for (words, word) in [
        (&["--token-file", "nowhere"][..], "nowhere"),
        (&["--token-file", "root.token", "--config", "nowhere.toml"], "nowhere.toml"),
        (&["--token-file", "root.token", "--broker-id", "leasehold"], "--broker-id"),
        (&[], "BAO_TOKEN"),
    ] {
        let output = practice.doctor(words);
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), talk.contains(word)), (Some(2), true), "{words:?}: {talk}");
        assert!(output.stdout.is_empty());
    }
}

fn files_that_others_can_read_fail(practice: &Practice) {
    let (log, key) = (practice.scene.file("log.db"), practice.scene.file("log.key"));
    let sever = |visit: &Visit| ["broker.log-file", "broker.log-key"].map(|it| visit.finding(it)["severity"].clone());
    let mode = |file: &str, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    fs::write(&log, "").unwrap();
    mode(&log, 0o600);
    assert_eq!(sever(&practice.visit(&[])), ["ok", "fail"], "a log without its key");
    fs::write(&key, "").unwrap();
    mode(&key, 0o600);
    assert_eq!(sever(&practice.visit(&[])), ["ok", "ok"]);
    mode(&key, 0o640);
    mode(&log, 0o604);
    let visit = practice.visit(&[]);
    assert_eq!((sever(&visit), visit.code), (["fail".into(), "fail".into()], Some(1)));
    visit.mends().into_iter().for_each(|mend| drop(practice.shell(mend)));
    assert_eq!(practice.visit(&[]).troubles(), []);
    fs::remove_file(log).unwrap();
    fs::remove_file(key).unwrap();
}

fn who_the_broker_is_comes_from_the_workload_api_or_from_the_caller(practice: &Practice) {
    let (own, other) = (practice.scene.endpoint("broker").unwrap(), practice.scene.endpoint("stranger").unwrap());
    practice.edit("leasehold.toml", &own, &other);
    let visit = practice.visit(&[]);
    let taken = vec![("broker.login", "fail"), ("login.subject", "fail")];
    assert_eq!((visit.troubles(), visit.code), (taken, Some(1)), "the stranger is taken for the broker");
    let visit = practice.visit(&["--broker-id", BROKER_ID]);
    assert_eq!((visit.troubles(), visit.code), (vec![("broker.identity", "warn")], Some(0)));
    practice.edit("leasehold.toml", &other, "unix:///nonexistent/agent.sock");
    let visit = practice.visit(&[]);
    let unknown = vec![("broker.identity", "fail"), ("login.subject", "warn")];
    assert_eq!((visit.troubles(), visit.code), (unknown, Some(1)));
    assert!(visit.finding("broker.identity")["mend"].as_str().unwrap().contains("SPIFFE_ENDPOINT_SOCKET"));
    practice.edit("leasehold.toml", "unix:///nonexistent/agent.sock", &own);
    assert_eq!(practice.visit(&[]).troubles(), []);
}

fn mistakes_are_findings(practice: &Practice) {
    practice.edit("estate.toml", "sensitivity = \"low\"", "sensitivty = \"low\"");
    practice.edit("leasehold.toml", "audience =", "audence =");
    let visit = practice.visit(&[]);
    let checks: Vec<&str> = visit.troubles().iter().map(|(check, _)| *check).collect();
    assert!(checks.contains(&"config.text") && checks.contains(&"estate.text"), "{checks:?}");
    assert_eq!((visit.findings().len(), visit.code), (checks.len(), Some(1)), "nothing else can be judged");
    assert!(visit.finding("config.text")["sentence"].as_str().unwrap().contains("line "));
    practice.edit("estate.toml", "sensitivty", "sensitivity");
    practice.edit("leasehold.toml", "audence =", "audience =");
    assert_eq!(practice.visit(&[]).troubles(), []);
}

fn a_sealed_engine_is_one_finding(practice: &Practice) {
    practice.scene.bao.seal().unwrap();
    let visit = practice.visit(&[]);
    assert_eq!((visit.troubles(), visit.code), (vec![("server.reached", "fail")], Some(1)));
}
