//! `leasehold vault policy`: the policies that Vault must hold, generated from an estate file.

use crate::domain::estate::{Document, Estate};
use crate::domain::vault_policy::{BROKER_POLICY, broker_policy, credential_policies};
use anyhow::{Context as _, Result, anyhow};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Verbs about the engine's side.
#[derive(Debug, clap::Subcommand)]
pub enum VaultVerb {
    /// Print the policies that Vault must hold for an estate.
    #[command(after_help = "Example:\n  leasehold vault policy estate.toml --json")]
    Policy(PolicyArgs),
}

/// Which estate.
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    /// The estate file.
    pub file: PathBuf,
}

/// Runs a verb.
///
/// # Errors
/// If the file cannot be read or is not an estate.
pub fn run(verb: VaultVerb, json: bool) -> Result<ExitCode> {
    let VaultVerb::Policy(PolicyArgs { file }) = verb;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let document = Document::parse(&text).map_err(|mistakes| anyhow!("{}: {mistakes}", file.display()))?;
    let estate = Estate::of_document(&document);
    let mut policies = vec![(BROKER_POLICY.to_owned(), broker_policy(&estate))];
    policies.extend(credential_policies(&estate));
    let mut out = std::io::stdout().lock();
    if json {
        let rows: Vec<_> =
            policies.iter().map(|(name, hcl)| serde_json::json!({ "name": name, "policy": hcl })).collect();
        writeln!(out, "{}", serde_json::Value::Array(rows))?;
    } else {
        for (name, hcl) in &policies {
            writeln!(out, "# vault policy write {name} -\n{hcl}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
