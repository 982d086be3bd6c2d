//! Traces: what is asked for, and the entries that tell it.

use super::evidence::opening;
use super::fields::{invalid, lease_id, name, task_id};
use domain::base::SpiffeId;
use domain::reason::Denial;
use proto::v1;
use proto::v1::trace_request::Subject as Asked;
use proto::v1::trace_response::Message;
use services::trace::{Part, Step, Subject, Traced};

/// What to trace.
pub(in crate::grpc) struct Wanted {
    pub(in crate::grpc) subject: Subject,
    pub(in crate::grpc) from: u64,
    pub(in crate::grpc) limit: usize,
}

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;

pub(in crate::grpc) fn asked(message: &v1::TraceRequest) -> Result<Wanted, Denial> {
    let subject = match &message.subject {
        None => return Err(invalid("subject", "must be a task, lease, credential, SPIFFE ID or agent")),
        Some(Asked::TaskId(id)) => Subject::Task(task_id(id)?),
        Some(Asked::LeaseId(id)) => Subject::Lease(lease_id(id)?),
        Some(Asked::Credential(text)) => Subject::Credential(name("credential", text)?),
        Some(Asked::SpiffeId(id)) => Subject::SpiffeId(SpiffeId::parse(id).map_err(|no| invalid("spiffe_id", no))?),
        Some(Asked::Agent(text)) => Subject::Agent(name("agent", text)?),
    };
    let limit = match usize::try_from(message.limit) {
        Ok(0) => LIMIT_DEFAULT,
        Ok(limit) if limit <= LIMIT_MAX => limit,
        _ => return Err(invalid("limit", format!("must be 1 to {LIMIT_MAX}, or 0 for {LIMIT_DEFAULT}"))),
    };
    Ok(Wanted { subject, from: message.from_index, limit })
}

/// What was looked for, in words for the log.
pub(in crate::grpc) fn target(subject: &Subject) -> String {
    match subject {
        Subject::Task(id) => format!("task {id}"),
        Subject::Lease(id) => format!("lease {id}"),
        Subject::Credential(name) => format!("credential {name}"),
        Subject::SpiffeId(id) => format!("spiffe id {id}"),
        Subject::Agent(name) => format!("agent {name}"),
    }
}

pub(in crate::grpc) fn summary(traced: &Traced) -> v1::TraceResponse {
    let (next_index, cut) = (traced.gathered.next_index.unwrap_or_default(), traced.gathered.cut.clone());
    v1::TraceResponse { message: Some(Message::Summary(v1::TraceSummary { size: traced.size, next_index, cut })) }
}

pub(in crate::grpc) fn step(step: Step) -> v1::TraceResponse {
    let entry = v1::TracedEntry {
        index: step.found.index,
        entry: step.found.bytes,
        openings: step.found.openings.into_iter().map(opening).collect(),
        part: part(step.part).into(),
        task_id: step.task.map(|id| id.to_string()).unwrap_or_default(),
        lease_id: step.lease.map(|id| id.to_string()).unwrap_or_default(),
    };
    v1::TraceResponse { message: Some(Message::Entry(entry)) }
}

const fn part(part: Part) -> v1::TracePart {
    match part {
        Part::Identity => v1::TracePart::Identity,
        Part::Entitlement => v1::TracePart::Entitlement,
        Part::Approval => v1::TracePart::Approval,
        Part::Issuance => v1::TracePart::Issuance,
        Part::Renewal => v1::TracePart::Renewal,
        Part::End => v1::TracePart::End,
        Part::Besides => v1::TracePart::Besides,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_subject_and_a_limit_within_bounds() {
        let of = |subject, limit| asked(&v1::TraceRequest { subject, from_index: 0, limit });
        let agent = || Some(Asked::Agent("billing-bot".into()));
        assert_eq!(of(agent(), 0).map(|it| it.limit).ok(), Some(LIMIT_DEFAULT));
        assert_eq!(of(agent(), 100).map(|it| target(&it.subject)).ok().as_deref(), Some("agent billing-bot"));
        for limit in [-1, 101] {
            assert_eq!(of(agent(), limit).err().and_then(|no| no.field).as_deref(), Some("limit"));
        }
        assert_eq!(of(None, 0).err().and_then(|no| no.field).as_deref(), Some("subject"));
        let no_id = of(Some(Asked::SpiffeId("https://example.org".into())), 0);
        assert_eq!(no_id.err().and_then(|no| no.field).as_deref(), Some("spiffe_id"));
        assert_eq!(of(Some(Asked::LeaseId("lease-1".into())), 0).err(), Some(Denial::not_found()));
    }
}
