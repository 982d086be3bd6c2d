//! `leasehold.v1.TaskService`: tasks from request to end.

use super::convert::{fields, page, task as convert};
use super::desk::{Answer, Desk, Outcome, mark};
use super::streams::{self, Outflow, Outlet};
use convert::{EndAsked, TaskAsked, TaskFilter};
use domain::base::TaskId;
use domain::entry::{Commitment, Opening};
use domain::reason::{Denial, Reason};
use domain::state::command::{Caller, EndTask, RequestTask};
use domain::state::{Ask, Reply};
use ports::entropy;
use proto::v1;
use proto::v1::task_service_server::TaskService;
use services::commit::Openings;
use services::journal::Durable;
use std::mem::take;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Tasks(pub(super) Desk);

const REQUEST: &str = "leasehold.v1.TaskService/RequestTask";
const GET: &str = "leasehold.v1.TaskService/GetTask";
const LIST: &str = "leasehold.v1.TaskService/ListTasks";
const WATCH: &str = "leasehold.v1.TaskService/WatchTask";
const APPROVE: &str = "leasehold.v1.TaskService/ApproveTask";
const DENY: &str = "leasehold.v1.TaskService/DenyTask";
const COMPLETE: &str = "leasehold.v1.TaskService/CompleteTask";
const CANCEL: &str = "leasehold.v1.TaskService/CancelTask";

#[async_trait]
impl TaskService for Tasks {
    type WatchTaskStream = Outflow<v1::WatchTaskResponse>;

    async fn request_task(&self, request: Request<v1::RequestTaskRequest>) -> Answer<v1::RequestTaskResponse> {
        let task = self.request(request).await;
        self.0.answer(task.map(|task| v1::RequestTaskResponse { task: Some(task) }))
    }

    async fn get_task(&self, request: Request<v1::GetTaskRequest>) -> Answer<v1::GetTaskResponse> {
        let task = self.get(request).await;
        self.0.answer(task.map(|task| v1::GetTaskResponse { task: Some(task) }))
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Answer<v1::ListTasksResponse> {
        self.0.answer(self.list(request).await)
    }

    async fn watch_task(&self, request: Request<v1::WatchTaskRequest>) -> Answer<Self::WatchTaskStream> {
        self.0.answer(self.watch(request))
    }

    async fn approve_task(&self, request: Request<v1::ApproveTaskRequest>) -> Answer<v1::ApproveTaskResponse> {
        let task = self.approve(request).await;
        self.0.answer(task.map(|task| v1::ApproveTaskResponse { task: Some(task) }))
    }

    async fn deny_task(&self, request: Request<v1::DenyTaskRequest>) -> Answer<v1::DenyTaskResponse> {
        let task = self.deny(request).await;
        self.0.answer(task.map(|task| v1::DenyTaskResponse { task: Some(task) }))
    }

    async fn complete_task(&self, request: Request<v1::CompleteTaskRequest>) -> Answer<v1::CompleteTaskResponse> {
        let task = self.complete(request).await;
        self.0.answer(task.map(|task| v1::CompleteTaskResponse { task: Some(task) }))
    }

    async fn cancel_task(&self, request: Request<v1::CancelTaskRequest>) -> Answer<v1::CancelTaskResponse> {
        let task = self.cancel(request).await;
        self.0.answer(task.map(|task| v1::CancelTaskResponse { task: Some(task) }))
    }
}

impl Tasks {
    async fn request(&self, request: Request<v1::RequestTaskRequest>) -> Outcome<v1::Task> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(REQUEST, &caller, &request_id, &message)?;
        let asked = TaskAsked::parse(message)?;
        let world = &self.0.world;
        let mut openings = Openings::of(&*world.entropy, "task.requested");
        let ask = RequestTask {
            id: TaskId::new(world.clock.read().time, entropy::bytes(&*world.entropy)),
            agent: asked.agent,
            purpose_code: asked.purpose_code,
            purpose: openings.commit("purpose", asked.purpose),
            credentials: asked.credentials,
            window_seconds: asked.window_seconds,
        };
        let durable = self.0.ask(caller.clone(), mark, Ask::RequestTask(ask), openings.into_made()).await?;
        self.after(&caller, REQUEST, durable).await
    }

