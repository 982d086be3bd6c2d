//! `leasehold.v1.EvidenceService`: entries, checkpoints and proofs. Who reads openings by office
//! leaves an entry before the first of them is shown.

use super::convert::evidence::{self as convert, Sight};
use super::convert::export;
use super::convert::fields::invalid;
use super::desk::{Answer, Desk, Outcome, mark};
use super::streams::{self, Outflow, Outlet};
use super::trace;
use domain::entry::bodies::evidence::Read;
use domain::entry::{Body, Entry};
use domain::reason::Denial;
use domain::roles::CallerRole;
use domain::state::Command;
use domain::state::command::Caller;
use proto::v1;
use proto::v1::evidence_service_server::EvidenceService;
use services::export::Export;
use services::view::Reader;
use services::{erase, publish, receipt};
use std::mem::take;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Evidence(pub(super) Desk);

const CHECKPOINT: &str = "leasehold.v1.EvidenceService/GetCheckpoint";
const CONSISTENCY: &str = "leasehold.v1.EvidenceService/GetConsistencyProof";
const ERASE: &str = "leasehold.v1.EvidenceService/EraseOpening";
const EXPORT: &str = "leasehold.v1.EvidenceService/Export";
const RECEIPT: &str = "leasehold.v1.EvidenceService/GetReceipt";
const STREAM: &str = "leasehold.v1.EvidenceService/StreamEntries";

#[async_trait]
impl EvidenceService for Evidence {
    type StreamEntriesStream = Outflow<v1::StreamEntriesResponse>;
    type ExportStream = Outflow<v1::ExportResponse>;
    type TraceStream = Outflow<v1::TraceResponse>;
    type RebuildIndexStream = Outflow<v1::RebuildIndexResponse>;

    async fn get_checkpoint(&self, request: Request<v1::GetCheckpointRequest>) -> Answer<v1::GetCheckpointResponse> {
        self.0.answer(self.checkpoint(&request))
    }

    async fn stream_entries(&self, request: Request<v1::StreamEntriesRequest>) -> Answer<Self::StreamEntriesStream> {
        self.0.answer(self.stream(&request).await)
    }

    async fn get_receipt(&self, request: Request<v1::GetReceiptRequest>) -> Answer<v1::GetReceiptResponse> {
        self.0.answer(self.receipt(&request).await)
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Answer<v1::GetConsistencyProofResponse> {
        self.0.answer(self.consistency(&request).await)
    }

    async fn export(&self, request: Request<v1::ExportRequest>) -> Answer<Self::ExportStream> {
        self.0.answer(self.bundle(request).await)
    }

    async fn erase_opening(&self, request: Request<v1::EraseOpeningRequest>) -> Answer<v1::EraseOpeningResponse> {
        self.0.answer(self.erase(request).await)
    }

    async fn trace(&self, request: Request<v1::TraceRequest>) -> Answer<Self::TraceStream> {
        self.0.answer(trace::trace(self, &request).await)
    }

    async fn rebuild_index(&self, request: Request<v1::RebuildIndexRequest>) -> Answer<Self::RebuildIndexStream> {
        self.0.answer(trace::rebuild(&self.0, &request).await)
    }
}

impl Evidence {
    fn checkpoint(&self, request: &Request<v1::GetCheckpointRequest>) -> Outcome<v1::GetCheckpointResponse> {
        self.0.reader(request, CHECKPOINT)?;
        // First the one that may be older: it must never look as if the log had shrunk.
        let cosigned_checkpoint = self.0.world.witnessed.newest().map(|vouched| vouched.text.clone());
        let cosigned_checkpoint = cosigned_checkpoint.unwrap_or_default();
        let checkpoint = self.0.view.published().checkpoint.clone();
        let verifier_key = self.0.world.journal.verifier_key().to_owned();
        Ok(v1::GetCheckpointResponse { checkpoint, verifier_key, cosigned_checkpoint })
    }

    async fn consistency(
        &self,
        request: &Request<v1::GetConsistencyProofRequest>,
    ) -> Outcome<v1::GetConsistencyProofResponse> {
        self.0.reader(request, CONSISTENCY)?;
        let asked = request.get_ref();
        let published = self.0.view.published();
        let new_size = if asked.new_size == 0 { published.state.size } else { asked.new_size };
        let hashes = receipt::consistency(&self.0.world, &published, asked.old_size, new_size).await?;
        let hashes = hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect();
        Ok(v1::GetConsistencyProofResponse { hashes, new_size })
    }

    async fn receipt(&self, request: &Request<v1::GetReceiptRequest>) -> Outcome<v1::GetReceiptResponse> {
        let reader = self.0.reader(request, RECEIPT)?;
        let index = request.get_ref().index;
        let stored = publish::page(&self.0.world, index, 1).await?.pop().ok_or_else(Denial::not_found)?;
        let sight = self.sight(&reader, &publish::entry(&stored)?).await?;
        if sight == Sight::All {
            self.note_reading(self.0.caller(request)?, RECEIPT, index, 1).await?;
        }
        let openings = match sight {
            Sight::Nothing => Vec::new(),
            Sight::All | Sight::Concerned => sight.of(publish::openings(&self.0.world, index).await?),
        };
        let published = self.0.view.published();
        let proven = receipt::prove(&self.0.world, &published, index, openings).await?;
        Ok(v1::GetReceiptResponse { receipt: Some(convert::receipt(proven)) })
    }

