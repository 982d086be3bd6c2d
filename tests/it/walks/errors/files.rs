//! Mistakes in files and on the command line: the exit code, and what a person reads.

use super::{Cast, Page, lasting};
use std::fmt::Write as _;

const TASK: &str = "agent = \"billing-bot\"\npurpose = \"a walk\"\ncredentials = [\"motd\"]\nwindow = \"20m\"\n";

pub(super) fn rows(page: &mut Page, cast: &Cast) {
    page.0.push_str("\n## Files and command line\n\n| written | exit code | what a person reads |\n|---|---|---|\n");
    let estate = std::fs::read_to_string(cast.stage.file("estate.toml")).unwrap();
    let config = std::fs::read_to_string(cast.stage.file("leasehold.toml")).unwrap();
    let task = ["task", "request"].as_slice();
    let files = [
        ("a task file with an unknown key", task, TASK.replace("purpose", "purpos")),
        ("a task file without a window", task, TASK.replace("window = \"20m\"\n", "")),
        ("a task file with a window that is no time", task, TASK.replace("20m", "a while")),
        ("a task file that is no TOML", task, "agent billing-bot".into()),
        ("an estate with an unknown key", &["plan"], estate.replacen("sensitivity", "sensitivty", 1)),
        (
            "an estate that names a member who is nobody",
            &["plan"],
            estate.replacen("spiffe://example.org/people/", "", 1),
        ),
        ("a configuration with an unknown key", &["serve", "--config"], config.replacen("listen", "listn", 1)),
        ("a configuration without a log", &["serve", "--config"], config.replacen("[log]", "[logs]", 1)),
    ];
    for (number, (written, words, text)) in files.into_iter().enumerate() {
        let file = cast.stage.file(&format!("mistake-{number}.toml"));
        std::fs::write(&file, text).unwrap();
        row(page, cast, written, &[words, &[&file]].concat());
    }
    row(page, cast, "a file that is not there", &["task", "request", "nowhere.toml"]);
    row(page, cast, "a verb that is none", &["secrets", "fetch"]);
    row(page, cast, "a time that is none", &["secret", "get", "task-x", "motd", "--ttl", "soon"]);
}

fn row(page: &mut Page, cast: &Cast, written: &str, words: &[&str]) {
    let output = cast.stage.run("operator", words).unwrap();
    let code = output.status.code().unwrap();
    assert!(code == 1 || code == 2, "{written}: {code}");
    let said = String::from_utf8(output.stderr).unwrap();
    let folder = cast.stage.file("");
    let said = said.replace(folder.trim_end_matches('/'), "…").trim().replace('\n', "<br>");
    let said: Vec<_> = said.split("<br>").map(str::trim).filter(|line| !line.is_empty()).map(lasting).collect();
    writeln!(page.0, "| {written} | {code} | {} |", said.join("<br>")).unwrap();
}
