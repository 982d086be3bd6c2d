//! A bench of one's own per test: a database mount with roles and SQL as the test wants them.

use crate::real::world::world;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;
use xtask::peers::http::Answer;

/// A database engine mounted for one test.
pub(crate) struct Lab {
    pub(crate) mount: String,
}

/// What a read of credentials gave.
#[derive(Clone)]
pub(crate) struct Creds {
    pub(crate) lease: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

pub(crate) const CREATE: &[&str] = &[
    r#"CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE app_ro"#,
    r#"GRANT "{{name}}" TO openbao_engine"#,
];
pub(crate) const DROP_ONLY: &[&str] = &[r#"DROP ROLE IF EXISTS "{{name}}""#];

impl Lab {
    /// With a connection to the shared PostgreSQL.
    pub(crate) fn new(name: &str) -> Self {
        Self::through(name, &format!("127.0.0.1:{}", world().postgres.port))
    }

    /// With a connection through that address.
    pub(crate) fn through(name: &str, address: &str) -> Self {
        let lab = Self { mount: format!("lab-{name}") };
        must("POST", &format!("sys/mounts/{}", lab.mount), &json!({ "type": "database" }));
        lab.connect("main", address);
        lab
    }

    pub(crate) fn connect(&self, config: &str, address: &str) {
        let url = format!(
            "postgresql://{{{{username}}}}:{{{{password}}}}@{address}/postgres?sslmode=disable&connect_timeout=1"
        );
        must(
            "POST",
            &format!("{}/config/{config}", self.mount),
            &json!({
                "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url,
                "username": "openbao_engine", "password": world().made.engine_password,
                "username_template": r#"{{.DisplayName | replace "token-" "" | truncate 18}}-{{random 8 | lowercase}}"#,
            }),
        );
    }

    pub(crate) fn role(&self, name: &str, creation: &[&str], revocation: &[&str]) {
        self.role_on("main", name, creation, revocation);
    }

    pub(crate) fn role_on(&self, config: &str, name: &str, creation: &[&str], revocation: &[&str]) {
        must(
            "POST",
            &format!("{}/roles/{name}", self.mount),
            &json!({
                "db_name": config, "creation_statements": creation, "revocation_statements": revocation,
                "default_ttl": "10m", "max_ttl": "30m",
            }),
        );
    }

    pub(crate) fn path(&self, role: &str) -> String {
        format!("{}/creds/{role}", self.mount)
    }

    pub(crate) fn mint(&self, role: &str) -> Creds {
        self.mint_as(&world().bao.root_token, role)
    }

    pub(crate) fn mint_as(&self, token: &str, role: &str) -> Creds {
        Creds::from(&world().bao.call_as(token, "GET", &self.path(role), &Value::Null).unwrap())
    }
}

impl Creds {
    pub(crate) fn from(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        Self {
            lease: answer.text("/lease_id").into(),
            user: answer.text("/data/username").into(),
            password: answer.text("/data/password").into(),
        }
    }

    pub(crate) fn log_in(&self) -> Result<String, String> {
        let asked = world().postgres.psql_as(&self.user, &self.password, &[], "SELECT count(*) FROM ledger.entries");
        asked.map_err(|error| error.to_string())
    }

    pub(crate) fn exists(&self) -> bool {
        sql(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", self.user)) == "1"
    }
}

pub(crate) fn sql(statement: &str) -> String {
    world().postgres.psql(statement).unwrap()
}

/// As root; must succeed.
pub(crate) fn must(method: &str, path: &str, body: &Value) -> Answer {
    world().bao.must(method, path, body).unwrap()
}

/// As root.
pub(crate) fn call(method: &str, path: &str, body: &Value) -> Answer {
    world().bao.call(method, path, body).unwrap()
}

pub(crate) fn call_as(token: &str, method: &str, path: &str, body: &Value) -> Answer {
    world().bao.call_as(token, method, path, body).unwrap()
}

pub(crate) fn look_up(lease: &str) -> Answer {
    call("PUT", "sys/leases/lookup", &json!({ "lease_id": lease }))
}

pub(crate) fn is_gone(lease: &str) -> bool {
    let answer = look_up(lease);
    answer.status == 400 && answer.complains("invalid lease")
}

pub(crate) fn revoke(lease: &str) -> Answer {
    call("PUT", "sys/leases/revoke", &json!({ "lease_id": lease, "sync": true }))
}

/// A token through the token role of the estate, made by root: its value and its accessor.
pub(crate) fn task_token(policies: &[&str], display_name: &str) -> (String, String) {
    let body = json!({ "policies": policies, "explicit_max_ttl": "10m", "display_name": display_name, "meta": {} });
    let made = must("POST", "auth/token/create/leasehold-task", &body);
    (made.text("/auth/client_token").into(), made.text("/auth/accessor").into())
}

/// A token of root's with one policy of one's own.
pub(crate) fn token_with(policy: &str, text: &str) -> String {
    must("PUT", &format!("sys/policies/acl/{policy}"), &json!({ "policy": text }));
    let body = json!({ "policies": [policy], "no_default_policy": true, "no_parent": true });
    must("POST", "auth/token/create", &body).text("/auth/client_token").into()
}

pub(crate) fn wait_until(what: &str, mut ask: impl FnMut() -> bool) {
    xtask::peers::wait_for(what, Duration::from_secs(10), || ask().then_some(())).unwrap();
}

/// A login that stays open.
pub(crate) struct Session {
    psql: Child,
    lines: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn open(user: &str, password: &str) -> Self {
        let mut psql = world().postgres.psql_command(user, password);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut psql = psql.spawn().unwrap();
        let lines = BufReader::new(psql.stdout.take().unwrap());
        let mut session = Self { psql, lines };
        assert_eq!(session.ask("SELECT 1").as_deref(), Some("1"));
        session
    }

    /// The first line of the answer, or `None` if the session is over.
    pub(crate) fn ask(&mut self, statement: &str) -> Option<String> {
        writeln!(self.psql.stdin.as_mut()?, "{statement};").ok()?;
        let mut line = String::new();
        self.lines.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().into())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.psql.kill().unwrap();
        self.psql.wait().unwrap();
    }
}
