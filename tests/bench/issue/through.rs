//! Through the broker: `IssueSecret` over mutual TLS, all on one connection, inside tasks that are
//! active before the clock starts. The broker also writes intent and issue to its log, sends a receipt,
//! and shortens what the engine made too long: that is the work whose price is asked for.

use crate::plan::Kind;
use crate::turns::Way;
use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use leasehold::adapters::spire::{SpireOptions, SpireTrust, TrustPolicy, client_channel};
use leasehold::adapters::system::{OsEntropy, SystemClock};
use leasehold::domain::base::{SpiffeId, Time};
use leasehold::ports::entropy;
use leasehold::proto::v1;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;
use v1::issuance_service_client::IssuanceServiceClient;
use v1::issue_secret_request::Parameters;
use v1::status_service_client::StatusServiceClient;
use v1::task_service_client::TaskServiceClient;
use xtask::scene::{BROKER_ID, Scene};

/// The broker as the workload and its approver reach it.
pub(crate) struct Broker {
    workload: Identity,
    approver: Identity,
}

struct Identity {
    trust: Arc<SpireTrust>,
    channel: Channel,
}

/// Secrets of one kind through the broker.
pub(crate) struct Issues {
    channel: Channel,
    kind: Kind,
    csr: String,
    tasks: Vec<String>,
    next: AtomicUsize,
}

/// Fewer than a task may hold open.
const SECRETS_OF_A_TASK: usize = 250;
const PATIENCE: Duration = Duration::from_secs(20);

impl Broker {
    pub(crate) async fn connect(scene: &Scene) -> Result<Self> {
        let identity = async |name: &str| Identity::start(scene.endpoint(name)?, &scene.address).await;
        Ok(Self { workload: identity("billing-bot").await?, approver: identity("payments-lead").await? })
    }

    /// A JWT-SVID of the workload for the engine.
    pub(crate) async fn jwt(&self) -> Result<String> {
        let svid = self.workload.trust.own_jwt("vault").await?;
        Ok(svid.reveal_text().context("a JWT is text")?.to_owned())
    }

    /// The cheapest call that there is: from the published state, without the log.
    pub(crate) async fn one_call(&self) -> Result<()> {
        one_call(self.channel()).await
    }

    pub(crate) fn channel(&self) -> Channel {
        self.workload.channel.clone()
    }

    /// Makes as many active tasks as these secrets need.
    pub(crate) async fn issues(&self, kind: Kind, secrets: usize) -> Result<Issues> {
        self.one_call().await?;
        let mut tasks = Vec::new();
        // One more for the sample.
        for _ in 0..(secrets + 1).div_ceil(SECRETS_OF_A_TASK) {
            tasks.push(self.active_task(kind).await?);
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
        Ok(Issues { channel: self.channel(), kind, csr, tasks, next: AtomicUsize::new(0) })
    }

    async fn active_task(&self, kind: Kind) -> Result<String> {
        let request = v1::RequestTaskRequest {
            request_id: request_id(),
            agent: "billing-bot".into(),
            purpose: "measure".into(),
            purpose_code: "measure".into(),
            credentials: vec![kind.credential().into()],
            window: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        };
        let mut client = TaskServiceClient::new(self.channel());
        let task = client.request_task(request).await?.into_inner().task.context("no task")?;
        if !task.approvals_missing.is_empty() {
            let yes = v1::ApproveTaskRequest {
                request_id: request_id(),
                task_id: task.id.clone(),
                request_digest: task.request_digest.clone(),
                valid_for: None,
            };
            TaskServiceClient::new(self.approver.channel.clone()).approve_task(yes).await?;
        }
        let mut changes = client.watch_task(v1::WatchTaskRequest { task_id: task.id.clone() }).await?.into_inner();
        while let Some(change) = tokio::time::timeout(PATIENCE, changes.message()).await?? {
            if change.task.is_some_and(|seen| seen.state() == v1::TaskState::Active) {
                return Ok(task.id);
            }
        }
        bail!("a task for {} did not become active", kind.credential())
    }
}

impl Identity {
    async fn start(endpoint: String, address: &str) -> Result<Self> {
        let options = SpireOptions {
            endpoint: Some(endpoint),
            policy: TrustPolicy::AsDelivered,
            start_timeout: Duration::from_secs(10),
        };
        let trust = SpireTrust::start(options, &TaskTracker::new()).await?;
        let clock = Arc::new(SystemClock::start(Time::default()));
        let channel = client_channel(&trust, clock, address, SpiffeId::parse(BROKER_ID)?)?;
        Ok(Self { trust, channel })
    }
}

impl Issues {
    /// The certificate request that all ways send.
    pub(crate) fn csr(&self) -> &str {
        &self.csr
    }

    /// One issue whose receipt shows what an entry of this kind looks like.
    pub(crate) async fn sample(&self) -> Result<v1::Receipt> {
        self.issue().await?.receipt.context("no receipt")
    }

    async fn issue(&self) -> Result<v1::IssueSecretResponse> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) / SECRETS_OF_A_TASK;
        let parameters = matches!(self.kind, Kind::Certificate)
            .then(|| Parameters::Certificate(v1::CertificateParameters { csr_pem: self.csr.clone() }));
        let request = v1::IssueSecretRequest {
            request_id: request_id(),
            task_id: self.tasks.get(place).context("all tasks are full")?.clone(),
            credential: self.kind.credential().into(),
            ttl: None,
            parameters,
            supersedes: String::new(),
        };
        let answer = IssuanceServiceClient::new(self.channel.clone()).issue_secret(request).await?.into_inner();
        if answer.secret.is_some() { Ok(answer) } else { bail!("no secret") }
    }
}

#[async_trait]
impl Way for Issues {
    async fn once(&self) -> Result<()> {
        self.issue().await.map(drop)
    }
}

/// One call over this channel.
pub(crate) async fn one_call(channel: Channel) -> Result<()> {
    StatusServiceClient::new(channel).get_status(v1::GetStatusRequest {}).await?;
    Ok(())
}

fn request_id() -> String {
    uuid::Builder::from_random_bytes(entropy::bytes(&OsEntropy)).into_uuid().to_string()
}
