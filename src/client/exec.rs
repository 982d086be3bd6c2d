//! `leasehold exec`: a command inside a task. Request or join, wait for approval, hand the secrets
//! over, run, prolong them, pass signals and the exit code through, end the task whatever happened,
//! and say how long proof of revocation took.

mod child;
mod handover;
mod keep;

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use super::secret::{CertificateKey, Wanted, delivered, issue};
use super::task::{self, file, request};
use super::terminal::{Interruption, Interruptions};
use super::{proof, text};
use domain::base::{Secret, TaskId};
use handover::{Handover, Way};
use proto::v1::issue_secret_request::Parameters;
use proto::v1::{CertificateParameters, Lease, Task, TaskState};
use serde_json::json;
use std::ffi::OsString;
use std::path::Path;

/// Arguments of `exec`.
#[derive(Debug, clap::Args)]
pub struct ExecArgs {
    /// A task file to request, or the id of a task of yours to join. Either way the task ends with
    /// the command.
    #[arg(long, value_name = "FILE|TASK")]
    task: String,
    /// Hand a secret over in an environment variable instead (NAME for the first credential, or
    /// NAME=CREDENTIAL). Children, crash dumps and the system's process list may see it.
    #[arg(long = "env", value_name = "NAME[=CREDENTIAL]")]
    variables: Vec<String>,
    /// How to hand the other secrets over: a sealed memory file that can be read again, or a pipe
    /// that can be read once.
    #[arg(long, value_enum, default_value_t = Way::Memfd)]
    by: Way,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// How far a run came before its task was ended.
enum Outcome {
    /// The command ran; its exit code.
    Ran(u8),
    /// A signal came before the command was started.
    Interrupted(Interruption),
    /// The command was never started.
    Failed(Complaint),
}

/// Runs; gives the command's exit code, 128 and the signal's number if one killed it, 127 if it
/// was not found, 126 if it could not be started.
pub(super) async fn run(broker: &mut Broker<'_>, args: &ExecArgs) -> Result<u8> {
    let mut interruptions = broker.terminal.listen().map_err(Complaint::bug)?;
    let task = begin(broker, &args.task).await?;
    let ways = handover::ways(&task.credentials, &args.variables, args.by)?;
    let mut leases = Vec::new();
    let ready = tokio::select! {
        biased;
        signal = interruptions.next() => Err(Outcome::Interrupted(signal)),
        ready = prepare(broker, &task, ways, &mut leases) => ready.map_err(Outcome::Failed),
    };
    let outcome = match ready {
        Err(outcome) => outcome,
        Ok(handover) => tokio::select! {
            ran = child::run(&args.command, handover, &task.id, &mut interruptions) => {
                ran.map_or_else(Outcome::Failed, Outcome::Ran)
            }
            never = keep::alive(broker, leases.clone()) => match never {},
        },
    };
    let ended = finish(broker, &task, &outcome, &leases, &mut interruptions).await;
    match outcome {
        Outcome::Failed(complaint) => Err(complaint),
        Outcome::Interrupted(signal) => ended.map(|()| 128 + signal.number()),
        Outcome::Ran(0) => ended.map(|()| 0),
        Outcome::Ran(code) => {
            if let Err(complaint) = ended {
                broker.terminal.say_complaint(&complaint);
            }
            Ok(code)
        }
    }
}

async fn begin(broker: &mut Broker<'_>, name: &str) -> Result<Task> {
    if TaskId::parse(name).is_err() {
        let task = request::ask(broker, file::read(Path::new(name))?).await?;
        broker.terminal.say(&format!("requested {}: {}", task.id, task.purpose));
        return Ok(task);
    }
    let task = task::read(broker, name).await?;
    if matches!(task.state(), TaskState::Ending | TaskState::Gone) {
        return Err(Complaint::failed(format!("{name} is over"), "request a new task: give its file to --task"));
    }
    broker.terminal.say(&format!("joined {}: {}", task.id, task.purpose));
    Ok(task)
}

/// Waits until the task is active, then draws every secret of its scope.
async fn prepare(
    broker: &mut Broker<'_>,
    task: &Task,
    ways: Vec<(String, Way, String)>,
    leases: &mut Vec<Lease>,
) -> Result<Handover> {
    let task = request::until_active(broker, task).await?;
    let ends = text::time_short(task.end_time.as_ref());
    broker.terminal.say(&format!("{} is active until {ends}", task.id));
    let mut handover = Handover::default();
    for (credential, way, variable) in ways {
        let secret = draw(broker, &task.id, &credential, leases).await?;
        if way == Way::Variable {
            let warning = "children, crash dumps and the system's process list may see it";
            broker.terminal.say(&format!("warning: {credential} is handed over in ${variable}: {warning}"));
        }
        handover.add(&credential, way, variable, secret)?;
    }
    Ok(handover)
}

/// Draws one secret. Only the broker knows which credentials are certificates; it says so by
/// refusing a request without one, and then a key is made here.
async fn draw(broker: &mut Broker<'_>, task_id: &str, credential: &str, leases: &mut Vec<Lease>) -> Result<Secret> {
    let mut key = None;
    let mut wanted = Wanted { task_id, credential, ttl: None, parameters: None, supersedes: "" };
    let response = match issue(broker, wanted.clone()).await {
        Err(complaint) if complaint.concerns_field("certificate") => {
            let made = CertificateKey::make()?;
            let csr_pem = made.request_pem().to_owned();
            wanted.parameters = Some(Parameters::Certificate(CertificateParameters { csr_pem }));
            key = Some(made);
            issue(broker, wanted).await?
        }
        other => other?,
    };
    let lease = broker.part(response.lease.clone(), "lease")?;
    let expires = text::time_short(lease.expire_time.as_ref());
    broker.terminal.say(&format!("{credential}: issued until {expires} ({})", lease.id));
    leases.push(lease);
    delivered(response, key.as_ref())
}

/// Ends the task and waits for proof; a signal ends the waiting only.
async fn finish(
    broker: &mut Broker<'_>,
    task: &Task,
    outcome: &Outcome,
    leases: &[Lease],
    interruptions: &mut Interruptions,
) -> Result<()> {
    let clock = proof::Watch::begin();
    if let Err(complaint) = end(broker, task, outcome).await {
        broker.terminal.say(&format!("{} could not be ended; its window ends it", task.id));
        return Err(complaint);
    }
    let named: Vec<proof::Named> = leases.iter().map(Into::into).collect();
    let proven = tokio::select! {
        proven = clock.leases(broker, &named) => proven?,
        _ = interruptions.next() => {
            broker.terminal.say("not waiting for proof any longer; the broker goes on until it has it");
            return Ok(());
        }
    };
    if broker.terminal.json {
        let code = if let Outcome::Ran(code) = outcome { Some(code) } else { None };
        let summary = json!({ "task_id": task.id, "exit_code": code, "proofs": proven });
        broker.terminal.say(&text::plain_json(&summary.to_string()));
    }
    Ok(())
}

async fn end(broker: &mut Broker<'_>, task: &Task, outcome: &Outcome) -> Result<()> {
    let ended = match outcome {
        Outcome::Ran(_) => task::complete(broker, &task.id).await,
        Outcome::Interrupted(_) => task::cancel(broker, &task.id, "interrupted before the command ran".into()).await,
        Outcome::Failed(_) => task::cancel(broker, &task.id, "the command could not be started".into()).await,
    };
    match ended {
        // Denied, expired or cancelled by somebody else: nothing is left to end.
        Err(complaint) if complaint.says_task_is_over() => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Shown by `--help`.
pub(super) const EXAMPLE: &str = "\
Examples:
  leasehold exec --task billing.task.toml -- python agent.py
  leasehold exec --task billing.task.toml --env DATABASE_LOGIN -- ./legacy-tool

The command finds the first secret at the file descriptor $LEASEHOLD_FD, and each by its name, such
as $LEASEHOLD_FD_LEDGER_RO for ledger-ro: JSON for key-value secrets and for database accounts
({\"username\", \"password\"}), PEM (key, leaf, issuers) for certificates. $LEASEHOLD_TASK_ID is the task.

In Python: json.load(open(int(os.environ[\"LEASEHOLD_FD\"])))
In a shell: jq -r .password /dev/fd/$LEASEHOLD_FD";
