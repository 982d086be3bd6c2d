//! The shared scene, and the few moves that most walks begin with.

use serde_json::Value;
use std::ops::Deref;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xtask::peers::wait_for;
use xtask::scene::{Options, Scene};

/// A test's hold on the shared scene; what was written so far is kept for the canary at its end.
pub(super) struct Stage(&'static Scene);

/// A database login as it came in a secret.
pub(super) struct Login {
    pub(super) lease: String,
    pub(super) user: String,
    pub(super) password: String,
}

const MORE_ESTATE: &str = r#"
[team.vendors]
members = ["spiffe://example.org/people/vendors-lead"]

[agent.orphan-bot]
spiffe_id = "spiffe://example.org/agent/orphan-bot"
class = "ai-agent"
environment = "dev"
purpose = "nobody answers for it"

[credential.vendor-key]
kind = "kv"
path = "secret/data/vendor-key"
max_ttl = "1h"
owner = "vendors"
sensitivity = "high"

[credential.changing]
kind = "kv"
path = "secret/data/changing"
max_ttl = "1h"
owner = "payments"
sensitivity = "low"
"#;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(super) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_leasehold"))
}

pub(super) fn stage() -> Stage {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    Stage(SCENE.get_or_init(start))
}

/// A scene for one test that gets in the way of others; its servers end with the process.
pub(super) fn own_stage() -> Stage {
    Stage(Box::leak(Box::new(start())))
}

fn start() -> Scene {
    let identity = |name: &str, path: &str| format!("{name}=spiffe://example.org/{path}");
    let more_identities = vec![
        identity("orphan-bot", "agent/orphan-bot"),
        identity("vendors-lead", "people/vendors-lead"),
        identity("payments-deputy", "people/payments-deputy"),
    ];
    let options = Options { more_estate: MORE_ESTATE.into(), more_identities, ..Options::default() };
    let scene = Scene::start(binary(), options).unwrap();
    for name in ["motd", "vendor-key", "changing"] {
        put_value(&scene, name, &xtask::peers::random_hex(12).unwrap());
    }
    scene
}

/// Writes a value into the engine's key-value store, as its owner would.
pub(super) fn put_value(scene: &Scene, name: &str, value: &str) {
    xtask::canary::register(value.as_bytes()).unwrap();
    let data = serde_json::json!({ "data": { "value": value } });
    scene.bao.must("POST", &format!("secret/data/{name}"), &data).unwrap();
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        self.0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be kept is told there; a second panic would hide the first.
        if let Err(error) = self.0.keep_outputs() {
            xtask::not_run("canary scan of the shared scene", &format!("{error:#}"));
        }
    }
}

impl Stage {
    /// The scene itself, for what outlives this hold on it.
    pub(super) fn scene(&self) -> &'static Scene {
        self.0
    }

    /// Requests a task as billing-bot.
    pub(super) fn request(&self, credentials: &[&str], window: &str) -> Value {
        let mut words = vec!["task", "request", "--agent", "billing-bot", "--purpose", "a walk", "--window", window];
        for credential in credentials {
            words.extend(["--credential", credential]);
        }
        self.json("billing-bot", &words).unwrap()
    }

    /// Requests a task as billing-bot, lets each owner team say yes, and gives its id once active.
    pub(super) fn active(&self, credentials: &[&str], window: &str) -> String {
        let task = self.request(credentials, window);
        let id = text(&task, "id");
        for team in task["approvals_missing"].as_array().unwrap() {
            let lead = format!("{}-lead", team.as_str().unwrap());
            self.ok(&lead, &["task", "approve", &id, "--yes"]).unwrap();
        }
        self.until_active(&id);
        id
    }

    pub(super) fn until_active(&self, task: &str) -> Value {
        wait_for("the task to be active", PATIENCE, || {
            let shown = self.json("billing-bot", &["task", "show", task]).ok()?;
            (shown["state"] == "active").then_some(shown)
        })
        .unwrap()
    }

    /// Draws a secret as billing-bot.
    pub(super) fn draw(&self, task: &str, credential: &str, more: &[&str]) -> Value {
        let words = [&["secret", "get", task, credential], more].concat();
        self.json("billing-bot", &words).unwrap()
    }

    pub(super) fn login(&self, task: &str, more: &[&str]) -> Login {
        let secret = self.draw(task, "ledger-ro", more);
        let (lease, pair) = (&secret["lease"], &secret["username_password"]);
        Login { lease: text(lease, "id"), user: text(pair, "username"), password: text(pair, "password") }
    }

    pub(super) fn logs_in(&self, login: &Login) -> bool {
        let read = "select count(*) from ledger.entries";
        self.postgres.psql_as(&login.user, &login.password, &[], read).is_ok_and(|rows| rows.trim() == "3")
    }

    /// Completes the task.
    pub(super) fn complete(&self, task: &str) {
        self.ok("billing-bot", &["task", "complete", task]).unwrap();
    }

    /// Waits until this lease is proven dead in PostgreSQL too, and sees for itself that it is.
    pub(super) fn proven_dead(&self, login: &Login) -> Value {
        let lease = self.settled("auditor", &login.lease).unwrap();
        assert_eq!((&lease["state"], &lease["assurance"]), (&"revoked".into(), &"effect-confirmed".into()), "{lease}");
        assert!(!self.logs_in(login), "the login still works");
        let left = self.postgres.psql(&format!("select count(*) from pg_roles where rolname = '{}'", login.user));
        assert_eq!(left.unwrap(), "0");
        lease
    }

    /// The entries of the log with this lease or task in them, oldest first, as the auditor reads them.
    pub(super) fn entries_of(&self, id: &str) -> Vec<Value> {
        let all = self.ok("auditor", &["evidence", "list", "--json"]).unwrap();
        all.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one entry of this type with this id in it.
    pub(super) fn entry_of(&self, id: &str, kind: &str) -> Value {
        let mut found = self.entries_of(id);
        found.retain(|line| line["entry"]["type"] == kind);
        assert_eq!(found.len(), 1, "{kind} of {id}: {found:?}");
        found.remove(0)
    }
}

pub(super) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", kinds_of(value))).to_owned()
}

/// The keys of an answer: never its values, which may be secret.
fn kinds_of(value: &Value) -> String {
    value.as_object().map_or_else(|| "no object".into(), |map| format!("{:?}", map.keys().collect::<Vec<_>>()))
}

/// Seconds since 1970 of a time as the command line prints it.
pub(super) fn seconds(value: &Value, key: &str) -> i64 {
    leasehold::domain::base::Time::parse(&text(value, key)).unwrap().unix_seconds()
}

pub(super) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}
