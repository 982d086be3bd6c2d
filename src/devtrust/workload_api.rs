//! The SPIFFE Workload API for one socket: one socket speaks for one identity
//! (SPIFFE_Workload_API.md; where it is silent, the answers are SPIRE's).
//!
//! Every stream begins with the complete state and sends the complete state again whenever its
//! message changes. It ends when the identity is taken away or the trust domain stops.

use super::clock;
use super::issuer::{Issuer, Served};
use super::messages;
use async_trait::async_trait;
use domain::base::SpiffeId;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use proto::workload::spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer};
use proto::workload::{
    JwtBundlesRequest, JwtBundlesResponse, Jwtsvid, JwtsvidRequest, JwtsvidResponse, ValidateJwtsvidRequest,
    ValidateJwtsvidResponse, X509BundlesRequest, X509BundlesResponse, X509svidRequest, X509svidResponse,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

/// The service behind one socket.
pub(super) struct WorkloadApi {
    pub(super) name: String,
    pub(super) issuer: watch::Receiver<Issuer>,
    pub(super) stop: CancellationToken,
}

/// A service that refuses calls without the security header (SPIFFE_Workload_Endpoint.md §4).
pub(super) type Guarded =
    InterceptedService<SpiffeWorkloadApiServer<WorkloadApi>, fn(Request<()>) -> Result<Request<()>, Status>>;

impl WorkloadApi {
    /// The service with its guard.
    pub(super) fn guarded(self) -> Guarded {
        SpiffeWorkloadApiServer::with_interceptor(self, require_security_header)
    }

    /// Reads the state as this socket's identity sees it.
    fn read<T>(&self, read: impl FnOnce(&Issuer, &Served<'_>) -> Result<T, Status>) -> Result<T, Status> {
        let issuer = self.issuer.borrow();
        let served = issuer.served(&self.name).ok_or_else(no_identity)?;
        read(&issuer, &served)
    }

    /// Streams a message, beginning now. An identity that is missing at once is a plain error.
    fn follow<T: Clone + PartialEq + Send + 'static>(&self, write: fn(&Served<'_>) -> T) -> Streamed<T> {
        self.read(|_, _| Ok(()))?;
        let (name, issuer, stop) = (self.name.clone(), self.issuer.clone(), self.stop.clone());
        let followed = Followed { name, issuer, stop, write, last: None, over: false };
        let messages = stream::unfold(followed, async |mut followed| Some((followed.next().await?, followed)));
        Ok(Response::new(messages.boxed()))
    }
}

type Streamed<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

#[async_trait]
impl SpiffeWorkloadApi for WorkloadApi {
    type FetchX509SVIDStream = BoxStream<'static, Result<X509svidResponse, Status>>;
    type FetchX509BundlesStream = BoxStream<'static, Result<X509BundlesResponse, Status>>;
    type FetchJWTBundlesStream = BoxStream<'static, Result<JwtBundlesResponse, Status>>;

    async fn fetch_x509svid(&self, _: Request<X509svidRequest>) -> Streamed<X509svidResponse> {
        self.follow(messages::x509_svids)
    }

    async fn fetch_x509_bundles(&self, _: Request<X509BundlesRequest>) -> Streamed<X509BundlesResponse> {
        self.follow(messages::x509_bundles)
    }

    async fn fetch_jwt_bundles(&self, _: Request<JwtBundlesRequest>) -> Streamed<JwtBundlesResponse> {
        self.follow(messages::jwt_bundles)
    }

    async fn fetch_jwtsvid(&self, request: Request<JwtsvidRequest>) -> Result<Response<JwtsvidResponse>, Status> {
        let JwtsvidRequest { audience, spiffe_id } = request.into_inner();
        if audience.is_empty() || audience.iter().any(String::is_empty) {
            return Err(Status::invalid_argument("audience must be specified"));
        }
        let wanted = match spiffe_id.as_str() {
            "" => None,
            id => Some(SpiffeId::parse(id).map_err(|error| Status::invalid_argument(error.to_string()))?),
        };
        let svid = self.read(|issuer, served| {
            let id = served.identity.spiffe_id();
            if wanted.is_some_and(|wanted| wanted != *id) {
                return Err(no_identity());
            }
            let token = served.jwt_svid(&audience, clock::now(), issuer.lifetimes().jwt());
            let svid = token.map_err(|error| Status::internal(error.to_string()))?;
            Ok(Jwtsvid { spiffe_id: id.to_string(), svid, hint: String::new() })
        })?;
        Ok(Response::new(JwtsvidResponse { svids: vec![svid] }))
    }

    async fn validate_jwtsvid(
        &self,
        request: Request<ValidateJwtsvidRequest>,
    ) -> Result<Response<ValidateJwtsvidResponse>, Status> {
        let ValidateJwtsvidRequest { audience, svid } = request.into_inner();
        if audience.is_empty() {
            return Err(Status::invalid_argument("audience must be specified"));
        }
        if svid.is_empty() {
            return Err(Status::invalid_argument("svid must be specified"));
        }
        self.read(|_, served| messages::validated(served, &svid, &audience)).map(Response::new)
    }
}

/// One stream: what it watches and what it said last.
struct Followed<T> {
    name: String,
    issuer: watch::Receiver<Issuer>,
    stop: CancellationToken,
    write: fn(&Served<'_>) -> T,
    last: Option<T>,
    over: bool,
}

impl<T: Clone + PartialEq> Followed<T> {
    async fn next(&mut self) -> Option<Result<T, Status>> {
        if self.over {
            return None;
        }
        loop {
            let message = self.issuer.borrow_and_update().served(&self.name).map(|served| (self.write)(&served));
            match message {
                None => return self.end(no_identity()),
                Some(message) if self.last.as_ref() != Some(&message) => {
                    self.last = Some(message.clone());
                    return Some(Ok(message));
                }
                Some(_) => {}
            }
            tokio::select! {
                changed = self.issuer.changed() => if changed.is_err() { return self.end(stopping()) },
                () = self.stop.cancelled() => return self.end(stopping()),
            }
        }
    }

    fn end(&mut self, status: Status) -> Option<Result<T, Status>> {
        self.over = true;
        Some(Err(status))
    }
}

fn require_security_header(request: Request<()>) -> Result<Request<()>, Status> {
    let mut values = request.metadata().get_all("workload.spiffe.io").iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value == "true" => Ok(request),
        _ => Err(Status::invalid_argument("security header missing from request")),
    }
}

/// The words are SPIRE's: clients know them.
fn no_identity() -> Status {
    Status::permission_denied("no identity issued")
}

fn stopping() -> Status {
    Status::unavailable("the development trust domain is stopping")
}