    /// What a reader may see of one entry. Workloads and approvers see what concerns them; anything
    /// else does not exist for them.
    async fn sight(&self, reader: &Reader, entry: &Entry) -> Result<Sight, Denial> {
        let by_office = Sight::by_office(reader.held);
        if by_office == Sight::All {
            return Ok(by_office);
        }
        if self.concerns(reader, entry).await {
            return Ok(Sight::Concerned);
        }
        if reader.held.holds(CallerRole::Scorer) { Ok(by_office) } else { Err(Denial::not_found()) }
    }

    async fn concerns(&self, reader: &Reader, entry: &Entry) -> bool {
        if entry.actor.id == reader.id.as_str() {
            return true;
        }
        match (entry.body.task(), entry.body.lease()) {
            (Some(task), _) => self.0.view.task(reader, task).await.is_ok(),
            (None, Some(lease)) => self.0.view.lease(reader, lease).await.is_ok(),
            (None, None) => false,
        }
    }

    async fn stream(&self, request: &Request<v1::StreamEntriesRequest>) -> Outcome<Outflow<v1::StreamEntriesResponse>> {
        self.0.reader(request, STREAM)?;
        let caller = self.0.caller(request)?;
        let asked = request.get_ref();
        let size = self.0.view.published().state.size;
        if asked.from_index > size {
            return Err(invalid("from_index", format!("the log has {size} entries")).into());
        }
        let limit = if asked.limit == 0 { u64::MAX } else { asked.limit };
        let range = asked.from_index..asked.from_index.saturating_add(limit).min(size);
        if !range.is_empty() {
            self.note_reading(caller.clone(), STREAM, range.start, range.end - range.start).await?;
        }
        let (desk, who) = (self.0.clone(), caller.clone());
        streams::open(&self.0, STREAM, caller, |outlet| deliver(desk, range, who, outlet))
    }

    /// Durable before anything is shown.
    async fn note_reading(&self, caller: Caller, call: &str, from: u64, limit: u64) -> Result<(), Denial> {
        self.note(caller, Read { call: call.into(), from, limit, target: None }).await
    }

    pub(super) async fn note(&self, caller: Caller, read: Read) -> Result<(), Denial> {
        let body = Body::from(read);
        self.0.world.journal.propose(Command::NoteOf { caller, body }, Vec::new()).await.map(drop)
    }

    /// The reading is noted and the entries are counted before the bundle begins, so that it holds both.
    async fn bundle(&self, request: Request<v1::ExportRequest>) -> Outcome<Outflow<v1::ExportResponse>> {
        self.0.reader(&request, EXPORT)?;
        let caller = self.0.caller(&request)?;
        let choice = export::choice(request.into_inner())?;
        let target = choice.selection.as_ref().map(export::target);
        let limit = self.0.view.published().state.size;
        self.note(caller.clone(), Read { call: EXPORT.into(), from: 0, limit, target }).await?;
        let counted = self.0.world.journal.propose(Command::Count, Vec::new()).await?;
        let (desk, who) = (self.0.clone(), caller.clone());
        streams::open(&self.0, EXPORT, caller, |outlet| async move {
            // In the stream's own place: what is looked for may be far back, or nowhere.
            let mut export = Export::open(&desk.world, counted.published, choice).await?;
            // An office that was taken away while the stream runs is shown nothing more.
            while let Some(lines) = export.next().await? {
                desk.view.admit(&who, EXPORT)?;
                outlet.send(v1::ExportResponse { lines }).await?;
            }
            Ok(())
        })
    }

    async fn erase(&self, request: Request<v1::EraseOpeningRequest>) -> Outcome<v1::EraseOpeningResponse> {
        let caller = self.0.caller(&request)?;
        let mut message = request.into_inner();
        let request_id = take(&mut message.request_id);
        let mark = mark(ERASE, &caller, &request_id, &message)?;
        let erasure = export::erasure(message)?;
        Ok(export::erased(erase::erase(&self.0.world, caller, mark, erasure).await?))
    }
}

async fn deliver(
    desk: Desk,
    range: std::ops::Range<u64>,
    caller: Caller,
    outlet: Outlet<v1::StreamEntriesResponse>,
) -> Result<(), Denial> {
    let mut next = range.start;
    while next < range.end {
        let limit = u32::try_from(range.end - next).unwrap_or(u32::MAX);
        // An office that was taken away while the stream runs opens nothing more.
        let sight = Sight::by_office(desk.view.admit(&caller, STREAM)?.held);
        let page = publish::page_with_openings(&desk.world, next, limit).await?;
        // The log never shrinks, so an empty page inside of it cannot be; going on would spin.
        if page.is_empty() {
            return Ok(());
        }
        for shown in page {
            next = shown.stored.index + 1;
            outlet.send(convert::shown(shown, sight)).await?;
        }
    }
    Ok(())
}
