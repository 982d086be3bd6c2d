//! One call: what is sent, and what may be concluded from the answer or from its absence. Nothing
//! of an answer's body reaches an error: only its status and which known complaint it holds.

use crate::outgoing_tls;
use async_trait::async_trait;
use domain::base::Secret;
use http::{HeaderValue, Request, Response};
use ports::{Fault, FaultKind};
use reqwest::Url;
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;
use vaultrs::api::{EndpointError, EndpointMiddleware, EndpointResult};
use zeroize::{Zeroize as _, Zeroizing};

/// A way to the engine: connections of its own, and a bound on the calls in flight.
pub(super) struct Wire {
    http: reqwest::Client,
    base: String,
    namespace: Option<String>,
    deadline: Duration,
    places: Semaphore,
}

/// Where the engine is and how long it is waited for.
pub(super) struct Reach<'a> {
    pub(super) address: &'a str,
    pub(super) ca_file: Option<&'a Path>,
    pub(super) namespace: Option<&'a str>,
    pub(super) deadline: Duration,
}

/// Whether a call without an answer may have done something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only looks: no answer means that nothing happened.
    Looks,
    /// It changes something: no answer means that nobody knows.
    Changes,
}

/// What to ask.
pub(super) struct Call {
    /// For fault sentences, such as `revoking a lease`.
    pub(super) doing: &'static str,
    pub(super) effect: Effect,
    pub(super) method: RequestMethod,
    /// Below `/v1/`.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Option<Value>,
    /// The log entry that it is made for.
    pub(super) entry: Option<u64>,
    /// How long it may wait for a place; `None`: as long as for an answer.
    pub(super) place_within: Option<Duration>,
    /// How long its answer is waited for, if not as long as for any other.
    pub(super) answer_within: Option<Duration>,
}

/// An answer, wiped on drop.
pub(super) struct Answer {
    pub(super) status: u16,
    body: Zeroizing<Vec<u8>>,
}

/// Phrases in the engine's error texts that change what may be concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    InvalidLease,
    InvalidAccessor,
    FailedToRevoke,
    NoBackendConnection,
    NoSuchThing,
    Other,
}

impl Wire {
    pub(super) fn new(reach: &Reach<'_>, calls_max: usize) -> Result<Self, Fault> {
        let base = base_url(reach.address)?;
        let mut http = reqwest::Client::builder();
        if base.scheme() == "https" {
            let file = reach
                .ca_file
                .ok_or_else(|| unusable("vault.ca_file: name the authority of the engine's certificate"))?;
            http = http.tls_backend_preconfigured(outgoing_tls::believing(file)?);
        } else {
            http = http.tls_certs_only(Vec::new());
        }
        // A redirect would carry the token to another host; a proxy from the environment likewise.
        let http = http.redirect(reqwest::redirect::Policy::none()).no_proxy().http1_only();
        let http = http.connect_timeout(CONNECT_DEADLINE).pool_max_idle_per_host(calls_max).build();
        Ok(Self {
            http: http.map_err(|error| unusable("vault: the HTTP client cannot be built").because(error))?,
            base: base.as_str().trim_end_matches('/').to_owned(),
            namespace: reach.namespace.map(str::to_owned),
            deadline: reach.deadline,
            places: Semaphore::new(calls_max),
        })
    }

