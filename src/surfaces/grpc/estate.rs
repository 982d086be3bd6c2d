//! `leasehold.v1.EstateService`: what is declared, and how it changes.

use super::convert::estate as convert;
use super::desk::{Answer, Desk, Outcome, mark};
use domain::estate::{Document, plan};
use domain::reason::{Denial, Reason};
use domain::state::command::ApplyEstate;
use domain::state::{Ask, Reply};
use proto::v1;
use proto::v1::estate_service_server::EstateService;
use std::mem::take;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Estates(pub(super) Desk);

const PLAN: &str = "leasehold.v1.EstateService/PlanEstate";
const APPLY: &str = "leasehold.v1.EstateService/ApplyEstate";
const GET: &str = "leasehold.v1.EstateService/GetEstate";

#[async_trait]
impl EstateService for Estates {
    async fn plan_estate(&self, request: Request<v1::PlanEstateRequest>) -> Answer<v1::PlanEstateResponse> {
        self.0.answer(self.plan(&request))
    }

    async fn apply_estate(&self, request: Request<v1::ApplyEstateRequest>) -> Answer<v1::ApplyEstateResponse> {
        self.0.answer(self.apply(request).await)
    }

    async fn get_estate(&self, request: Request<v1::GetEstateRequest>) -> Answer<v1::GetEstateResponse> {
        self.0.answer(self.get(&request))
    }
}

impl Estates {
    fn plan(&self, request: &Request<v1::PlanEstateRequest>) -> Outcome<v1::PlanEstateResponse> {
        self.0.reader(request, PLAN)?;
        let document = Document::parse(&request.get_ref().document)?;
        let plan = plan(&self.0.view.published().state.estate, &document);
        Ok(v1::PlanEstateResponse {
            version: plan.base_version,
            changes: convert::changes(plan.changes),
            warnings: plan.warnings,
        })
    }

    async fn apply(&self, request: Request<v1::ApplyEstateRequest>) -> Outcome<v1::ApplyEstateResponse> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(APPLY, &caller, &request_id, &message)?;
        let document = Document::parse(&message.document)?;
        let planned = plan(&self.0.view.published().state.estate, &document);
        let ask = Ask::ApplyEstate(ApplyEstate { document, version: message.version });
        let durable = self.0.ask(caller, mark, ask, Vec::new()).await?;
        let Reply::Estate(version) = durable.reply else {
            return Err(Denial::new(Reason::Internal, "the writer named no estate version").into());
        };
        // Applied was the difference to the version that was named; a repeat changes nothing.
        let applied = durable.recorded.is_some() && planned.base_version == message.version;
        let changes = if applied { convert::changes(planned.changes) } else { Vec::new() };
        Ok(v1::ApplyEstateResponse { version, changes })
    }

    fn get(&self, request: &Request<v1::GetEstateRequest>) -> Outcome<v1::GetEstateResponse> {
        self.0.reader(request, GET)?;
        Ok(convert::shown(&self.0.view.published().state.estate))
    }
}