    async fn approve(&self, request: Request<v1::ApproveTaskRequest>) -> Outcome<v1::Task> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(APPROVE, &caller, &request_id, &message)?;
        let ask = Ask::ApproveTask(convert::approval(message)?);
        let durable = self.0.ask(caller.clone(), mark, ask, Vec::new()).await?;
        self.after(&caller, APPROVE, durable).await
    }

    async fn deny(&self, request: Request<v1::DenyTaskRequest>) -> Outcome<v1::Task> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(DENY, &caller, &request_id, &message)?;
        let asked = convert::end(&message.task_id, message.justification)?;
        let (ask, openings) = self.end("task.denied", asked);
        let durable = self.0.ask(caller.clone(), mark, Ask::DenyTask(ask), openings).await?;
        self.after(&caller, DENY, durable).await
    }

    async fn cancel(&self, request: Request<v1::CancelTaskRequest>) -> Outcome<v1::Task> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(CANCEL, &caller, &request_id, &message)?;
        let asked = convert::end(&message.task_id, message.justification)?;
        let (ask, openings) = self.end("task.cancelled", asked);
        let durable = self.0.ask(caller.clone(), mark, Ask::CancelTask(ask), openings).await?;
        self.after(&caller, CANCEL, durable).await
    }

    async fn complete(&self, request: Request<v1::CompleteTaskRequest>) -> Outcome<v1::Task> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(COMPLETE, &caller, &request_id, &message)?;
        let ask = Ask::CompleteTask(fields::task_id(&message.task_id)?);
        let durable = self.0.ask(caller.clone(), mark, ask, Vec::new()).await?;
        self.after(&caller, COMPLETE, durable).await
    }

    fn end(&self, entry_type: &'static str, asked: EndAsked) -> (EndTask, Vec<Opening>) {
        let mut openings = Openings::of(&*self.0.world.entropy, entry_type);
        let commit = |text| -> Commitment { openings.commit("justification", text) };
        let justification = asked.justification.map(commit);
        (EndTask { task: asked.task, justification }, openings.into_made())
    }

    /// The task after a change. A repeat may come when nothing of the task is left in memory: then the
    /// log tells what was asked for, and the state how it ended.
    async fn after(&self, caller: &Caller, call: &str, durable: Durable) -> Outcome<v1::Task> {
        let (id, over) = match durable.reply {
            Reply::Task(id) => (id, None),
            Reply::Over(over) => (over.task, Some(over)),
            _ => return Err(Denial::new(Reason::Internal, "the writer named no task").into()),
        };
        let view = &self.0.view;
        let reader = view.admit(caller, call)?;
        match (view.task(&reader, id).await, over) {
            (Ok(seen), _) => Ok(convert::shown(seen)),
            (Err(denial), Some(over)) if denial.reason == Reason::NotFound => {
                Ok(convert::over(over, view.asked_once(&reader, &over).await?))
            }
            // It left the state a moment ago.
            (Err(denial), None)
                if denial.reason == Reason::NotFound && !view.published().state.tasks.contains_key(&id) =>
            {
                Ok(gone(id))
            }
            (Err(denial), _) => Err(denial.into()),
        }
    }

    async fn get(&self, request: Request<v1::GetTaskRequest>) -> Outcome<v1::Task> {
        let reader = self.0.reader(&request, GET)?;
        let id = fields::task_id(&request.get_ref().task_id)?;
        Ok(convert::shown(self.0.view.task(&reader, id).await?))
    }

    async fn list(&self, request: Request<v1::ListTasksRequest>) -> Outcome<v1::ListTasksResponse> {
        let reader = self.0.reader(&request, LIST)?;
        let message = request.into_inner();
        let size = page::size(message.page_size)?;
        let after = page::token(&message.page_token, TaskId::parse)?;
        let filter = TaskFilter::parse(&message.filter)?;
        let mut tasks = self.0.view.tasks(&reader, after, size + 1, |task| filter.wants(task)).await?;
        let next_page_token = page::cut(&mut tasks, size, |seen| seen.task.facts.id);
        Ok(v1::ListTasksResponse { tasks: tasks.into_iter().map(convert::shown).collect(), next_page_token })
    }

    fn watch(&self, request: Request<v1::WatchTaskRequest>) -> Outcome<Outflow<v1::WatchTaskResponse>> {
        self.0.reader(&request, WATCH)?;
        let caller = self.0.caller(&request)?;
        let id = fields::task_id(&request.get_ref().task_id)?;
        let (desk, watcher) = (self.0.clone(), caller.clone());
        streams::open(&self.0, WATCH, caller, |outlet| watch(desk, watcher, id, outlet))
    }
}

/// Sends the task as it is now and after each change, until nothing of it is left to prove.
async fn watch(desk: Desk, watcher: Caller, id: TaskId, outlet: Outlet<v1::WatchTaskResponse>) -> Result<(), Denial> {
    let mut size = desk.world.journal.size();
    let mut last = None;
    loop {
        let log_index = *size.borrow_and_update();
        let now = desk.view.published().state.tasks.get(&id).cloned();
        if last.is_none() || last != Some(now.clone()) {
            // What the watcher may see follows from the estate of this moment, not of the call's.
            let reader = desk.view.admit(&watcher, WATCH)?;
            let seen = desk.view.task(&reader, id).await?;
            let gone = seen.gone;
            outlet.send(v1::WatchTaskResponse { task: Some(convert::shown(seen)), log_index }).await?;
            if gone {
                return Ok(());
            }
            last = Some(now);
        }
        if size.changed().await.is_err() {
            return Err(Denial::new(Reason::Stopping, "the broker is stopping"));
        }
    }
}

fn gone(id: TaskId) -> v1::Task {
    v1::Task { id: id.to_string(), state: v1::TaskState::Gone.into(), ..v1::Task::default() }
}
