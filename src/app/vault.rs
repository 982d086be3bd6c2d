//! `leasehold vault policy`: the policies that Vault must hold, generated from an estate file.

use crate::domain::estate::{Document, Estate};
use crate::domain::vault_policy::policies;
use anyhow::{Context as _, Result, anyhow, bail};
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
    /// Print only the text of this policy, for `vault policy write NAME -`.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Runs a verb.
///
/// # Errors
/// If the file cannot be read or is not an estate.
pub fn run(verb: VaultVerb, json: bool) -> Result<ExitCode> {
    let VaultVerb::Policy(PolicyArgs { file, name }) = verb;
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let document = Document::parse(&text).map_err(|mistakes| anyhow!("{}: {mistakes}", file.display()))?;
    let estate = Estate::of_document(&document);
    let mut policies = policies(&estate);
    if let Some(name) = &name {
        policies.retain(|(known, _)| known == name);
        if policies.is_empty() {
            bail!("the estate has no policy {name}: leasehold vault policy {} prints all", file.display());
        }
    }
    let mut out = std::io::stdout().lock();
    if json {
        let rows: Vec<_> =
            policies.iter().map(|(name, hcl)| serde_json::json!({ "name": name, "policy": hcl })).collect();
        writeln!(out, "{}", serde_json::Value::Array(rows))?;
    } else if let (Some(_), [(_, hcl)]) = (name, policies.as_slice()) {
        writeln!(out, "{hcl}")?;
    } else {
        for (name, hcl) in &policies {
            writeln!(out, "# vault policy write {name} -\n{hcl}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
