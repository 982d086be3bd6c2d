//! To cosign: what a witness does. It remembers the head that it cosigned last of each log, and
//! cosigns the next only if that is its beginning.
//!
//! Deciding, making durable and signing are one step under one lock, so that no two requests pass each
//! other; they block, and run where that is allowed.

use domain::base::Time;
use ports::{Fault, FaultKind, Keepsake};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tlog::Hash;
use tlog::cosignature::Cosigner;
use tlog::note::VerifierKey;
use tlog::tree::TreeHead;
use tlog::witness::{Refusal, Request, decide};

/// A witness.
pub struct Cosign {
    logs: Vec<VerifierKey>,
    cosigner: Cosigner,
    book: Arc<dyn Keepsake>,
    wall: fn() -> Time,
    /// Owned by whoever cosigns; what the book says, or less.
    heads: Mutex<BTreeMap<String, TreeHead>>,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// The protocol says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be made durable, so it was not signed.
    #[error("the new head could not be kept")]
    Unkept(#[source] Fault),
    /// The step broke off.
    #[error("cosigning broke off")]
    BrokeOff,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It cannot be read.
    #[error("what this witness cosigned cannot be read")]
    Unread(#[from] Fault),
    /// It says what no witness wrote.
    #[error("what this witness cosigned is not readable: restore the file; a witness that forgets is none")]
    Malformed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    root: String,
    size: u64,
}

impl Cosign {
    /// A witness of these logs that goes on from what the book says. `wall`: the wall clock, whose time
    /// its cosignatures state.
    ///
    /// # Errors
    /// [`BookError`] if the book cannot be read.
    pub fn start(
        logs: Vec<VerifierKey>,
        cosigner: Cosigner,
        book: Arc<dyn Keepsake>,
        wall: fn() -> Time,
    ) -> Result<Self, BookError> {
        let heads = read(&book.recall()?.unwrap_or_else(|| EMPTY_BOOK.to_owned())).ok_or(BookError::Malformed)?;
        Ok(Self { logs, cosigner, book, wall, heads: Mutex::new(heads) })
    }

    /// Answers one `add-checkpoint`: signature lines, durable before they are made.
    ///
    /// # Errors
    /// [`NotCosigned`]; nothing was signed.
    pub async fn add_checkpoint(self: Arc<Self>, body: String) -> Result<String, NotCosigned> {
        let step = tokio::task::spawn_blocking(move || self.step(&body));
        step.await.unwrap_or(Err(NotCosigned::BrokeOff))
    }

    fn step(&self, body: &str) -> Result<String, NotCosigned> {
        let request = Request::parse(body).map_err(|_| Refusal::Malformed)?;
        // Who broke off held nothing half done: the map changes after the book.
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = decide(&request, &self.logs, |origin| heads.get(origin).copied());
        let admitted = admitted.inspect_err(|refusal| note(&request, refusal))?;
        let (origin, head) = (admitted.checkpoint.origin.clone(), admitted.checkpoint.head());
        if heads.get(&origin) != Some(&head) {
            let mut next = heads.clone();
            next.insert(origin, head);
            let written = write(&next).and_then(|book| self.book.keep(&book));
            written.map_err(NotCosigned::Unkept)?;
            *heads = next;
        }
        let seconds = u64::try_from((self.wall)().unix_seconds()).unwrap_or_default();
        Ok(self.cosigner.cosign(&admitted.note_text, seconds))
    }
}

/// A signed checkpoint that does not extend what was seen may be the proof of a split view: it is told
/// whole. It is public.
fn note(request: &Request, refusal: &Refusal) {
    if matches!(refusal, Refusal::Proof | Refusal::Conflict { .. }) {
        let Request { old_size, checkpoint_text, .. } = request;
        tracing::warn!(%refusal, old_size, checkpoint = ?checkpoint_text, "a checkpoint was not cosigned");
    }
}

fn read(book: &str) -> Option<BTreeMap<String, TreeHead>> {
    let lines: BTreeMap<String, Line> = serde_json::from_str(book).ok()?;
    let head = |line: Line| Some(TreeHead { size: line.size, root: Hash::parse(&line.root).ok()? });
    lines.into_iter().map(|(origin, line)| Some((origin, head(line)?))).collect()
}

fn write(heads: &BTreeMap<String, TreeHead>) -> Result<String, Fault> {
    let line = |head: &TreeHead| Line { root: head.root.to_string(), size: head.size };
    let lines: BTreeMap<&String, Line> = heads.iter().map(|(origin, head)| (origin, line(head))).collect();
    let written = serde_json::to_string_pretty(&lines).map(|text| text + "\n");
    written.map_err(|error| Fault::new(FaultKind::Permanent, "the book cannot be written").because(error))
}

/// What a new witness has cosigned.
pub const EMPTY_BOOK: &str = "{}\n";

#[cfg(test)]
mod tests;
