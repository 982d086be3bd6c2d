//! `cargo xtask demo`: the story of one task and one secret on real parts. The exit code is 0 only when
//! every step was really observed (`xtask::story`).

use super::{Outcome, Usage};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use xtask::peers::wait_for;
use xtask::scene::{self, Scene, TrustChoice};
use xtask::spire::{self, Programs};
use xtask::story::{Story, Told};

/// What the caller asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    json: bool,
    keep: bool,
    spire: bool,
}

impl Options {
    pub(super) fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for flag in flags {
            match *flag {
                "--json" => options.json = true,
                "--keep" => options.keep = true,
                "--spire" => options.spire = true,
                other => return Err(Usage(format!("`demo` takes no `{other}`")).into()),
            }
        }
        Ok(options)
    }
}

/// A database login as it came in the secret.
struct Login {
    username: String,
    password: String,
    lease: String,
}

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(options: &Options) -> Result<Outcome> {
    let told = if options.json { Told::ToMachines } else { Told::ToPeople };
    let trust = match choose(options.spire) {
        Ok(trust) => trust,
        Err(why) => {
            eprintln!("{}demo --spire: {why:#}", xtask::NOT_RUN);
            return Ok(Outcome::Failed);
        }
    };
    let mut story = Story::new(told);
    let binary = story.step("build leasehold", || Ok(("leasehold is built".into(), build()?)))?;
    let scene = story.step("start PostgreSQL, OpenBao, a trust domain and the broker", || start(&binary, trust))?;
    let task = ask(&mut story, &scene)?;
    let login = draw(&mut story, &scene, &task)?;
    finish(&mut story, &scene, &task, &login)?;
    check(&mut story, &scene, &binary)?;
    story.end();
    if options.keep {
        look_around(&scene)?;
    }
    Ok(Outcome::Succeeded)
}

fn build() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "--bin", "leasehold"]).status()?;
    ensure!(status.success(), "cargo build failed");
    xtask::scene::built_binary()
}

/// What cannot be shown here is said before anything is started.
fn choose(spire: bool) -> Result<TrustChoice> {
    if !spire {
        return Ok(TrustChoice::Development);
    }
    let programs = Programs::find()?;
    spire::only_root()?;
    Ok(TrustChoice::Spire(programs))
}

fn start(binary: &Path, trust: TrustChoice) -> Result<(String, Scene)> {
    let who = if trust == TrustChoice::Development { "the development trust domain" } else { "SPIRE" };
    let scene = Scene::start(binary, scene::Options { trust, ..scene::Options::default() })?;
    let sentence = format!("{who} vouches, the broker serves on {} and an estate is in force", scene.address);
    Ok((sentence, scene))
}

/// Request and approval.
fn ask(story: &mut Story, scene: &Scene) -> Result<String> {
    let file = scene.file("billing.task.toml");
    story.step("a stranger asks for a task", || {
        scene.refused("stranger", &["task", "request", &file], "AGENT_UNKNOWN")?;
        Ok(("a stranger with a valid SVID asks for the task: refused, AGENT_UNKNOWN".into(), ()))
    })?;
    let task = story.step("billing-bot requests the task", || {
        let task = scene.json("billing-bot", &["task", "request", &file])?;
        let id = find(&task, "id")?;
        ensure!(state(&task).contains("requested"), "the task is {}", state(&task));
        Ok((format!("billing-bot requests {id}: waits for payments"), id))
    })?;
    story.step("a secret before the approval", || {
        scene.refused("billing-bot", &["secret", "get", &task, "ledger-ro"], "TASK_NOT_APPROVED")?;
        Ok(("billing-bot asks for the secret too early: refused, TASK_NOT_APPROVED".into(), ()))
    })?;
    story.step("payments-lead approves", || {
        scene.ok("payments-lead", &["task", "approve", &task, "--yes"])?;
        wait_for("the task to be active", PATIENCE, || {
            let task = scene.json("billing-bot", &["task", "show", &task]).ok()?;
            state(&task).contains("active").then_some(())
        })?;
        Ok(("payments-lead approves exactly this request: the task is active".into(), ()))
    })?;
    Ok(task)
}

/// The secret and its use.
fn draw(story: &mut Story, scene: &Scene, task: &str) -> Result<Login> {
    let login = story.step("billing-bot gets the secret", || {
        let secret = scene.json("billing-bot", &["secret", "get", task, "ledger-ro"])?;
        let login = Login {
            username: find(&secret, "username")?,
            password: find(&secret, "password")?,
            lease: secret.pointer("/lease/id").and_then(Value::as_str).context("no lease")?.to_owned(),
        };
        Ok((format!("billing-bot gets PostgreSQL credentials under {}", login.lease), login))
    })?;
    story.step("login and read", || {
        let rows =
            scene.postgres.psql_as(&login.username, &login.password, &[], "select count(*) from ledger.entries")?;
        ensure!(rows.trim() == "3", "expected 3 rows, got {rows}");
        Ok((format!("login as {}: 3 rows", login.username), ()))
    })?;
    Ok(login)
}

