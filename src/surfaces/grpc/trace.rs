//! `Trace` and `RebuildIndex` of the evidence service. Who traces leaves an entry before anything is
//! looked up.

use super::convert::trace as convert;
use super::desk::{Desk, Outcome};
use super::evidence::Evidence;
use super::streams::{self, Outflow};
use domain::entry::bodies::evidence::Read;
use proto::v1;
use services::trace;
use tonic::Request;

const TRACE: &str = "leasehold.v1.EvidenceService/Trace";
const REBUILD: &str = "leasehold.v1.EvidenceService/RebuildIndex";

pub(super) async fn trace(
    evidence: &Evidence,
    request: &Request<v1::TraceRequest>,
) -> Outcome<Outflow<v1::TraceResponse>> {
    let desk = &evidence.0;
    desk.reader(request, TRACE)?;
    let caller = desk.caller(request)?;
    let asked = convert::asked(request.get_ref())?;
    let target = Some(convert::target(&asked.subject));
    let (from, limit) = (asked.from, asked.limit as u64);
    evidence.note(caller.clone(), Read { call: TRACE.into(), from, limit, target }).await?;
    let (inside, who) = (desk.clone(), caller.clone());
    // Looked up inside of the stream: so many at once as there are places.
    streams::open(desk, TRACE, caller, |outlet| async move {
        let traced = trace::trace(&inside.index, &asked.subject, from, asked.limit).await?;
        outlet.send(convert::summary(&traced)).await?;
        for step in traced.gathered.steps {
            // An office that was taken away while the stream runs is shown nothing more.
            inside.view.admit(&who, TRACE)?;
            outlet.send(convert::step(step)).await?;
        }
        Ok(())
    })
}

/// Says how far the index is at each page, and closes when it has the log as it was.
pub(super) async fn rebuild(
    desk: &Desk,
    request: &Request<v1::RebuildIndexRequest>,
) -> Outcome<Outflow<v1::RebuildIndexResponse>> {
    desk.reader(request, REBUILD)?;
    let caller = desk.caller(request)?;
    tracing::info!(by = %caller.subject.id(), "the index over the log is rebuilt");
    let (mut filled, size) = desk.index.rebuild().await?;
    streams::open(desk, REBUILD, caller, |outlet| async move {
        loop {
            let indexed = (*filled.borrow_and_update()).min(size);
            outlet.send(v1::RebuildIndexResponse { indexed, size }).await?;
            if indexed == size || filled.changed().await.is_err() {
                return Ok(());
            }
        }
    })
}
