//! `leasehold.v1.IssuanceService`: secrets and their leases. The walk of a secret itself is
//! `services/issue`.

use super::convert::{evidence, fields, lease as convert, page, secret};
use super::desk::{Answer, Desk, Outcome, mark};
use convert::LeaseFilter;
use domain::base::LeaseId;
use domain::entry::Opening;
use domain::reason::{Denial, Reason};
use domain::state::command::Caller;
use domain::state::{Ask, Reply};
use evidence::Sight;
use ports::entropy;
use proto::v1;
use proto::v1::issuance_service_server::IssuanceService;
use services::issue::{Issue, Sealed};
use services::journal::{Durable, Published, Recorded};
use services::receipt;
use services::renew::Renew;
use std::mem::take;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Issuance {
    pub(super) desk: Desk,
    pub(super) issue: Issue,
    pub(super) renew: Renew,
}

const ISSUE: &str = "leasehold.v1.IssuanceService/IssueSecret";
const RENEW: &str = "leasehold.v1.IssuanceService/RenewLease";
const REVOKE: &str = "leasehold.v1.IssuanceService/RevokeLease";
const GET: &str = "leasehold.v1.IssuanceService/GetLease";
const LIST: &str = "leasehold.v1.IssuanceService/ListLeases";

#[async_trait]
impl IssuanceService for Issuance {
    async fn issue_secret(&self, request: Request<v1::IssueSecretRequest>) -> Answer<v1::IssueSecretResponse> {
        self.desk.answer(self.issue(request).await)
    }

    async fn renew_lease(&self, request: Request<v1::RenewLeaseRequest>) -> Answer<v1::RenewLeaseResponse> {
        let lease = self.renew(request).await;
        self.desk.answer(lease.map(|lease| v1::RenewLeaseResponse { lease: Some(lease) }))
    }

    async fn revoke_lease(&self, request: Request<v1::RevokeLeaseRequest>) -> Answer<v1::RevokeLeaseResponse> {
        let lease = self.revoke(request).await;
        self.desk.answer(lease.map(|lease| v1::RevokeLeaseResponse { lease: Some(lease) }))
    }

    async fn get_lease(&self, request: Request<v1::GetLeaseRequest>) -> Answer<v1::GetLeaseResponse> {
        let lease = self.get(&request).await;
        self.desk.answer(lease.map(|lease| v1::GetLeaseResponse { lease: Some(lease) }))
    }

    async fn list_leases(&self, request: Request<v1::ListLeasesRequest>) -> Answer<v1::ListLeasesResponse> {
        self.desk.answer(self.list(request))
    }
}

impl Issuance {
    async fn issue(&self, request: Request<v1::IssueSecretRequest>) -> Outcome<v1::IssueSecretResponse> {
        let caller = self.desk.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(ISSUE, &caller, &request_id, &message)?;
        let world = &self.desk.world;
        let id = LeaseId::new(world.clock.read().time, entropy::bytes(&*world.entropy));
        let ask = convert::issue(id, message)?;
        let sealed = self.issue.issue(caller, mark, ask).await?;
        self.reply(sealed).await
    }

    /// Room seven.
    async fn reply(&self, sealed: Sealed) -> Outcome<v1::IssueSecretResponse> {
        let Sealed { lease, minted, durable: Durable { published, recorded, .. }, openings } = sealed;
        let receipt = self.receipt(&published, recorded, openings).await;
        if receipt.is_none() {
            tracing::warn!(%lease, "a secret leaves without its receipt");
        }
        let lease = published.state.leases.get(&lease).map(convert::open);
        let secret = secret::revealed(minted)?;
        Ok(v1::IssueSecretResponse { lease, receipt, secret: Some(secret) })
    }

    /// A receipt that cannot be made now does not keep the secret back: `GetReceipt` gives it later.
    async fn receipt(
        &self,
        published: &Published,
        recorded: Option<Recorded>,
        openings: Vec<Opening>,
    ) -> Option<v1::Receipt> {
        let openings = Sight::Concerned.of(openings);
        let proven = receipt::prove_recorded(&self.desk.world, published, recorded?, openings).await;
        proven.map(evidence::receipt).ok()
    }

    async fn renew(&self, request: Request<v1::RenewLeaseRequest>) -> Outcome<v1::Lease> {
        let caller = self.desk.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(RENEW, &caller, &request_id, &message)?;
        let ask = convert::renewal(&message)?;
        let lease = self.renew.renew(caller.clone(), mark, ask).await?;
        self.after(&caller, RENEW, lease).await
    }

    async fn revoke(&self, request: Request<v1::RevokeLeaseRequest>) -> Outcome<v1::Lease> {
        let caller = self.desk.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(REVOKE, &caller, &request_id, &message)?;
        let ask = Ask::RevokeLease(fields::lease_id(&message.lease_id)?);
        match self.desk.ask(caller.clone(), mark, ask, Vec::new()).await?.reply {
            Reply::Lease(lease) => self.after(&caller, REVOKE, lease).await,
            _ => Err(Denial::new(Reason::Internal, "the writer named no lease").into()),
        }
    }

    /// The lease after a change.
    async fn after(&self, caller: &Caller, call: &str, id: LeaseId) -> Outcome<v1::Lease> {
        let reader = self.desk.view.admit(caller, call)?;
        Ok(convert::shown(&self.desk.view.lease(&reader, id).await?))
    }

    async fn get(&self, request: &Request<v1::GetLeaseRequest>) -> Outcome<v1::Lease> {
        let reader = self.desk.reader(request, GET)?;
        let id = fields::lease_id(&request.get_ref().lease_id)?;
        Ok(convert::shown(&self.desk.view.lease(&reader, id).await?))
    }

    fn list(&self, request: Request<v1::ListLeasesRequest>) -> Outcome<v1::ListLeasesResponse> {
        let reader = self.desk.reader(&request, LIST)?;
        let message = request.into_inner();
        let size = page::size(message.page_size)?;
        let after = page::token(&message.page_token, LeaseId::parse)?;
        let filter = LeaseFilter::parse(&message.filter)?;
        let mut leases = self.desk.view.leases(&reader, after, size + 1, |lease| filter.wants(lease));
        let next_page_token = page::cut(&mut leases, size, |lease| lease.facts.id);
        Ok(v1::ListLeasesResponse { leases: leases.iter().map(convert::open).collect(), next_page_token })
    }
}
