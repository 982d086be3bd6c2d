//! Asking for a task, and waiting until it is active.

use super::file::{self, Wanted};
use super::{follow, show, standing};
use crate::broker::Broker;
use crate::complaint::{Complaint, Result};
use crate::terminal::Terminal;
use crate::text;
use domain::base::Span;
use proto::v1::task_service_client::TaskServiceClient;
use proto::v1::{RequestTaskRequest, Task, TaskState};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Arguments of `task request`.
#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// A task file, TOML: agent, purpose, purpose_code, credentials, window.
    file: Option<PathBuf>,
    /// Name of the agent in the estate.
    #[arg(long)]
    agent: Option<String>,
    /// What the task is for, for the people who approve it.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The same for machines: letters a to z, digits and dashes.
    #[arg(long, value_name = "CODE")]
    purpose_code: Option<String>,
    /// Name of a credential; may be given several times.
    #[arg(long = "credential", value_name = "NAME")]
    credentials: Vec<String>,
    /// How long secrets may be drawn, counted from activation.
    #[arg(long, value_parser = text::span)]
    window: Option<Span>,
    /// Wait until the task is active.
    #[arg(long)]
    wait: bool,
}

/// Asks and shows, after waiting if that is wanted.
pub(super) async fn run(broker: &mut Broker<'_>, args: &RequestArgs) -> Result<()> {
    let task = ask(broker, wanted(args)?).await?;
    if !args.wait {
        return show(broker.terminal, &task);
    }
    let task = until_active(broker, &task).await?;
    show(broker.terminal, &task)
}

/// Sends the request.
pub(crate) async fn ask(broker: &mut Broker<'_>, wanted: Wanted) -> Result<Task> {
    let missing = |name: &str| {
        let next_step = format!("write {name} into the task file, or give --{name}");
        Complaint::usage(format!("the task has no {name}"), next_step)
    };
    if wanted.credentials.is_empty() {
        return Err(Complaint::usage(
            "the task has no credentials",
            "write credentials into the task file, or give --credential",
        ));
    }
    let request = RequestTaskRequest {
        request_id: broker.request_id(),
        agent: wanted.agent.ok_or_else(|| missing("agent"))?,
        purpose: wanted.purpose.ok_or_else(|| missing("purpose"))?,
        purpose_code: wanted.purpose_code.unwrap_or_default(),
        credentials: wanted.credentials,
        window: Some(text::wire_span(wanted.window.ok_or_else(|| missing("window"))?)),
    };
    let call = |channel, request| async move { TaskServiceClient::new(channel).request_task(request).await };
    let answer = broker.ask("request the task", request, call).await?;
    broker.part(answer.task, "task")
}

/// Waits until the task is active, telling what it waits for; a complaint if it ended before.
pub(crate) async fn until_active(broker: &mut Broker<'_>, task: &Task) -> Result<Task> {
    let reminder = format!("still waiting: {}", standing(task));
    let mut told = String::new();
    let each = |terminal: &mut Terminal, _: u64, task: &Task| {
        if task.state() == TaskState::Active {
            return Ok(ControlFlow::Break(task.clone()));
        }
        if matches!(task.state(), TaskState::Ending | TaskState::Gone) {
            return Err(over(task));
        }
        let now = standing(task);
        if now != told {
            say_waiting(terminal, task);
            told = now;
        }
        Ok(ControlFlow::Continue(()))
    };
    let found = follow(broker, &task.id, &reminder, each).await?;
    found.ok_or_else(|| over(task))
}

fn say_waiting(terminal: &mut Terminal, task: &Task) {
    terminal.say(&format!("{}: {}", task.id, standing(task)));
    if !task.approvals_missing.is_empty() {
        let teams = task.approvals_missing.join(", ");
        terminal.say(&format!("  who may approve: any member of {teams} who is not {}", task.subject));
        terminal.say(&format!("  how: leasehold task approve {}", task.id));
    }
}

fn over(task: &Task) -> Complaint {
    let cause = if task.end_cause.is_empty() { "it is gone" } else { &task.end_cause };
    let what = format!("the task ended before it was active: {cause} ({})", task.id);
    Complaint::failed(what, "ask the approvers why, then request a new task")
}

fn wanted(args: &RequestArgs) -> Result<Wanted> {
    let mut wanted = args.file.as_deref().map(file::read).transpose()?.unwrap_or_default();
    wanted.agent = args.agent.clone().or(wanted.agent);
    wanted.purpose = args.purpose.clone().or(wanted.purpose);
    wanted.purpose_code = args.purpose_code.clone().or(wanted.purpose_code);
    wanted.window = args.window.or(wanted.window);
    if !args.credentials.is_empty() {
        wanted.credentials.clone_from(&args.credentials);
    }
    Ok(wanted)
}

/// Shown by `--help`.
pub(super) const EXAMPLE: &str = "\
Examples:
  leasehold task request billing.task.toml --wait
  leasehold task request --agent billing-bot --purpose 'reconcile invoices' --credential ledger-ro --window 20m

billing.task.toml:
  agent       = \"billing-bot\"
  purpose     = \"reconcile invoices for 2026-10\"
  credentials = [\"ledger-ro\"]
  window      = \"20m\"";
