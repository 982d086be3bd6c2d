//! `leasehold exec`, with a real broker, real secrets and real signals.

use super::stage::{PATIENCE, Stage, now, seconds, stage, text};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use xtask::peers::wait_for;

/// Runs a script inside this task; `$0` is a folder that only we read.
fn exec(stage: &Stage, task: &str, options: &[&str], script: &str) -> (Child, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let words = [&["exec", "--task", task], options, &["--", "sh", "-c", script, place]].concat();
    let mut command = stage.command("billing-bot", &words).unwrap();
    (command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), folder)
}

fn ran(stage: &Stage, task: &str, options: &[&str], script: &str) -> (Output, tempfile::TempDir) {
    let (child, folder) = exec(stage, task, options, script);
    (child.wait_with_output().unwrap(), folder)
}

/// What the script saw of its secret: handed to us in a file, and a canary from now on.
fn handed_over(folder: &tempfile::TempDir, name: &str) -> Value {
    let secret: Value = serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
    xtask::canary::register(text(&secret, "password").as_bytes()).unwrap();
    secret
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn only_lease(stage: &Stage, task: &str) -> Value {
    let issued = stage.entry_of(task, "lease.intended");
    stage.settled("auditor", &text(&issued["entry"]["what"], "lease")).unwrap()
}

fn kill(signal: &str, id: u32) {
    assert!(Command::new("kill").args(["-s", signal, &id.to_string()]).status().unwrap().success());
}

fn until_there(folder: &tempfile::TempDir, name: &str) -> String {
    wait_for("the command to run", PATIENCE, || {
        fs::read_to_string(folder.path().join(name)).ok().filter(|text| text.ends_with('\n'))
    })
    .unwrap()
}

#[test]
fn a_secret_comes_in_memory_and_nowhere_else() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let script = "cat /dev/fd/$LEASEHOLD_FD >$0/secret; readlink /proc/self/fd/$LEASEHOLD_FD >$0/link; env >$0/env";
    let (output, folder) = ran(&stage, &task, &[], script);
    assert!(output.status.success(), "{}", said(&output));
    let password = text(&handed_over(&folder, "secret"), "password");
    assert!(fs::read_to_string(folder.path().join("link")).unwrap().contains("memfd:"));
    assert!(!fs::read_to_string(folder.path().join("env")).unwrap().contains(&password), "it is in the environment");
    assert!(!said(&output).contains(&password) && output.stdout.is_empty());
    assert_eq!(only_lease(&stage, &task)["assurance"], "effect-confirmed");
    assert!(said(&output).contains("effect-confirmed"), "{}", said(&output));
}

#[test]
fn a_secret_in_a_variable_comes_with_a_warning() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let (output, folder) = ran(&stage, &task, &["--env", "LEDGER_LOGIN"], r#"printf %s "$LEDGER_LOGIN" >$0/secret"#);
    assert!(output.status.success() && said(&output).contains("warning: ledger-ro"), "{}", said(&output));
    assert!(text(&handed_over(&folder, "secret"), "username").starts_with("lh"));
    assert_eq!(only_lease(&stage, &task)["assurance"], "effect-confirmed");
}

#[test]
fn the_exit_code_passes_through_and_the_task_is_completed() {
    let stage = stage();
    let task = stage.active(&["motd"], "20m");
    let (output, _folder) = ran(&stage, &task, &[], "exit 7");
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    stage.entry_of(&task, "task.completed");
}

#[test]
fn a_signal_passes_through_and_the_task_is_completed() {
    let stage = stage();
    let task = stage.active(&["motd"], "20m");
    let script = "trap 'kill $!; exit 9' TERM; tail -f /dev/null & echo ready >$0/ready; wait $!";
    let (child, folder) = exec(&stage, &task, &[], script);
    until_there(&folder, "ready");
    kill("TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    stage.entry_of(&task, "task.completed");
}

#[test]
fn a_killed_command_ends_the_task_and_its_secret() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let (output, _folder) = ran(&stage, &task, &[], "kill -KILL $$");
    assert_eq!(output.status.code(), Some(137), "{}", said(&output));
    stage.entry_of(&task, "task.completed");
    assert_eq!(only_lease(&stage, &task)["assurance"], "effect-confirmed");
}

/// Nobody is left who could complete the task: its window does.
#[test]
fn a_killed_exec_is_bounded_by_the_window() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "10s");
    let (mut child, folder) = exec(&stage, &task, &[], "echo $$ >$0/id; exec tail -f /dev/null");
    let orphan = until_there(&folder, "id").trim().parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let lease = only_lease(&stage, &task);
    kill("KILL", orphan);
    assert_eq!(lease["assurance"], "effect-confirmed", "{lease}");
    stage.entry_of(&task, "task.expired");
    let activated = seconds(&stage.entry_of(&task, "task.activated")["entry"], "time");
    assert!(seconds(&lease, "revoke_time") - activated <= 20 && now() - activated >= 10, "{lease}");
}
