//! Saying yes or no to a task. A yes binds to the digest of the request that was shown.

use super::{read, show};
use crate::broker::Broker;
use crate::complaint::{Complaint, Result};
use crate::terminal::Terminal;
use crate::text;
use domain::base::Span;
use proto::v1::task_service_client::TaskServiceClient;
use proto::v1::{ApproveTaskRequest, DenyTaskRequest, Task};

/// Arguments of `task approve`.
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// Its id.
    task: String,
    /// Approve only if the request still has this digest (`task show` prints it); asks nothing.
    #[arg(long, conflicts_with = "yes")]
    digest: Option<String>,
    /// Approve whatever the request says now; asks nothing.
    #[arg(long, short = 'y')]
    yes: bool,
    /// How long the yes holds; no secret outlives it. Until the window would end without it.
    #[arg(long, value_name = "SPAN", value_parser = text::span)]
    valid_for: Option<Span>,
}

/// Arguments of `task deny`.
#[derive(Debug, clap::Args)]
pub struct DenyArgs {
    /// Its id.
    task: String,
    /// Why, for the requester.
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
}

/// Says yes, after showing what to.
pub(super) async fn approve(broker: &mut Broker<'_>, args: ApproveArgs) -> Result<()> {
    let request_digest = match args.digest {
        Some(digest) => digest,
        None => {
            let task = read(broker, &args.task).await?;
            if !args.yes {
                ask_person(broker.terminal, &task)?;
            }
            task.request_digest
        }
    };
    let (request_id, valid_for) = (broker.request_id(), args.valid_for.map(text::wire_span));
    let request = ApproveTaskRequest { request_id, task_id: args.task, request_digest, valid_for };
    let call = |channel, request| async move { TaskServiceClient::new(channel).approve_task(request).await };
    let answer = broker.ask("approve the task", request, call).await?;
    let task = broker.part(answer.task, "task")?;
    show(broker.terminal, &task)
}

/// Says no.
pub(super) async fn deny(broker: &mut Broker<'_>, args: DenyArgs) -> Result<()> {
    let request = DenyTaskRequest { request_id: broker.request_id(), task_id: args.task, justification: args.because };
    let call = |channel, request| async move { TaskServiceClient::new(channel).deny_task(request).await };
    let answer = broker.ask("deny the task", request, call).await?;
    let task = broker.part(answer.task, "task")?;
    show(broker.terminal, &task)
}

fn ask_person(terminal: &mut Terminal, task: &Task) -> Result<()> {
    if terminal.person.is_none() {
        let next_step =
            format!("give --digest {} (from task show), or --yes to approve it unseen", task.request_digest);
        return Err(Complaint::usage("nobody is there to say yes", next_step));
    }
    let window = task.window.as_ref().map(text::span_of).unwrap_or_default();
    terminal.say(&format!("{} asks, as agent {}", task.subject, task.agent));
    terminal.say(&format!("  for     {}", task.credentials.join(", ")));
    terminal.say(&format!("  to      {}", task.purpose));
    terminal.say(&format!("  within  {window}"));
    terminal.say(&format!("  digest  {}", task.request_digest));
    if terminal.confirm("approve exactly this?") {
        return Ok(());
    }
    let next_step = format!("to refuse it for everybody: leasehold task deny {}", task.id);
    Err(Complaint::failed("not approved: you did not say yes", next_step))
}

/// Shown by `--help`.
pub(super) const EXAMPLE: &str = "\
Examples:
  leasehold task approve task-0193d19f-…                 shows the request, then asks
  leasehold task approve task-0193d19f-… --digest W2c…   for scripts: approves what was reviewed";