    /// Sends the call once. `Ok` is any answer, also a refusal.
    pub(super) async fn send(&self, call: &Call, token: Option<&Secret>) -> Result<Answer, Fault> {
        check_path(&call.path)?;
        let token = token.map_or(Some(""), Secret::reveal_text).filter(|token| is_header_text(token));
        let token = token.ok_or_else(|| unusable("the engine's token is not text"))?;
        let patience = call.place_within.unwrap_or(self.deadline);
        let place = tokio::time::timeout(patience, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(Fault::new(FaultKind::Transient, format!("too many calls before {}", call.doing)));
        };
        let vault = EndpointMiddleware {
            token: token.to_owned(),
            version: "v1".into(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        let mut dress = Dress { vault, entry: call.entry };
        let sent =
            tokio::time::timeout(call.answer_within.unwrap_or(self.deadline), call.with_middleware(&dress).exec(self))
                .await;
        dress.vault.token.zeroize();
        match sent {
            Ok(Ok(answered)) => {
                let (head, body) = answered.response.into_parts();
                Ok(Answer { status: head.status.as_u16(), body: Zeroizing::new(body) })
            }
            Ok(Err(error)) => Err(unanswered(call, &error)),
            Err(_) => Err(no_word(call, "did not answer in time")),
        }
    }
}

impl Call {
    /// A call without body and query.
    pub(super) fn new(doing: &'static str, effect: Effect, method: RequestMethod, path: impl Into<String>) -> Self {
        let (place_within, answer_within) = (None, None);
        Self {
            doing,
            effect,
            method,
            path: path.into(),
            query: None,
            body: None,
            entry: None,
            place_within,
            answer_within,
        }
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn place_within(mut self, patience: Duration) -> Self {
        self.place_within = Some(patience);
        self
    }

    pub(super) fn answer_within(mut self, patience: Duration) -> Self {
        self.answer_within = Some(patience);
        self
    }

    pub(super) fn entry(mut self, entry: impl Into<Option<u64>>) -> Self {
        self.entry = entry.into();
        self
    }
}

impl Answer {
    /// The answer if it is a yes; else what a refusal of this call means.
    pub(super) fn or_fault(self, call: &Call) -> Result<Self, Fault> {
        let complaint = match self.status {
            200..=299 => return Ok(self),
            _ => self.complaint(),
        };
        let kind = match (self.status, complaint) {
            (400 | 403, Complaint::InvalidLease | Complaint::InvalidAccessor) | (404, _) => FaultKind::NotFound,
            (400, Complaint::FailedToRevoke) | (500, Complaint::NoBackendConnection) => FaultKind::Transient,
            // Standby, not caught up, over quota, not initialised, sealed: refused at the door.
            (307 | 412 | 429 | 472 | 473 | 501 | 503, _) => FaultKind::Transient,
            (500.., _) => call.without_answer(),
            _ => FaultKind::Permanent,
        };
        Err(Fault::new(kind, format!("the engine answered {} to {}{}", self.status, call.doing, complaint.words())))
    }

    /// Reads the body. A yes that cannot be read has still happened.
    pub(super) fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<EndpointResult<T>, Fault> {
        serde_json::from_slice(&self.body).map_err(|_| {
            Fault::new(call.without_answer(), format!("the engine's answer to {} is not readable", call.doing))
        })
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn complaint(&self) -> Complaint {
        let said: Result<EndpointError, _> = serde_json::from_slice(&self.body);
        let said = said.map(|error| error.errors.join("\n")).unwrap_or_default();
        let known = COMPLAINTS.iter().find(|(phrase, _)| said.contains(phrase));
        known.map_or(Complaint::Other, |(_, complaint)| *complaint)
    }
}

impl Call {
    fn without_answer(&self) -> FaultKind {
        match self.effect {
            Effect::Looks => FaultKind::Transient,
            Effect::Changes => FaultKind::Ambiguous,
        }
    }
}

impl Complaint {
    fn words(self) -> &'static str {
        match self {
            Self::InvalidLease => ": it does not know the lease",
            Self::InvalidAccessor => ": it does not know the accessor",
            Self::FailedToRevoke => ": the backend did not carry it out, the lease stays",
            Self::NoBackendConnection => ": it cannot reach the backend",
            Self::NoSuchThing => ": there is no such thing",
            Self::Other => "",
        }
    }
}

fn unanswered(call: &Call, error: &ClientError) -> Fault {
    let source = match error {
        ClientError::RequestError { source, .. } | ClientError::ResponseError { source } => source.downcast_ref(),
        _ => None,
    };
    match source {
        Some(error) if reqwest::Error::is_connect(error) => {
            Fault::new(FaultKind::Transient, format!("the engine cannot be reached for {}", call.doing))
        }
        Some(_) => no_word(call, "broke the connection off"),
        None => unusable("the call to the engine cannot be built"),
    }
}

fn no_word(call: &Call, what: &str) -> Fault {
    Fault::new(call.without_answer(), format!("the engine {what} on {}", call.doing))
}

fn unusable(sentence: &str) -> Fault {
    Fault::new(FaultKind::Permanent, sentence)
}

fn is_header_text(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Paths hold lease ids and names from the estate: nothing in them may climb or add a query.
fn check_path(path: &str) -> Result<(), Fault> {
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'@' | b'+'))
    };
    if path.split('/').all(plain) { Ok(()) } else { Err(unusable("not a path of the engine")) }
}

fn base_url(address: &str) -> Result<Url, Fault> {
    let url = Url::parse(address).map_err(|_| unusable("vault.address is not a URL"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(unusable("vault.address: http is for loopback only, use https")),
        _ => Err(unusable("vault.address begins with https:// or http://")),
    }
}

/// vaultrs' headers (version, token, namespace) and ours.
struct Dress {
    vault: EndpointMiddleware,
    entry: Option<u64>,
}

impl MiddleWare for Dress {
    fn request<E: Endpoint>(&self, endpoint: &E, request: &mut Request<Vec<u8>>) -> Result<(), ClientError> {
        self.vault.request(endpoint, request)?;
        if let Some(entry) = self.entry {
            request.headers_mut().insert("x-leasehold-entry", HeaderValue::from(entry));
        }
        Ok(())
    }

    fn response<E: Endpoint>(&self, _: &E, _: &mut Response<Vec<u8>>) -> Result<(), ClientError> {
        Ok(())
    }
}

#[async_trait]
impl Endpoint for &Call {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.clone())
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.as_ref().map(|body| body.to_string().into_bytes()))
    }
}

#[async_trait]
impl rustify::client::Client for Wire {
    fn base(&self) -> &str {
        &self.base
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        rustify::client::Client::execute(self, request).await
    }

    /// Not the provided method: that one puts the whole body of a refusal into its error and the
    /// address, which may hold a lease id, into its trace.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let request = request.try_into().map_err(|source| ClientError::ReqwestBuildError { source })?;
        let nameless = |error: reqwest::Error| ClientError::ResponseError { source: error.without_url().into() };
        let answer = self.http.execute(request).await.map_err(nameless)?;
        let status = answer.status();
        let mut response = Response::new(read_bounded(answer).await?);
        *response.status_mut() = status;
        Ok(response)
    }
}

async fn read_bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        let chunk = chunk.map_err(|error| ClientError::ResponseError { source: error.without_url().into() })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            body.zeroize();
            return Ok(body);
        }
        body.extend_from_slice(&chunk);
    }
}

const COMPLAINTS: [(&str, Complaint); 8] = [
    ("invalid lease", Complaint::InvalidLease),
    ("lease not found", Complaint::InvalidLease),
    ("lease expired", Complaint::InvalidLease),
    ("invalid accessor", Complaint::InvalidAccessor),
    ("failed to revoke entry", Complaint::FailedToRevoke),
    ("failed to connect to", Complaint::NoBackendConnection),
    ("No secret engine mount at", Complaint::NoSuchThing),
    ("Could not find header in config", Complaint::NoSuchThing),
];
/// A connection that is not there after this long will not come.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// The longest answer that is read; a CRL of a hundred thousand serials fits. Longer ones count as unreadable.
const ANSWER_BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
mod tests;
