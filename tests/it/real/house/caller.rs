//! One identity of the scene that calls the broker over gRPC and sees the whole answer: status code,
//! reason, ids and retry hint, which the command line words for people.

use leasehold::adapters::spire::{SpireOptions, SpireTrust, TrustPolicy, client_channel};
use leasehold::adapters::system::SystemClock;
use leasehold::domain::base::{SpiffeId, Time};
use leasehold::proto::v1;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::status_service_client::StatusServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;
use xtask::scene::{BROKER_ID, Scene};

/// A caller with a runtime of its own, so that tests stay plain functions.
pub(crate) struct Caller {
    runtime: Runtime,
    trust: Arc<SpireTrust>,
    channel: Channel,
}

/// A refusal, as the wire says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) lease: Option<String>,
    pub(crate) retry: bool,
    pub(crate) message: String,
}

pub(crate) type Told<T> = Result<T, Refused>;

impl Caller {
    pub(crate) fn of(scene: &Scene, who: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = SpireOptions {
            endpoint: Some(scene.endpoint(who).unwrap()),
            policy: TrustPolicy::AsDelivered,
            start_timeout: Duration::from_secs(20),
        };
        let trust = runtime.block_on(SpireTrust::start(options, &TaskTracker::new())).unwrap();
        let channel = runtime.block_on(async { channel(&trust, &scene.address) });
        Self { runtime, trust, channel }
    }

    /// Calls the broker where it is now.
    pub(crate) fn follow(&mut self, scene: &Scene) {
        self.channel = self.runtime.block_on(async { channel(&self.trust, &scene.address) });
    }

    /// Makes one call and waits for its end.
    pub(crate) fn call<T>(&self, call: impl AsyncFnOnce(Channel) -> Result<Response<T>, Status>) -> Told<T> {
        let answer = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, call(self.channel.clone())).await.expect("the broker answers in time")
        });
        answer.map(Response::into_inner).map_err(Refused::from)
    }

    pub(crate) fn issue(&self, request: v1::IssueSecretRequest) -> Told<v1::IssueSecretResponse> {
        let told = self.call(async |channel| IssuanceServiceClient::new(channel).issue_secret(request).await);
        if let Ok(v1::IssueSecretResponse {
            secret: Some(v1::issue_secret_response::Secret::UsernamePassword(login)),
            ..
        }) = &told
        {
            xtask::canary::register(login.password.as_bytes()).unwrap();
        }
        told
    }

    pub(crate) fn lease(&self, id: &str) -> Told<v1::Lease> {
        let request = v1::GetLeaseRequest { lease_id: id.into() };
        let told = self.call(async |channel| IssuanceServiceClient::new(channel).get_lease(request).await);
        told.map(|answer| answer.lease.unwrap())
    }

    pub(crate) fn task(&self, id: &str) -> Told<v1::Task> {
        let request = v1::GetTaskRequest { task_id: id.into() };
        let told = self.call(async |channel| TaskServiceClient::new(channel).get_task(request).await);
        told.map(|answer| answer.task.unwrap())
    }

    pub(crate) fn complete(&self, request_id: &str, task: &str) -> Told<v1::Task> {
        let request = v1::CompleteTaskRequest { request_id: request_id.into(), task_id: task.into() };
        let told = self.call(async |channel| TaskServiceClient::new(channel).complete_task(request).await);
        told.map(|answer| answer.task.unwrap())
    }

    pub(crate) fn revoke(&self, request_id: &str, lease: &str) -> Told<v1::RevokeLeaseResponse> {
        let request = v1::RevokeLeaseRequest { request_id: request_id.into(), lease_id: lease.into() };
        self.call(async |channel| IssuanceServiceClient::new(channel).revoke_lease(request).await)
    }

    pub(crate) fn status(&self) -> Told<v1::GetStatusResponse> {
        self.call(async |channel| StatusServiceClient::new(channel).get_status(v1::GetStatusRequest {}).await)
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            lease: info.and_then(|info| info.metadata.get("lease").cloned()),
            retry: details.retry_info().is_some(),
            message: status.message().into(),
        }
    }
}

fn channel(trust: &Arc<SpireTrust>, address: &str) -> Channel {
    let clock = Arc::new(SystemClock::start(Time::default()));
    client_channel(trust, clock, address, SpiffeId::parse(BROKER_ID).unwrap()).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(40);
