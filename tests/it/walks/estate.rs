//! The estate as its operators change it: planned, refused with reasons, applied, and what a change
//! means for work under way.

use super::stage::{Stage, stage, text};
use std::fs;

/// The estate in force, with one change, as a file.
fn changed(stage: &Stage, name: &str, from: &str, to: &str) -> String {
    let estate = fs::read_to_string(stage.file("estate.toml")).unwrap();
    let text = estate.replacen(from, to, 1);
    assert_ne!(text, estate, "nothing to change");
    let file = stage.file(name);
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let stage = stage();
    let file = changed(&stage, "typo.toml", "sensitivity = \"high\"", "sensitivty = \"high\"");
    let said = stage.refused("operator", &["plan", &file], "ESTATE_INVALID").unwrap();
    assert!(said.contains("sensitivty") && said.contains("sensitivity"), "no hint: {said}");
}

#[test]
fn an_estate_that_contradicts_itself_is_refused() {
    let stage = stage();
    let agent_is_a_person =
        changed(&stage, "twin.toml", "example.org/agent/billing-bot", "example.org/people/payments-lead");
    let said = stage.refused("operator", &["apply", &agent_is_a_person], "ESTATE_INVALID").unwrap();
    assert!(said.contains("nobody is both"), "{said}");
    let no_such_team = changed(&stage, "team.toml", "owner = \"vendors\"", "owner = \"vendor\"");
    let said = stage.refused("operator", &["apply", &no_such_team], "ESTATE_INVALID").unwrap();
    assert!(said.contains("not declared") && said.contains("vendors"), "{said}");
    let one_path_twice = changed(&stage, "path.toml", "secret/data/vendor-key", "secret/data/motd");
    let said = stage.refused("operator", &["apply", &one_path_twice], "ESTATE_INVALID").unwrap();
    assert!(said.contains("share the path"), "{said}");
    let plan = stage.json("operator", &["plan", &stage.file("estate.toml")]).unwrap();
    assert!(plan["changes"].is_array(), "the estate itself is sound");
}

#[test]
fn only_an_operator_plans_and_applies() {
    let stage = stage();
    let file = stage.file("estate.toml");
    stage.ok("operator", &["plan", &file]).unwrap();
    for who in ["auditor", "payments-lead", "billing-bot", "stranger"] {
        stage.refused(who, &["plan", &file], "ROLE_MISSING").unwrap();
        stage.refused(who, &["apply", &file], "ROLE_MISSING").unwrap();
    }
}

#[test]
fn an_agent_without_an_owner_gets_nothing() {
    let stage = stage();
    let words = ["task", "request", "--purpose", "a walk", "--window", "20m", "--credential", "motd", "--agent"];
    stage.refused("orphan-bot", &[&words[..], &["orphan-bot"]].concat(), "AGENT_WITHOUT_OWNER").unwrap();
    let task = stage.json("billing-bot", &[&words[..], &["billing-bot"]].concat()).unwrap();
    stage.ok("billing-bot", &["task", "cancel", &text(&task, "id")]).unwrap();
}

/// The one test that changes the shared estate: a credential that no other test uses.
#[test]
fn a_credential_that_changed_is_not_drawn_under_an_old_approval() {
    let stage = stage();
    let task = stage.active(&["changing"], "20m");
    let first = text(&stage.draw(&task, "changing", &[])["lease"], "id");
    let tail = "path = \"secret/data/changing\"\nmax_ttl = ";
    let file = changed(&stage, "changed.toml", &format!("{tail}\"1h\""), &format!("{tail}\"30m\""));
    let plan = stage.json("operator", &["plan", &file]).unwrap();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(plan["changes"][0]["fields"], serde_json::json!(["max_ttl"]));
    let version = plan["version"].to_string();
    stage.ok("operator", &["apply", &file, "--against", &version]).unwrap();
    stage.refused("operator", &["apply", &file, "--against", &version], "ESTATE_MOVED").unwrap();
    stage.refused("billing-bot", &["secret", "get", &task, "changing"], "CREDENTIAL_CHANGED").unwrap();
    let fresh = stage.active(&["changing"], "20m");
    stage.draw(&fresh, "changing", &[]);
    for task in [task, fresh] {
        stage.complete(&task);
    }
    stage.settled("auditor", &first).unwrap();
}
