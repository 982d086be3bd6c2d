//! Estate, evidence, signals and status of the fake broker.

use super::{Fake, Stream, at, denial, issuance::receipt};
use leasehold::proto::v1::estate_service_server::EstateService;
use leasehold::proto::v1::evidence_service_server::EvidenceService;
use leasehold::proto::v1::signal_service_server::SignalService;
use leasehold::proto::v1::status_service_server::StatusService;
use leasehold::proto::v1::*;
use tonic::{Code, Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

pub(crate) const KINDS: [&str; 4] = ["log.started", "task.requested", "lease.issued", "lease.revoked"];

#[tonic::async_trait]
impl EstateService for Fake {
    async fn plan_estate(&self, _: Request<PlanEstateRequest>) -> Answer<PlanEstateResponse> {
        let version = self.enter("plan_estate", "")?.estate_version;
        let warnings = vec!["agent billing-bot has an owner team of one".into()];
        Ok(Response::new(PlanEstateResponse { version, changes: changes(), warnings }))
    }

    async fn apply_estate(&self, request: Request<ApplyEstateRequest>) -> Answer<ApplyEstateResponse> {
        let request = request.into_inner();
        let mut state = self.enter("apply_estate", &request.request_id)?;
        if request.version != state.estate_version {
            return Err(denial(Code::FailedPrecondition, "ESTATE_MOVED", "the estate is at another version"));
        }
        state.estate_version += 1;
        Ok(Response::new(ApplyEstateResponse { version: state.estate_version, changes: changes() }))
    }

    async fn get_estate(&self, _: Request<GetEstateRequest>) -> Answer<GetEstateResponse> {
        Err(Status::unimplemented("the command line does not ask for it"))
    }
}

#[tonic::async_trait]
impl EvidenceService for Fake {
    type StreamEntriesStream = Stream<StreamEntriesResponse>;
    type ExportStream = Stream<ExportResponse>;
    type TraceStream = Stream<TraceResponse>;
    type RebuildIndexStream = Stream<RebuildIndexResponse>;

    async fn get_checkpoint(&self, _: Request<GetCheckpointRequest>) -> Answer<GetCheckpointResponse> {
        drop(self.enter("get_checkpoint", "")?);
        let checkpoint = "leasehold.example.org/prod\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n".into();
        let cosigned_checkpoint =
            "leasehold.example.org/prod\n40\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n".into();
        let verifier_key = "leasehold.example.org/prod+1+x".into();
        Ok(Response::new(GetCheckpointResponse { checkpoint, verifier_key, cosigned_checkpoint }))
    }

    async fn stream_entries(&self, request: Request<StreamEntriesRequest>) -> Answer<Self::StreamEntriesStream> {
        drop(self.enter("stream_entries", "")?);
        let from = request.into_inner().from_index;
        let entry = |index: u64| StreamEntriesResponse { index, entry: entry(index), openings: receipt().openings };
        let entries = (from..KINDS.len() as u64).map(move |index| Ok(entry(index)));
        Ok(Response::new(Box::pin(futures_util::stream::iter(entries))))
    }

    async fn get_receipt(&self, _: Request<GetReceiptRequest>) -> Answer<GetReceiptResponse> {
        drop(self.enter("get_receipt", "")?);
        Ok(Response::new(GetReceiptResponse { receipt: Some(receipt()) }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Answer<GetConsistencyProofResponse> {
        drop(self.enter("get_consistency_proof", "")?);
        let GetConsistencyProofRequest { old_size, new_size } = request.into_inner();
        let new_size = if new_size == 0 { 42 } else { new_size };
        let hashes = if old_size < new_size { vec![vec![0; 32], vec![255; 32]] } else { Vec::new() };
        Ok(Response::new(GetConsistencyProofResponse { hashes, new_size }))
    }

    async fn export(&self, request: Request<ExportRequest>) -> Answer<Self::ExportStream> {
        let mut state = self.enter("export", &request.into_inner().credential)?;
        let pieces = ["{\"checkpoint\":\"…\",\"form\":\"leasehold-bundle/2\"}\n", "a second line\n"];
        let mut pieces = pieces.map(|lines| Ok(ExportResponse { lines: lines.into() }));
        if let Some(status) = state.interruptions.pop_front() {
            pieces[1] = Err(status);
        }
        Ok(Response::new(Box::pin(futures_util::stream::iter(pieces))))
    }

    async fn erase_opening(&self, request: Request<EraseOpeningRequest>) -> Answer<EraseOpeningResponse> {
        let request = request.into_inner();
        drop(self.enter("erase_opening", &request.request_id)?);
        let state = if request.index == 41 { ErasureState::Requested } else { ErasureState::Erased };
        Ok(Response::new(EraseOpeningResponse { state: state.into() }))
    }

    async fn trace(&self, request: Request<TraceRequest>) -> Answer<Self::TraceStream> {
        drop(self.enter("trace", &format!("{:?}", request.into_inner().subject))?);
        let summary = TraceSummary { size: 42, next_index: 7, cut: Vec::new() };
        let pieces = [Ok(TraceResponse { message: Some(trace_response::Message::Summary(summary)) })];
        Ok(Response::new(Box::pin(futures_util::stream::iter(pieces))))
    }

    async fn rebuild_index(&self, _: Request<RebuildIndexRequest>) -> Answer<Self::RebuildIndexStream> {
        drop(self.enter("rebuild_index", "")?);
        let pieces = [0, 42].map(|indexed| Ok(RebuildIndexResponse { indexed, size: 42 }));
        Ok(Response::new(Box::pin(futures_util::stream::iter(pieces))))
    }
}

#[tonic::async_trait]
impl SignalService for Fake {
    type SubscribeStream = Stream<SubscribeResponse>;

    /// One signal after another; an arranged interruption comes after each first one.
    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Answer<Self::SubscribeStream> {
        let request = request.into_inner();
        let mut state = self.enter("subscribe", &request.from_index.to_string())?;
        let interruption = state.interruptions.pop_front();
        let signal = |index: u64| SubscribeResponse {
            index,
            r#type: KINDS[index as usize].into(),
            time: at(0),
            entry: if index == 1 { Vec::new() } else { entry(index) },
        };
        let mut items: Vec<_> = (request.from_index..KINDS.len() as u64).map(|index| Ok(signal(index))).collect();
        if let Some(status) = interruption {
            items.truncate(1);
            items.push(Err(status));
        }
        Ok(Response::new(Box::pin(futures_util::stream::iter(items))))
    }
}

#[tonic::async_trait]
impl StatusService for Fake {
    async fn get_status(&self, _: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        let state = self.enter("get_status", "")?;
        let health = |state: HealthState, sentence: &str| {
            Some(ComponentHealth { state: state.into(), sentence: sentence.into() })
        };
        Ok(Response::new(GetStatusResponse {
            version: "0.1.0".into(),
            log_origin: "leasehold.example.org/prod".into(),
            log_verifier_key: "leasehold.example.org/prod+1+x".into(),
            log_size: 2,
            unwitnessed_since_time: at(0),
            unproven_leases: 1,
            open_tasks: state.tasks.len() as u64,
            open_leases: state.leases.len() as u64,
            engine: health(HealthState::Unreachable, "vault cannot be reached"),
            trust_source: health(HealthState::Degraded, "the Workload API is unreachable; start its agent"),
            clock: None,
            log: None,
            witnesses: health(HealthState::Ready, ""),
        }))
    }
}

fn changes() -> Vec<EstateChange> {
    let change = |action: EstateAction, kind: &str, name: &str, fields: &[&str]| EstateChange {
        action: action.into(),
        kind: kind.into(),
        name: name.into(),
        fields: fields.iter().map(|field| (*field).into()).collect(),
    };
    vec![
        change(EstateAction::Add, "agent", "billing-bot", &[]),
        change(EstateAction::Change, "credential", "ledger-ro", &["max_ttl", "owner"]),
        change(EstateAction::Remove, "team", "old", &[]),
    ]
}

fn entry(index: u64) -> Vec<u8> {
    let kind = KINDS[index as usize];
    let time = format!("2026-11-21T10:00:0{index}.000001Z");
    format!(
        r#"{{"actor":{{"id":"leasehold"}},"time":"{time}","type":"{kind}","v":1,"what":{{"note":"x{}y"}}}}"#,
        '\u{202e}'
    )
    .into_bytes()
}