/// The end, proven.
fn finish(story: &mut Story, scene: &Scene, task: &str, login: &Login) -> Result<()> {
    let mut held = story.step("a session is held open", || {
        let mut command = scene.postgres.psql_command(&login.username, &login.password);
        let child = command.args(["-c", "select pg_sleep(600)"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        wait_for("the session to be seen", PATIENCE, || (sessions(scene, &login.username).ok()? > 0).then_some(()))?;
        Ok(("a session is held open with it".into(), child))
    })?;
    story.step("billing-bot completes the task", || {
        scene.ok("billing-bot", &["task", "complete", task])?;
        let lease = scene.settled("payments-lead", &login.lease)?;
        let assurance = find(&lease, "assurance")?.to_lowercase().replace('_', "-");
        ensure!(assurance.contains("effect-confirmed"), "the lease is {assurance}");
        Ok(("billing-bot completes the task: the lease is revoked, effect-confirmed".into(), ()))
    })?;
    story.step("the same login again", || {
        match scene.postgres.psql_as(&login.username, &login.password, &[], "select 1") {
            Ok(_) => bail!("it still works"),
            Err(_) => Ok(("the same login fails".into(), ())),
        }
    })?;
    story.step("the held session", || {
        let status = held.wait()?;
        ensure!(!status.success() && sessions(scene, &login.username)? == 0, "it is still there");
        let roles = scene.postgres.psql("select count(*) from pg_roles where rolname like 'lh%'")?;
        ensure!(roles.trim() == "0", "{roles} accounts are left");
        Ok(("the held session was ended, no account is left in PostgreSQL".into(), ()))
    })
}

/// The evidence, checked without the broker.
fn check(story: &mut Story, scene: &Scene, binary: &Path) -> Result<()> {
    let (bundle, key) = story.step("the auditor saves the log", || {
        let bundle = scene.desk_file("auditor", "log.bundle")?;
        scene.ok("auditor", &["evidence", "export", &bundle, "--open", "*"])?;
        let key = find(&scene.json("auditor", &["evidence", "checkpoint"])?, "verifier_key")?;
        Ok((format!("the auditor saves the log; its key is {key}"), (bundle, key)))
    })?;
    story.step("verify offline", || {
        let output = Command::new(binary).args(["evidence", "verify", &bundle, "--key", &key]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<_> = said.lines().collect();
        Ok((format!("verified offline: {}", lines.join("; ")), ()))
    })?;
    story.step("verify a changed log", || {
        let text = std::fs::read_to_string(&bundle)?;
        let changed = text.replacen("effect-confirmed", "authority-confirmed", 1);
        ensure!(changed != text, "nothing to change");
        std::fs::write(&bundle, changed)?;
        let output = Command::new(binary).args(["evidence", "verify", &bundle, "--key", &key]).output()?;
        ensure!(!output.status.success(), "a changed log was accepted");
        Ok(("the same log with one word changed is refused".into(), ()))
    })
}

fn look_around(scene: &Scene) -> Result<()> {
    eprintln!("everything keeps running until Enter. In another terminal:");
    eprintln!("  export LEASEHOLD_ADDRESS={} LEASEHOLD_BROKER_ID={}", scene.address, scene::BROKER_ID);
    eprintln!("  {} status", scene.typed("operator")?);
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn sessions(scene: &Scene, user: &str) -> Result<u32> {
    let count = scene.postgres.psql(&format!("select count(*) from pg_stat_activity where usename = '{user}'"))?;
    Ok(count.trim().parse()?)
}

fn state(value: &Value) -> String {
    value.get("state").or_else(|| value.pointer("/task/state")).and_then(Value::as_str).unwrap_or("?").to_lowercase()
}

/// The first text under this key, however deep.
fn find(value: &Value, key: &str) -> Result<String> {
    fn search<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
        match value {
            Value::Object(map) => {
                map.get(key).and_then(Value::as_str).or_else(|| map.values().find_map(|value| search(value, key)))
            }
            Value::Array(items) => items.iter().find_map(|value| search(value, key)),
            _ => None,
        }
    }
    Ok(search(value, key).with_context(|| format!("no {key} in the answer"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_any_order_and_others_refused() {
        let parsed = Options::parse(&["--spire", "--json"]).unwrap();
        assert_eq!(parsed, Options { json: true, keep: false, spire: true });
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        assert!(Options::parse(&["--spires"]).unwrap_err().is::<Usage>());
    }
}
