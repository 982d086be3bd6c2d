//! The whole command line: the client's verbs and the verbs of the broker itself, in one enum, and
//! what each of them leads to.

use super::config::Config;
use super::connect::SvidConnect;
use super::doctor::{self, DoctorArgs};
use super::log_check::{self, LogVerb};
use super::vault::{self, VaultVerb};
use super::{dev, serve, telemetry, witness};
use crate::client::{self, Globals};
use crate::devtrust;
use anyhow::{Context as _, anyhow};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Secrets for workloads that prove who they are, inside approved tasks, with evidence of every step.
#[derive(Debug, Parser)]
#[command(name = "leasehold", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Every verb of the program.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What people and workloads do with a broker.
    #[command(flatten)]
    Client(client::Verb),
    /// Run the broker.
    #[command(after_help = "Example:\n  leasehold serve --config leasehold.toml")]
    Serve {
        /// The broker's configuration.
        #[arg(long, value_name = "FILE", default_value = "leasehold.toml")]
        config: PathBuf,
    },
    /// Run a witness: a third party that vouches that a log only grows.
    #[command(after_help = witness::EXAMPLE)]
    Witness(witness::Args),
    /// Run everything for development on this machine: trust domain, OpenBao in memory, broker, a
    /// sample estate. Leaves nothing behind.
    #[command(args_conflicts_with_subcommands = true, after_help = DEV)]
    Dev {
        /// Of the whole.
        #[command(flatten)]
        args: dev::Args,
        /// One part alone.
        #[command(subcommand)]
        part: Option<DevVerb>,
    },
    /// See what Vault must be told.
    #[command(subcommand)]
    Vault(VaultVerb),
    /// Check whether Vault and the broker's own side are set up as needed, and say how to mend it.
    #[command(after_help = DOCTOR)]
    Doctor(DoctorArgs),
    /// Check the log's own file, without a broker or beside one.
    #[command(subcommand)]
    Log(LogVerb),
    /// Print a completion script for your shell.
    #[command(
        after_help = "Example:\n  leasehold completions bash > ~/.local/share/bash-completion/completions/leasehold"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Parts of a development set-up that can run alone.
#[derive(Debug, Subcommand)]
pub enum DevVerb {
    /// Serve a development trust domain: a real SPIFFE issuer and Workload API.
    #[command(after_help = DEV_TRUST)]
    Trust(devtrust::command::Args),
}

/// Does what the command line says, and gives the exit code.
///
/// # Errors
/// What [`client::explain`] words.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Client(verb) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(client::run(
                verb,
                &cli.globals,
                &SvidConnect::default(),
            ))
        }
        Verb::Serve { config } => {
            telemetry::start();
            let text = std::fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
            let config = Config::parse(&text).map_err(|mistakes| anyhow!("{}: {mistakes}", config.display()))?;
            failpoints();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(serve::serve(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Witness(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(witness::run(args))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Dev { args, part: None } => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(dev::run(args))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Dev { part: Some(DevVerb::Trust(args)), .. } => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(devtrust::command::run(args, &mut io::stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Vault(verb) => vault::run(verb, cli.globals.json),
        Verb::Doctor(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(doctor::run(args, &cli.globals))
        }
        Verb::Log(verb) => log_check::run(verb, &cli.globals),
        Verb::Completions { shell } => {
            // Into memory first: the generator would panic if the reader left early.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "leasehold", &mut script);
            match io::stdout().write_all(&script) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    Err(error).context("cannot write the script")
                }
                _ => Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// Test builds kill themselves where `LEASEHOLD_KILL_AT` says.
fn failpoints() {
    #[cfg(feature = "failpoints")]
    if let Some(spec) = telemetry::environment("LEASEHOLD_KILL_AT") {
        crate::failpoint::arm(&spec);
    }
}

const DEV: &str = "\
Example:
  leasehold dev
  leasehold --as payments-lead task approve TASK   (in another terminal, in the same folder)";

const DOCTOR: &str = "\
Exit codes: 0 nothing fails, 1 something fails, 2 usage. docs/operations.md explains each check.

Example:
  leasehold doctor --estate estate.toml --token-file operator.token";

const DEV_TRUST: &str = "\
Example:
  leasehold dev trust --trust-domain example.org \\
    --identity broker=spiffe://example.org/leasehold:dns=leasehold \\
    --identity billing-bot=spiffe://example.org/agent/billing-bot";

const FIRST_STEPS: &str = "\
Exit codes: 0 done, 1 failed or denied, 2 usage. Data goes to standard output, talk to standard error.

Example:
  leasehold exec --task billing.task.toml -- python agent.py";
