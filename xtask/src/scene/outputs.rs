//! What a scene tells the canary: every secret that passes through it, and everything that was
//! written in it. Callers of `Scene::run` need not think of it.

use crate::canary;
use crate::peers::estate::Made;
use crate::peers::openbao::OpenBao;
use crate::peers::postgres::Postgres;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

/// The secrets of the set-up itself.
pub(super) fn register_own(bao: &OpenBao, postgres: &Postgres, made: &Made) -> Result<()> {
    let probe_password = made.probe_dsn.split_whitespace().find_map(|word| word.strip_prefix("password="));
    let probe_password = probe_password.context("no password in the probe's connection string")?;
    for secret in [&bao.root_token, &postgres.password, &made.engine_password, probe_password] {
        canary::register(secret.as_bytes())?;
    }
    Ok(())
}

/// The secrets in what `secret get` printed, and the key that it wrote.
pub(super) fn register_secrets(words: &[&str], output: &Output) -> Result<()> {
    if !words.starts_with(&["secret", "get"]) || !output.status.success() {
        return Ok(());
    }
    if let Ok(printed) = serde_json::from_slice::<Value>(&output.stdout) {
        let whole = ["/username_password/password", "/password"];
        for secret in whole.iter().filter_map(|place| printed.pointer(place)?.as_str()) {
            canary::register(secret.as_bytes())?;
        }
        register_values(printed.pointer("/key_value/json").unwrap_or(&Value::Null))?;
    }
    let key_file = words.iter().skip_while(|word| **word != "--key-out").nth(1);
    key_file.map_or(Ok(()), |file| register_key(&fs::read_to_string(file)?))
}

/// Each text of a key-value secret that is too long to be found by chance.
fn register_values(value: &Value) -> Result<()> {
    match value {
        Value::String(text) if text.len() >= canary::Register::VALUE_BYTES_MIN => canary::register(text.as_bytes()),
        Value::Object(fields) => fields.values().try_for_each(register_values),
        Value::Array(items) => items.iter().try_for_each(register_values),
        _ => Ok(()),
    }
}

/// The first two lines of a key in PEM, which hold the private half; the public one may be seen.
fn register_key(pem: &str) -> Result<()> {
    let body = pem.lines().filter(|line| !line.starts_with("-----"));
    body.take(2).map(str::as_bytes).try_for_each(canary::register)
}

/// Copies logs, databases and saved bundles; keys, sockets and the files of tests stay where they are.
pub(super) fn keep(from: &Path, to: &Path) -> Result<()> {
    if !canary::is_watched() {
        return Ok(());
    }
    for entry in fs::read_dir(from)?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let written = WRITTEN.iter().any(|part| name.to_string_lossy().contains(part));
        if written && path.is_file() {
            fs::copy(&path, to.join(&name)).with_context(|| format!("keeping {}", path.display()))?;
        }
    }
    Ok(())
}

/// What the broker, the issuer and callers write and anybody may see.
const WRITTEN: [&str; 4] = [".log", ".db", ".bundle", ".out"];
