//! `leasehold task …`: request, see, watch and end tasks. Deciding on them is in `task/decide.rs`.

mod decide;
pub(super) mod file;
pub(super) mod request;

use super::broker::Broker;
use super::complaint::Result;
use super::follow::Following;
use super::terminal::Terminal;
use super::text::{span_of, time_short};
use super::{proof, view};
use proto::v1::task_service_client::TaskServiceClient;
use proto::v1::{
    CancelTaskRequest, CompleteTaskRequest, GetTaskRequest, ListTasksRequest, Task, WatchTaskRequest, WatchTaskResponse,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Verbs on tasks.
#[derive(Debug, clap::Subcommand)]
pub enum TaskVerb {
    /// Ask for a task, described in a file or by options (options win).
    #[command(after_help = request::EXAMPLE)]
    Request(request::RequestArgs),
    /// Show one task.
    #[command(after_help = "Example:\n  leasehold task show task-0193d19f-…")]
    Show {
        /// Its id.
        task: String,
    },
    /// List open tasks, newest first.
    #[command(after_help = "Example:\n  leasehold task list --state requested")]
    List(ListArgs),
    /// Print a task's states as they come, until it is gone.
    #[command(after_help = "Example:\n  leasehold task watch task-0193d19f-…")]
    Watch {
        /// Its id.
        task: String,
    },
    /// Say yes to exactly the request that is shown.
    #[command(after_help = decide::EXAMPLE)]
    Approve(decide::ApproveArgs),
    /// Say no; one no is enough.
    #[command(after_help = "Example:\n  leasehold task deny task-0193d19f-… --because 'not in the change freeze'")]
    Deny(decide::DenyArgs),
    /// The work is done: everything issued under the task ends now.
    #[command(after_help = "Example:\n  leasehold task complete task-0193d19f-… --wait")]
    Complete(EndArgs),
    /// The work is not wanted any more: everything issued under the task ends now.
    #[command(after_help = "Example:\n  leasehold task cancel task-0193d19f-… --because 'wrong month'")]
    Cancel(CancelArgs),
}

/// Arguments of `task list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only tasks in this state: requested, approved, active or ending.
    #[arg(long)]
    state: Option<String>,
    /// Only tasks of this agent.
    #[arg(long)]
    agent: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Arguments of `task complete`.
#[derive(Debug, clap::Args)]
pub struct EndArgs {
    /// Its id.
    task: String,
    /// Wait until the end of every lease is proven.
    #[arg(long)]
    wait: bool,
}

/// Arguments of `task cancel`.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    #[command(flatten)]
    end: EndArgs,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
}

/// Runs a verb on tasks.
pub(super) async fn run(broker: &mut Broker<'_>, verb: TaskVerb) -> Result<()> {
    match verb {
        TaskVerb::Request(args) => request::run(broker, &args).await,
        TaskVerb::Show { task } => {
            let task = read(broker, &task).await?;
            show(broker.terminal, &task)
        }
        TaskVerb::List(args) => list(broker, &args).await,
        TaskVerb::Watch { task } => watch(broker, &task).await,
        TaskVerb::Approve(args) => decide::approve(broker, args).await,
        TaskVerb::Deny(args) => decide::deny(broker, args).await,
        TaskVerb::Complete(args) => {
            let clock = proof::Watch::begin();
            let task = complete(broker, &args.task).await?;
            ended(broker, &task, args.wait, &clock).await
        }
        TaskVerb::Cancel(args) => {
            let clock = proof::Watch::begin();
            let task = cancel(broker, &args.end.task, args.because).await?;
            ended(broker, &task, args.end.wait, &clock).await
        }
    }
}

/// Reads one task.
pub(super) async fn read(broker: &mut Broker<'_>, task_id: &str) -> Result<Task> {
    let call = |channel, request| async move { TaskServiceClient::new(channel).get_task(request).await };
    let answer = broker.ask("read the task", GetTaskRequest { task_id: task_id.to_owned() }, call).await?;
    broker.part(answer.task, "task")
}

/// Ends a task whose work is done.
pub(super) async fn complete(broker: &mut Broker<'_>, task_id: &str) -> Result<Task> {
    let request = CompleteTaskRequest { request_id: broker.request_id(), task_id: task_id.to_owned() };
    let call = |channel, request| async move { TaskServiceClient::new(channel).complete_task(request).await };
    let answer = broker.ask("complete the task", request, call).await?;
    broker.part(answer.task, "task")
}

/// Ends a task that is not wanted any more.
pub(super) async fn cancel(broker: &mut Broker<'_>, task_id: &str, justification: String) -> Result<Task> {
    let request = CancelTaskRequest { request_id: broker.request_id(), task_id: task_id.to_owned(), justification };
    let call = |channel, request| async move { TaskServiceClient::new(channel).cancel_task(request).await };
    let answer = broker.ask("cancel the task", request, call).await?;
    broker.part(answer.task, "task")
}

/// Follows a task until `each` breaks; nothing if it is gone before.
pub(super) async fn follow<T>(
    broker: &mut Broker<'_>,
    task_id: &str,
    reminder: &str,
    mut each: impl FnMut(&mut Terminal, u64, &Task) -> Result<ControlFlow<T>>,
) -> Result<Option<T>> {
    let message = || WatchTaskRequest { task_id: task_id.to_owned() };
    let call = |channel, request| async move { TaskServiceClient::new(channel).watch_task(request).await };
    let following = Following { doing: "watch the task", reminder };
    let each = |terminal: &mut Terminal, item: WatchTaskResponse| match &item.task {
        Some(task) => each(terminal, item.log_index, task),
        None => Ok(ControlFlow::Continue(())),
    };
    broker.follow(following, message, call, each).await
}

