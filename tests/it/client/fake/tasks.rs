//! Tasks of the fake broker.

use super::{DIGEST, Fake, State, Stream, at, denial, not_found};
use leasehold::proto::v1::task_service_server::TaskService;
use leasehold::proto::v1::*;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TaskService for Fake {
    type WatchTaskStream = Stream<WatchTaskResponse>;

    async fn request_task(&self, request: Request<RequestTaskRequest>) -> Answer<RequestTaskResponse> {
        let request = request.into_inner();
        let mut state = self.enter("request_task", &request.request_id)?;
        if let Some(id) = state.done.get(&request.request_id) {
            let task = state.tasks.get(id).cloned();
            return Ok(Response::new(RequestTaskResponse { task }));
        }
        let number = state.tasks.len() + 1;
        let mut task = Task {
            id: format!("task-00000000-0000-7000-8000-{number:012}"),
            agent: request.agent,
            subject: "spiffe://example.org/agent/billing-bot".into(),
            purpose: request.purpose,
            purpose_code: request.purpose_code,
            credentials: request.credentials,
            window: request.window,
            request_time: at(0),
            request_digest: DIGEST.into(),
            approvals_missing: vec!["payments".into()],
            ..Task::default()
        };
        task.set_state(TaskState::Requested);
        if state.approves_at_once {
            activate(&mut task, "rule:low-sensitivity");
        }
        state.append();
        state.done.insert(request.request_id, task.id.clone());
        state.tasks.insert(task.id.clone(), task.clone());
        Ok(Response::new(RequestTaskResponse { task: Some(task) }))
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Answer<GetTaskResponse> {
        let state = self.enter("get_task", "")?;
        let task = state.tasks.get(&request.into_inner().task_id).cloned().ok_or_else(not_found)?;
        Ok(Response::new(GetTaskResponse { task: Some(task) }))
    }

    async fn list_tasks(&self, request: Request<ListTasksRequest>) -> Answer<ListTasksResponse> {
        let request = request.into_inner();
        let state = self.enter("list_tasks", "")?;
        let skip: usize = request.page_token.parse().unwrap_or(0);
        // Pages of two, so that clients have to turn them.
        let size = usize::try_from(request.page_size).unwrap().min(2);
        let tasks: Vec<Task> = state.tasks.values().rev().skip(skip).take(size).cloned().collect();
        let more = skip + tasks.len() < state.tasks.len();
        let next_page_token = if more { (skip + tasks.len()).to_string() } else { String::new() };
        Ok(Response::new(ListTasksResponse { tasks, next_page_token }))
    }

    async fn watch_task(&self, request: Request<WatchTaskRequest>) -> Answer<Self::WatchTaskStream> {
        drop(self.enter("watch_task", "")?);
        let id = request.into_inner().task_id;
        if !self.state().tasks.contains_key(&id) {
            return Err(not_found());
        }
        Ok(Response::new(self.states_of(id)))
    }

    async fn approve_task(&self, request: Request<ApproveTaskRequest>) -> Answer<ApproveTaskResponse> {
        let request = request.into_inner();
        let mut state = self.enter("approve_task", &request.request_id)?;
        if request.request_digest != DIGEST {
            let message = "the request is not the one that was shown";
            return Err(denial(Code::FailedPrecondition, "TASK_DECIDED", message));
        }
        let task = state.tasks.get_mut(&request.task_id).ok_or_else(not_found)?;
        activate(task, "spiffe://example.org/people/payments-lead");
        let task = Some(task.clone());
        drop(state);
        self.changed();
        Ok(Response::new(ApproveTaskResponse { task }))
    }

    async fn deny_task(&self, request: Request<DenyTaskRequest>) -> Answer<DenyTaskResponse> {
        let request = request.into_inner();
        let mut state = self.enter("deny_task", &request.request_id)?;
        state.justifications.push(request.justification);
        let task = end(&mut state, &request.task_id, "denied")?;
        drop(state);
        self.changed();
        Ok(Response::new(DenyTaskResponse { task: Some(task) }))
    }

    async fn complete_task(&self, request: Request<CompleteTaskRequest>) -> Answer<CompleteTaskResponse> {
        let request = request.into_inner();
        let mut state = self.enter("complete_task", &request.request_id)?;
        let task = end(&mut state, &request.task_id, "completed")?;
        drop(state);
        self.changed();
        Ok(Response::new(CompleteTaskResponse { task: Some(task) }))
    }

    async fn cancel_task(&self, request: Request<CancelTaskRequest>) -> Answer<CancelTaskResponse> {
        let request = request.into_inner();
        let mut state = self.enter("cancel_task", &request.request_id)?;
        state.justifications.push(request.justification);
        let task = end(&mut state, &request.task_id, "cancelled")?;
        drop(state);
        self.changed();
        Ok(Response::new(CancelTaskResponse { task: Some(task) }))
    }
}

impl Fake {
    /// The present state and each later one, until the task is gone.
    fn states_of(&self, id: String) -> Stream<WatchTaskResponse> {
        let (sender, receiver) = mpsc::channel(4);
        let (state, mut changes) = (self.state.clone(), self.changes.subscribe());
        tokio::spawn(async move {
            let mut last = None;
            loop {
                let (task, interruption) = {
                    let mut state = state.lock().unwrap();
                    (state.tasks.get(&id).cloned(), state.interruptions.pop_front())
                };
                if let Some(status) = interruption {
                    let _ = sender.send(Err(status)).await;
                    return;
                }
                if task != last {
                    let gone = task.as_ref().is_none_or(|task| task.state() == TaskState::Gone);
                    let item = WatchTaskResponse { task: task.clone(), log_index: 7 };
                    if sender.send(Ok(item)).await.is_err() || gone {
                        return;
                    }
                    last = task;
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        Box::pin(ReceiverStream::new(receiver))
    }
}

fn activate(task: &mut Task, approver: &str) {
    let team = "payments".into();
    task.approvals_missing.clear();
    task.approvals.push(Approval { team, approver: approver.into(), until_time: at(1_200) });
    task.end_time = at(1_200);
    task.set_state(TaskState::Active);
}

fn end(state: &mut State, id: &str, cause: &str) -> Result<Task, Status> {
    let task = state.tasks.get_mut(id).ok_or_else(not_found)?;
    if matches!(task.state(), TaskState::Ending | TaskState::Gone) {
        let message = "the task has ended";
        return Err(denial(Code::FailedPrecondition, "TASK_NOT_ACTIVE", message));
    }
    task.set_state(TaskState::Ending);
    task.end_cause = cause.into();
    for lease in state.leases.values_mut().filter(|lease| lease.task_id == id) {
        lease.set_state(LeaseState::Ending);
        lease.set_assurance(RevocationAssurance::Requested);
    }
    state.settle(id);
    Ok(state.tasks[id].clone())
}
