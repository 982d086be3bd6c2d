//! The whole command line: the client's verbs and the verbs of the broker itself, in one enum, and
//! what each of them leads to.

use super::connect::SvidConnect;
use crate::client::{self, Globals};
use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::{self, Write as _};
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
    /// Print a completion script for your shell.
    #[command(
        after_help = "Example:\n  leasehold completions bash > ~/.local/share/bash-completion/completions/leasehold"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Does what the command line says, and gives the exit code.
///
/// # Errors
/// What [`client::explain`] words.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Client(verb) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("cannot start the runtime")?.block_on(client::run(verb, &cli.globals, &SvidConnect::default()))
        }
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

const FIRST_STEPS: &str = "\
Exit codes: 0 done, 1 failed or denied, 2 usage. Data goes to standard output, talk to standard error.

Example:
  leasehold exec --task billing.task.toml -- python agent.py";