/// All of one task as data.
pub(super) fn show(terminal: &mut Terminal, task: &Task) -> Result<()> {
    if terminal.json {
        return terminal.document(&view::Task::from(task));
    }
    let list = |items: &[String]| if items.is_empty() { "-".into() } else { items.join(", ") };
    let yes = |yes: &proto::v1::Approval| {
        format!("{} by {} until {}", yes.team, yes.approver, time_short(yes.until_time.as_ref()))
    };
    let approvals: Vec<String> = task.approvals.iter().map(yes).collect();
    terminal.facts(&[
        ("task", task.id.clone()),
        ("state", standing(task)),
        ("agent", task.agent.clone()),
        ("subject", task.subject.clone()),
        ("purpose", task.purpose.clone()),
        ("purpose code", task.purpose_code.clone()),
        ("credentials", list(&task.credentials)),
        ("window", task.window.as_ref().map_or_else(|| "-".into(), |window| span_of(window).to_string())),
        ("requested", time_short(task.request_time.as_ref())),
        ("ends", time_short(task.end_time.as_ref())),
        ("approvals", list(&approvals)),
        ("open leases", list(&task.open_leases)),
        ("digest", task.request_digest.clone()),
    ])
}

/// Where a task stands, with what it waits for or why it ended.
pub(super) fn standing(task: &Task) -> String {
    let state = view::task_state(task);
    match (task.end_cause.as_str(), task.approvals_missing.as_slice()) {
        ("", []) => state,
        ("", missing) => format!("{state}, waits for a yes of {}", missing.join(" and of ")),
        (cause, _) => format!("{state}, {cause}"),
    }
}

async fn list(broker: &mut Broker<'_>, args: &ListArgs) -> Result<()> {
    let mut filter: Vec<String> = Vec::new();
    filter.extend(args.state.as_ref().map(|state| format!("state={state}")));
    filter.extend(args.agent.as_ref().map(|agent| format!("agent={agent}")));
    let (mut tasks, mut page_token) = (Vec::new(), String::new());
    loop {
        let page_size = i32::try_from((args.limit - tasks.len()).clamp(1, PAGE_MAX)).unwrap_or(0);
        let request = ListTasksRequest { page_size, page_token, filter: filter.join(" AND ") };
        let call = |channel, request| async move { TaskServiceClient::new(channel).list_tasks(request).await };
        let page = broker.ask("list tasks", request, call).await?;
        tasks.extend(page.tasks);
        page_token = page.next_page_token;
        if page_token.is_empty() || tasks.len() >= args.limit {
            break;
        }
    }
    tasks.truncate(args.limit);
    if broker.terminal.json {
        let tasks: Vec<view::Task> = tasks.iter().map(Into::into).collect();
        return broker.terminal.document(&BTreeMap::from([("tasks", tasks)]));
    }
    let row = |task: &Task| {
        let ends = time_short(task.end_time.as_ref());
        vec![
            task.id.clone(),
            standing(task),
            task.agent.clone(),
            task.credentials.join(","),
            ends,
            task.purpose.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = tasks.iter().map(row).collect();
    broker.terminal.table(&["TASK", "STATE", "AGENT", "CREDENTIALS", "ENDS", "PURPOSE"], &rows)?;
    if !page_token.is_empty() {
        broker.terminal.say("there are more; raise --limit or narrow with --state, --agent");
    }
    Ok(())
}

async fn watch(broker: &mut Broker<'_>, task_id: &str) -> Result<()> {
    let each = |terminal: &mut Terminal, log_index: u64, task: &Task| -> Result<ControlFlow<()>> {
        if terminal.json {
            terminal.record(&json!({ "log_index": log_index, "task": view::Task::from(task) }))?;
        } else {
            let (leases, ends) = (task.open_leases.len(), time_short(task.end_time.as_ref()));
            terminal.line(&format!("{log_index:>8}  {}  open leases: {leases}  ends: {ends}", standing(task)))?;
        }
        Ok(ControlFlow::Continue(()))
    };
    follow(broker, task_id, "", each).await?;
    Ok(())
}

async fn ended(broker: &mut Broker<'_>, task: &Task, wait: bool, clock: &proof::Watch) -> Result<()> {
    if !wait {
        show(broker.terminal, task)?;
        if !task.open_leases.is_empty() {
            broker.terminal.say(&format!("proof of revocation follows; see: leasehold task watch {}", task.id));
        }
        return Ok(());
    }
    if !broker.terminal.json {
        show(broker.terminal, task)?;
    }
    let named = |id: &String| proof::Named { id: id.clone(), credential: "lease".into() };
    let leases: Vec<proof::Named> = task.open_leases.iter().map(named).collect();
    let proven = clock.leases(broker, &leases).await?;
    if broker.terminal.json {
        broker.terminal.document(&json!({ "task": view::Task::from(task), "proofs": proven }))?;
    }
    proven.iter().try_for_each(proof::Proven::or_complaint)
}

/// The API's bound on a page.
const PAGE_MAX: usize = 100;
