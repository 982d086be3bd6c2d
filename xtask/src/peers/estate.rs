//! Sets a real OpenBao and a real PostgreSQL up for Leasehold, by running the very files in
//! `deploy/` that an administrator would run.

use super::openbao::OpenBao;
use super::postgres::Postgres;
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::process::{Command, Stdio};

/// What the set-up cannot know by itself.
#[derive(Debug, Clone)]
pub struct SetupOptions {
    /// Where OpenBao finds the trust domain's keys; must answer now.
    pub jwks_url: String,
    /// The broker's SPIFFE ID, the only subject that may log in.
    pub broker_subject: String,
    /// The audience of the broker's JWT-SVIDs for this engine.
    pub audience: String,
    /// The trust domain of the certificates, without `spiffe://`.
    pub trust_domain: String,
    /// The longest life of a task's token, for example `1h`.
    pub window_max: String,
    /// Policies by name, as HCL: `leasehold-broker` and the `leasehold-cred-…`.
    pub policies: Vec<(String, String)>,
}

/// What the set-up made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Password of `openbao_engine` in PostgreSQL.
    pub engine_password: String,
    /// Connection string of `leasehold_probe`; also field `dsn` of `secret/ledger-probe`.
    pub probe_dsn: String,
}

/// Sets up PostgreSQL (engine account, ledger, probe account), the engines `database` (role
/// `ledger-ro`), `pki` (role `agent`) and `secret`, the login `jwt` (role `leasehold`), the token
/// role `leasehold-task`, and the policies.
///
/// # Errors
/// The first step that failed, with what it printed.
pub fn setup_engine(bao: &OpenBao, postgres: &Postgres, options: &SetupOptions) -> Result<Made> {
    let made = setup_postgres(postgres)?;
    setup_logins(bao, options)?;
    script(bao, "kv.sh", &[])?;
    bao.must("POST", "secret/data/ledger-probe", &json!({ "data": { "dsn": made.probe_dsn } }))?;
    script(bao, "pki.sh", &[("TRUST_DOMAIN", &options.trust_domain)])?;
    setup_database(bao, postgres, &made)?;
    Ok(made)
}

/// The part of [`setup_engine`] without a database: logins, token role, policies.
///
/// # Errors
/// As [`setup_engine`].
pub fn setup_logins(bao: &OpenBao, options: &SetupOptions) -> Result<()> {
    for (name, text) in &options.policies {
        bao.must("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": text }))?;
    }
    let login = [
        ("JWKS_URL", options.jwks_url.as_str()),
        ("BROKER_ID", &options.broker_subject),
        ("AUDIENCE", &options.audience),
        ("BROKER_CIDRS", "127.0.0.0/8"),
    ];
    script(bao, "jwt_auth.sh", &login)?;
    script(bao, "token_role.sh", &[("WINDOW_MAX", &options.window_max), ("TASK_CIDRS", "127.0.0.0/8")])
}

/// The part of [`setup_engine`] inside PostgreSQL.
///
/// # Errors
/// As [`setup_engine`].
pub fn setup_postgres(postgres: &Postgres) -> Result<Made> {
    let engine_password = super::random_hex(16)?;
    let probe_password = super::random_hex(16)?;
    let variables = [("engine_password", engine_password.as_str()), ("probe_password", &probe_password)];
    for name in ["engine_user.sql", "sample_ledger.sql", "end_account.sql", "probe_user.sql"] {
        let statements = std::fs::read_to_string(deploy("postgres", name))?;
        postgres.psql_as("postgres", &postgres.password, &variables, &statements).context(name)?;
    }
    let probe_dsn = postgres.dsn("leasehold_probe", &probe_password);
    Ok(Made { engine_password, probe_dsn })
}

fn setup_database(bao: &OpenBao, postgres: &Postgres, made: &Made) -> Result<()> {
    let place = format!("127.0.0.1:{}/postgres", postgres.port);
    let variables = [("POSTGRES", place.as_str()), ("ENGINE_PASSWORD", &made.engine_password), ("SSL_MODE", "disable")];
    script(bao, "database.sh", &variables)
}

/// Runs one of `deploy/openbao/*.sh` as root of that OpenBao.
///
/// # Errors
/// With what the script printed.
pub fn script(bao: &OpenBao, name: &str, variables: &[(&str, &str)]) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.arg(deploy("openbao", name)).stdin(Stdio::null()).envs(variables.iter().copied());
    shell.env("BAO", super::openbao::binary()?).env("HOME", bao.folder());
    shell.env("BAO_ADDR", &bao.address).env("BAO_TOKEN", &bao.root_token);
    shell.env("VAULT_ADDR", &bao.address).env("VAULT_TOKEN", &bao.root_token);
    let output = shell.output().context("starting sh")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim())
}

fn deploy(kind: &str, name: &str) -> std::path::PathBuf {
    super::repository().join("deploy").join(kind).join(name)
}
