//! Asking for one secret, and the way after a lost answer.

use crate::broker::Broker;
use crate::complaint::Result;
use crate::text;
use domain::base::Span;
use domain::reason::Reason;
use proto::v1::issuance_service_client::IssuanceServiceClient;
use proto::v1::issue_secret_request::Parameters;
use proto::v1::{IssueSecretRequest, IssueSecretResponse};

/// One secret, as wanted.
#[derive(Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) credential: &'a str,
    pub(crate) ttl: Option<Span>,
    pub(crate) parameters: Option<Parameters>,
    pub(crate) supersedes: &'a str,
}

/// Issues. The request id is fresh, so ALREADY_ISSUED can only mean that the answer to an earlier
/// try of this very call was lost: then a new secret supersedes the one nobody has.
pub(crate) async fn issue(broker: &mut Broker<'_>, wanted: Wanted<'_>) -> Result<IssueSecretResponse> {
    let complaint = match once(broker, wanted.clone()).await {
        Ok(response) => return Ok(response),
        Err(complaint) => complaint,
    };
    match (complaint.reason(), complaint.id("lease")) {
        (Some(Reason::AlreadyIssued), Some(lost)) => {
            broker.terminal.say(&format!("the answer with {lost} was lost; getting a new secret in its place"));
            once(broker, Wanted { supersedes: lost, ..wanted }).await
        }
        _ => Err(complaint),
    }
}

async fn once(broker: &mut Broker<'_>, wanted: Wanted<'_>) -> Result<IssueSecretResponse> {
    let request = IssueSecretRequest {
        request_id: broker.request_id(),
        task_id: wanted.task_id.to_owned(),
        credential: wanted.credential.to_owned(),
        ttl: wanted.ttl.map(text::wire_span),
        supersedes: wanted.supersedes.to_owned(),
        parameters: wanted.parameters,
    };
    let call = |channel, request| async move { IssuanceServiceClient::new(channel).issue_secret(request).await };
    broker.ask("get the secret", request, call).await
}
