//! The command line's verbs: what people and scripts do with a broker.
//!
//! Uses the generated gRPC clients over a channel that `app` hands in through [`Connect`]; knows
//! no TLS, no clock and no randomness of its own. Data goes to standard output, talk to standard
//! error, and every error is a [`Complaint`] that ends with the next step. Called by `app` only.

mod broker;
mod complaint;
mod consistency;
mod estate;
mod evidence;
mod exec;
mod follow;
mod globals;
mod lease;
mod monitor;
mod proof;
mod secret;
mod signals;
mod status;
mod stopwatch;
mod table;
mod task;
mod terminal;
mod text;
mod verify;
mod view;

pub use complaint::{Complaint, explain};
pub use globals::{Globals, Target};
pub use terminal::{Interruption, SignalSource, Terminal};
pub use verify::{show as show_report, verify_on_all_cores};

use async_trait::async_trait;
use broker::Broker;
use std::process::ExitCode;
use tonic::transport::Channel;

/// What the verbs need from the outside.
#[async_trait]
pub trait Connect: Send + Sync {
    /// A channel to exactly the broker that `target` names, under the identity that its socket
    /// gives. May connect at the first call; a lazy channel is fine.
    ///
    /// # Errors
    /// The cause, worded for a person; the caller adds what was tried.
    async fn channel(&self, target: &Target) -> anyhow::Result<Channel>;

    /// 16 bytes of strong chance, fresh at each call: a request id is made of them.
    fn chance(&self) -> [u8; 16];
}

/// The verbs that talk to a broker.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Show what an estate file would change; changes nothing.
    #[command(after_help = "Example:\n  leasehold plan estate.toml")]
    Plan(estate::PlanArgs),
    /// Put an estate file into force, as a whole or not at all.
    #[command(after_help = "Example:\n  leasehold apply estate.toml")]
    Apply(estate::ApplyArgs),
    /// Request, watch and decide on tasks: approved pieces of work in whose name secrets are issued.
    #[command(subcommand)]
    Task(task::TaskVerb),
    /// Get a secret inside an active task.
    #[command(subcommand)]
    Secret(secret::SecretVerb),
    /// Run a command inside a task: request, wait for approval, hand over the secrets, end it all.
    #[command(after_help = exec::EXAMPLE)]
    Exec(exec::ExecArgs),
    /// See, prolong and end leases: the records of live secrets.
    #[command(subcommand)]
    Lease(lease::LeaseVerb),
    /// Read the log and its proofs.
    #[command(subcommand)]
    Evidence(evidence::EvidenceVerb),
    /// Follow the log as a stream of lifecycle signals.
    #[command(subcommand)]
    Signals(signals::SignalsVerb),
    /// Show the broker's own state.
    #[command(after_help = "Example:\n  leasehold status --json | jq .engine.state")]
    Status,
}

/// Runs a verb on the streams of this process.
///
/// # Errors
/// A [`Complaint`]; [`explain`] words it and gives its exit code.
pub async fn run(verb: Verb, globals: &Globals, connect: &dyn Connect) -> anyhow::Result<ExitCode> {
    let code = run_on(verb, globals, connect, &mut Terminal::of_process(globals.json)).await?;
    Ok(ExitCode::from(code))
}

/// Runs a verb on the given terminal and gives its exit code.
///
/// # Errors
/// As [`run`].
pub async fn run_on(
    verb: Verb,
    globals: &Globals,
    connect: &dyn Connect,
    terminal: &mut Terminal,
) -> Result<u8, Complaint> {
    if let Verb::Evidence(verb) = &verb
        && let Some(done) = evidence::run_offline(verb, terminal)
    {
        return done;
    }
    let mut broker = Broker::find(globals, connect, terminal).await?;
    match verb {
        Verb::Plan(args) => estate::plan(&mut broker, &args).await,
        Verb::Apply(args) => estate::apply(&mut broker, &args).await,
        Verb::Task(verb) => task::run(&mut broker, verb).await,
        Verb::Secret(secret::SecretVerb::Get(args)) => secret::get(&mut broker, &args).await,
        Verb::Exec(args) => return exec::run(&mut broker, &args).await,
        Verb::Lease(verb) => lease::run(&mut broker, verb).await,
        Verb::Evidence(verb) => evidence::run(&mut broker, verb).await,
        Verb::Signals(signals::SignalsVerb::Tail(args)) => signals::tail(&mut broker, &args).await,
        Verb::Status => status::show(&mut broker).await,
    }?;
    Ok(0)
}
