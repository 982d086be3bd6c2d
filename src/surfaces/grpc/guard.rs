//! Room one of every call, before a byte of its message is read: a place among the calls under way,
//! then who calls. Only health and reflection are open to everybody.
//!
//! What tonic itself refuses (a message too large, or unreadable) gets our face on the way out.

use super::complaint::Complaint;
use crate::identity::subject_of;
use crate::tls::Registry;
use domain::reason::{Denial, Reason};
use domain::state::command::Caller;
use futures_util::future;
use ports::{Clock, TrustSource};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// Puts a guard before all services.
#[derive(Clone)]
pub(super) struct GuardLayer(Arc<Post>);

/// A service behind the guard.
#[derive(Clone)]
pub(super) struct Guard<S> {
    post: Arc<Post>,
    inner: S,
}

/// What the guard knows.
struct Post {
    trust: Arc<dyn TrustSource>,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    places: Arc<Semaphore>,
}

/// Calls under way at one time, from their first byte to the head of their answer.
const CALLS_MAX: usize = 2_048;
/// Services that need no SVID and tell nothing.
const OPEN_TO_ALL: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/"];

type Request = http::Request<Body>;
type Response = http::Response<Body>;

impl GuardLayer {
    pub(super) fn new(trust: Arc<dyn TrustSource>, clock: Arc<dyn Clock>, registry: Arc<Registry>) -> Self {
        Self::with(CALLS_MAX, trust, clock, registry)
    }

    fn with(calls_max: usize, trust: Arc<dyn TrustSource>, clock: Arc<dyn Clock>, registry: Arc<Registry>) -> Self {
        Self(Arc::new(Post { trust, clock, registry, places: Arc::new(Semaphore::new(calls_max)) }))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { post: Arc::clone(&self.0), inner }
    }
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.post.let_in(&mut request) {
            Err(denial) => Box::pin(future::ready(Ok(Complaint::from(denial).status().into_http()))),
            Ok(place) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await.map(in_our_words);
                    drop(place);
                    answer
                })
            }
        }
    }
}

impl Post {
    fn let_in(&self, request: &mut Request) -> Result<OwnedSemaphorePermit, Denial> {
        let full = |_| Denial::new(Reason::Overloaded, "too many calls are under way");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        // Nobody but the guard says who calls.
        request.extensions_mut().remove::<Caller>();
        if !OPEN_TO_ALL.iter().any(|service| request.uri().path().starts_with(service)) {
            let caller = self.caller(request).inspect_err(|denial| self.registry.refused(denial.reason))?;
            request.extensions_mut().insert(caller);
        }
        Ok(place)
    }

    fn caller(&self, request: &Request) -> Result<Caller, Denial> {
        let metadata = MetadataMap::from_headers(request.headers().clone());
        let now = self.clock.read().time;
        subject_of(&metadata, request.extensions(), &*self.trust, &self.trust.own_id(), now)
    }
}

/// tonic answers by itself, without details, when it cannot read a message.
fn in_our_words(answer: Response) -> Response {
    let bare = answer.extensions().get::<Status>().filter(|status| status.details().is_empty());
    let denial = match bare.map(Status::code) {
        Some(Code::OutOfRange) => Denial::new(Reason::MessageTooLarge, "the message is larger than this call takes"),
        Some(Code::Internal) => Denial::new(Reason::FieldInvalid, "the message is not one of this call"),
        _ => return answer,
    };
    Complaint::from(denial).status().into_http()
}

#[cfg(test)]
mod tests;
