//! The sample database of `leasehold dev --postgres`: the very statements of `deploy/postgres`, in one
//! transaction, and their opposite at the end.
//!
//! Nothing that is there already is touched: a name that is taken stops the start.

use super::engine::Engine;
use super::random_word;
use crate::domain::base::Secret;
use crate::domain::preflight::REVOCATION_STATEMENTS;
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::json;
use std::time::Duration;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

/// What was made in the database.
pub(super) struct Ledger {
    server: Config,
    /// `host:port/database`.
    place: String,
    engine_password: Secret,
    probe_password: Secret,
}

impl Ledger {
    /// Makes the sample ledger, the engine's account and the probe's.
    ///
    /// # Errors
    /// If the server cannot be reached, or a name is taken. Never carries the connection string.
    pub(super) async fn make(dsn: &str) -> Result<Self> {
        let mut server: Config =
            dsn.parse().map_err(|_| anyhow!("--postgres is not a connection string such as {EXAMPLE}"))?;
        server.application_name("leasehold-dev").connect_timeout(CONNECT_MAX);
        let place = place(&server)?;
        let ledger = Self { server, place, engine_password: random_word(), probe_password: random_word() };
        let mut statements = String::from("BEGIN;\n");
        for file in STATEMENTS {
            statements.push_str(file);
        }
        let statements = statements
            .replace(":'engine_password'", &quoted(&ledger.engine_password))
            .replace(":'probe_password'", &quoted(&ledger.probe_password));
        ledger.execute(&(statements + "COMMIT;")).await?;
        Ok(ledger)
    }

    /// Tells the engine of the database, and of the probe's login. `deploy/openbao/database.sh`.
    pub(super) async fn connect_engine(&self, engine: &Engine) -> Result<()> {
        let probe = self.probe_password.reveal_text().unwrap_or_default();
        let dsn = format!("postgresql://leasehold_probe:{probe}@{}", self.place);
        engine.write("secret/data/ledger-probe", &json!({ "data": { "dsn": dsn } })).await?;
        engine.write("sys/mounts/database", &json!({ "type": "database" })).await?;
        let (open, close, settings) = ("{{", "}}", "sslmode=prefer&lock_timeout=5000&statement_timeout=10000");
        let url =
            format!("postgresql://{open}username{close}:{open}password{close}@{place}?{settings}", place = self.place);
        let connection = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": ["ledger-ro"], "connection_url": url,
            "username": "openbao_engine", "password": self.engine_password.reveal_text().unwrap_or_default(),
            "password_authentication": "scram-sha-256", "max_open_connections": 8,
            "username_template": USERNAME_TEMPLATE,
        });
        engine.write("database/config/ledger", &connection).await?;
        let role = json!({
            "db_name": "ledger", "default_ttl": "20m", "max_ttl": "1h",
            "creation_statements": CREATION_STATEMENTS, "revocation_statements": REVOCATION_STATEMENTS,
        });
        engine.write("database/roles/ledger-ro", &role).await
    }

    /// Removes all of it, and the accounts of leases that were still open.
    pub(super) async fn remove(self) -> Result<()> {
        self.execute(REMOVAL).await.context("the sample database was not removed")
    }

    async fn execute(&self, statements: &str) -> Result<()> {
        let (client, driver) = self.server.connect(NoTls).await.context("cannot connect to --postgres")?;
        let work = async {
            let outcome = client.batch_execute(statements).await;
            drop(client);
            outcome
        };
        let (outcome, _driven) = tokio::join!(work, driver);
        outcome.map_err(|error| match error.code() {
            Some(&SqlState::DUPLICATE_OBJECT | &SqlState::DUPLICATE_SCHEMA) => anyhow!(
                "the database has the sample's names already, perhaps from a run that was killed; to remove \
                 them and what is in them, run as a superuser:\n{REMOVAL}"
            ),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => anyhow!("--postgres must be the login of a superuser"),
            Some(code) => anyhow!("the database answered SQLSTATE {}", code.code()),
            None => anyhow!("the database broke off"),
        })
    }
}

/// Where the engine and the probe find the server, which must be a TCP address.
fn place(server: &Config) -> Result<String> {
    let Some(Host::Tcp(host)) = server.get_hosts().first() else {
        bail!("--postgres names no host: write it like {EXAMPLE}")
    };
    let port = server.get_ports().first().copied().unwrap_or(5432);
    let database = server.get_dbname().or_else(|| server.get_user()).unwrap_or("postgres");
    Ok(format!("{host}:{port}/{database}"))
}

/// Hex, so there is nothing to escape.
fn quoted(password: &Secret) -> String {
    format!("'{}'", password.reveal_text().unwrap_or_default())
}

const STATEMENTS: [&str; 4] = [
    include_str!("../../../deploy/postgres/engine_user.sql"),
    include_str!("../../../deploy/postgres/sample_ledger.sql"),
    include_str!("../../../deploy/postgres/end_account.sql"),
    include_str!("../../../deploy/postgres/probe_user.sql"),
];
const CREATION_STATEMENTS: [&str; 2] = [
    r#"CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE app_ro"#,
    r#"GRANT "{{name}}" TO openbao_engine"#,
];
const USERNAME_TEMPLATE: &str = r#"{{.DisplayName | replace "token-" "" | truncate 18}}-{{random 8 | lowercase}}"#;
const REMOVAL: &str = r"
DO $$ DECLARE account text; BEGIN
    FOR account IN SELECT rolname FROM pg_roles WHERE rolname ~ '^lh[a-z0-9]{4}[a-z]{12}-[a-z0-9]{8}$' LOOP
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = account;
        EXECUTE format('DROP OWNED BY %I', account);
        EXECUTE format('DROP ROLE %I', account);
    END LOOP;
END $$;
DROP SCHEMA leasehold CASCADE;
DROP SCHEMA ledger CASCADE;
DROP OWNED BY openbao_engine, leasehold_probe, app_ro;
DROP ROLE openbao_engine, leasehold_probe, app_ro;";
const EXAMPLE: &str = "postgresql://postgres@127.0.0.1:5432/postgres";
const CONNECT_MAX: Duration = Duration::from_secs(10);
