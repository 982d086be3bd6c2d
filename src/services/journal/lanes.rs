//! What becomes of a batch that the store refused: its endings are decided anew and go alone, the
//! others are told why. Each who waits is told once.

use super::{Proposal, Waiting};
use domain::entry::Opening;
use domain::reason::{Denial, Reason};
use domain::state::Lane;
use ports::{Fault, FaultKind};

pub(super) const UNRECORDED: &str = "the log could not record the decision";
const FULL: &str = "the log's disk is full: nothing new is recorded or issued until it has room again; completing, \
                    cancelling, denying and revoking still work";

/// The endings, and the others.
pub(super) fn split(refused: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    refused.into_iter().partition(|waiting| waiting.proposal.command.lane() == Lane::Ending)
}

/// An ending keeps a copy, because it may have to be decided a second time.
pub(super) fn take_openings(proposal: &mut Proposal) -> Vec<Opening> {
    match proposal.command.lane() {
        Lane::Ending => proposal.openings.clone(),
        Lane::Ordinary => std::mem::take(&mut proposal.openings),
    }
}

/// Tells everyone that it is not in the log, and why.
pub(super) fn refuse(refused: Vec<Waiting>, fault: &Fault) {
    let told = |waiting: &Waiting| match (fault.kind, waiting.proposal.command.lane()) {
        (FaultKind::Full, Lane::Ordinary) => FULL,
        (FaultKind::Full, Lane::Ending) => "the log's disk is full, and the room kept for endings is used up",
        _ => UNRECORDED,
    };
    for waiting in refused {
        let sentence = told(&waiting);
        refuse_all([waiting], sentence);
    }
}

/// Tells everyone the same.
pub(super) fn refuse_all(refused: impl IntoIterator<Item = Waiting>, sentence: &'static str) {
    for waiting in refused {
        // A caller who left is no fault.
        let _ = waiting.answer.send(Err(Denial::new(Reason::LogUnavailable, sentence)));
    }
}
