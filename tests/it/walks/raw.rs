//! Callers without our command line: a plain gRPC client that presents what it is told to, and may
//! send what no honest client would.

use super::stage::Stage;
use crate::fixtures::forge::Identity;
use crate::fixtures::world::careless;
use hyper_util::rt::TokioIo;
use leasehold::proto::v1;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use rustls::pki_types::ServerName;
use spiffe::{JwtSource, X509Source};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use xtask::scene::{BROKER_ID, Scene};

/// The X.509-SVID of an identity at this moment.
pub(super) async fn svid(scene: &Scene, who: &str) -> Identity {
    let source = X509Source::builder().endpoint(scene.endpoint(who).unwrap()).build().await.unwrap();
    let svid = source.svid().unwrap();
    let chain = svid.cert_chain().iter().map(|certificate| certificate.as_bytes().to_vec()).collect();
    Identity { chain, key: svid.private_key().as_bytes().to_vec() }
}

/// A JWT-SVID of an identity.
pub(super) async fn token(scene: &Scene, who: &str, audience: &[&str]) -> String {
    let source = JwtSource::builder().endpoint(scene.endpoint(who).unwrap()).build().await.unwrap();
    let token = source.fetch_jwt_svid(audience).await.unwrap().token().to_owned();
    xtask::canary::register(token.as_bytes()).unwrap();
    token
}

/// A connection to the broker.
pub(super) async fn connect(scene: &Scene, identity: Option<&Identity>) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(&scene.address).await?;
    let name = ServerName::try_from("leasehold").unwrap();
    TlsConnector::from(Arc::new(careless(identity, &[b"h2"]))).connect(name, tcp).await
}

/// A channel that takes so many bytes of each stream unread.
pub(super) fn channel(scene: &'static Scene, identity: Option<Identity>, window: u32) -> Channel {
    let connector = tower::service_fn(move |_| {
        let identity = identity.clone();
        async move { connect(scene, identity.as_ref()).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://leasehold").initial_stream_window_size(window).connect_with_connector_lazy(connector)
}

/// A caller: a channel, and a token if one is to be presented.
pub(super) struct Raw {
    pub(super) channel: Channel,
    token: Option<String>,
}

pub(super) const WINDOW: u32 = 65_535;

impl Raw {
    /// By certificate, as our own command line.
    pub(super) async fn certified(stage: &Stage, who: &str) -> Self {
        let identity = svid(stage, who).await;
        Self { channel: channel(stage.scene(), Some(identity), WINDOW), token: None }
    }

    /// By a token alone, for the right audience.
    pub(super) async fn by_token(stage: &Stage, who: &str) -> Self {
        Self::bearing(stage, None, Some(token(stage, who, &[BROKER_ID]).await))
    }

    pub(super) fn bearing(stage: &Stage, identity: Option<Identity>, token: Option<String>) -> Self {
        Self { channel: channel(stage.scene(), identity, WINDOW), token }
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    pub(super) async fn ask(&self, message: v1::RequestTaskRequest) -> Result<v1::Task, Status> {
        let answer = TaskServiceClient::new(self.channel.clone()).request_task(self.request(message)).await;
        answer.map(|answer| answer.into_inner().task.unwrap())
    }

    pub(super) async fn task(&self, task_id: &str) -> Result<v1::Task, Status> {
        let message = v1::GetTaskRequest { task_id: task_id.to_owned() };
        let answer = TaskServiceClient::new(self.channel.clone()).get_task(self.request(message)).await;
        answer.map(|answer| answer.into_inner().task.unwrap())
    }

    pub(super) async fn issue(&self, message: v1::IssueSecretRequest) -> Result<v1::IssueSecretResponse, Status> {
        let answer = IssuanceServiceClient::new(self.channel.clone()).issue_secret(self.request(message)).await;
        answer.map(|answer| {
            let secret = answer.into_inner();
            register(&secret);
            secret
        })
    }

    pub(super) async fn complete(&self, task_id: &str) -> Result<(), Status> {
        let message = v1::CompleteTaskRequest { request_id: id(), task_id: task_id.to_owned() };
        TaskServiceClient::new(self.channel.clone()).complete_task(self.request(message)).await.map(drop)
    }
}

/// A task of billing-bot with this one credential.
pub(super) fn wish(credential: &str) -> v1::RequestTaskRequest {
    v1::RequestTaskRequest {
        request_id: id(),
        agent: "billing-bot".into(),
        purpose: "a walk".into(),
        purpose_code: String::new(),
        credentials: vec![credential.into()],
        window: Some(prost_types::Duration { seconds: 1_200, nanos: 0 }),
    }
}

/// One secret of that task.
pub(super) fn draw(task_id: &str, credential: &str) -> v1::IssueSecretRequest {
    v1::IssueSecretRequest {
        request_id: id(),
        task_id: task_id.into(),
        credential: credential.into(),
        ..Default::default()
    }
}

/// A fresh request id.
pub(super) fn id() -> String {
    let chance = u128::from_str_radix(&xtask::peers::random_hex(16).unwrap(), 16).unwrap();
    uuid::Builder::from_random_bytes(chance.to_be_bytes()).into_uuid().to_string()
}

/// Code and reason of a refusal.
pub(super) fn refusal<T>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.err().expect("it was not refused");
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_else(|| status.message().to_owned()))
}

fn register(response: &v1::IssueSecretResponse) {
    use v1::issue_secret_response::Secret;
    match &response.secret {
        Some(Secret::UsernamePassword(pair)) => xtask::canary::register(pair.password.as_bytes()).unwrap(),
        Some(Secret::KeyValue(value)) => {
            let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&value.json).unwrap();
            for text in fields.values().filter_map(serde_json::Value::as_str) {
                xtask::canary::register(text.as_bytes()).unwrap();
            }
        }
        Some(Secret::Certificate(_)) | None => {}
    }
}
