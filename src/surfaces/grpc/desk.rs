//! What every service of the gRPC surface shares: who calls, whether they may read, how a request is
//! recognised when it is repeated, and how an answer or a refusal leaves.

use super::complaint::Complaint;
use super::convert::fields;
use super::places::Places;
use domain::base::Digest;
use domain::entry::{Opening, RequestMark};
use domain::reason::{Class, Denial, Reason};
use domain::state::command::Caller;
use domain::state::{Ask, Command};
use ports::entropy;
use prost::Message;
use services::World;
use services::index::Index;
use services::journal::Durable;
use services::view::{Reader, View};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Shared by all services. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    /// The outside and the journal.
    pub(super) world: World,
    /// Reads the state.
    pub(super) view: View,
    /// Finds entries.
    pub(super) index: Index,
    /// Ends every stream.
    pub(super) stop: CancellationToken,
    /// Places for streams.
    pub(super) streams: Arc<Places>,
}

/// What the inside of a call gives.
pub(super) type Outcome<T> = Result<T, Complaint>;
/// What tonic wants of a call.
pub(super) type Answer<T> = Result<Response<T>, Status>;

impl Desk {
    /// Who calls. The guard put it there before the message was read.
    pub(super) fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Denial> {
        let none = || Denial::new(Reason::SvidMissing, "the call came past the guard");
        request.extensions().get::<Caller>().cloned().ok_or_else(none)
    }

    /// A caller who may make this reading call.
    pub(super) fn reader<T>(&self, request: &Request<T>, call: &str) -> Result<Reader, Denial> {
        self.view.admit(&self.caller(request)?, call)
    }

    /// Lets the journal decide what a caller asks.
    pub(super) async fn ask(
        &self,
        caller: Caller,
        mark: RequestMark,
        ask: Ask,
        openings: Vec<Opening>,
    ) -> Result<Durable, Denial> {
        self.world.journal.propose(Command::Ask { caller, mark, ask }, openings).await
    }

    /// The last step of every call.
    pub(super) fn answer<T>(&self, outcome: Outcome<T>) -> Answer<T> {
        outcome.map(Response::new).map_err(|complaint| self.status(complaint))
    }

    /// The status of a complaint. A bug of ours gets an incident id that stands in our logs too.
    pub(super) fn status(&self, complaint: Complaint) -> Status {
        if complaint.reason().class() != Class::Internal {
            tracing::debug!(reason = %complaint.reason(), "a call was not served");
            return complaint.status();
        }
        let chance: [u8; 8] = entropy::bytes(&*self.world.entropy);
        let incident = format!("{:016x}", u64::from_be_bytes(chance));
        tracing::error!(%incident, error = complaint.sentence(), "a call met a bug");
        complaint.with_incident(&incident).status()
    }
}

/// How a repeat of a call is recognised. `cleared` is the message without its request id. The call's
/// name is part of the canonical request: two calls may have messages of the same bytes.
pub(super) fn mark(
    call: &str,
    caller: &Caller,
    request_id: &str,
    cleared: &impl Message,
) -> Result<RequestMark, Denial> {
    let id = fields::request_id(request_id)?;
    let content = Digest::of(&[id.as_bytes(), call.as_bytes(), b"\0", &cleared.encode_to_vec()]);
    Ok(RequestMark { content, id: Digest::of(&[caller.subject.id().as_str().as_bytes(), id.as_bytes()]) })
}
