//! One witness is asked once: with the proof from what it saw last, and again if it saw another size.

use super::Asked;
use crate::ports::{Fault, FaultKind, WitnessAnswer};
use crate::services::World;
use crate::services::journal::Published;
use crate::services::tree;
use crate::tlog::cosignature;
use crate::tlog::monitor::SplitView;
use crate::tlog::proof::{Plan, ProofError};
use crate::tlog::witness::Request;

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub enum Unasked {
    /// For now, or until someone changes something.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Never: it saw another history of this log.
    #[error(transparent)]
    Broken(#[from] SplitView),
}

/// How often its size may be another than thought, within one round.
const CONFLICTS_MAX: usize = 3;

/// Shows it the published checkpoint, from `old_size` on; gives its lines, verified.
pub(super) async fn ask(
    world: &World,
    published: &Published,
    asked: &Asked,
    mut old_size: u64,
) -> Result<String, Unasked> {
    let size = published.state.size;
    let name = asked.witness.name();
    for _ in 0..CONFLICTS_MAX {
        let body = body(world, published, old_size).await?;
        match asked.witness.add_checkpoint(body).await? {
            WitnessAnswer::Cosigned(lines) => {
                let lines = cosignature::pick(&published.checkpoint, &lines, &asked.key);
                return lines
                    .map_err(|error| strange(name, "a cosignature that does not verify").because(error).into());
            }
            WitnessAnswer::ProofRefused if old_size == 0 => {
                return Err(strange(name, "that the proof from nothing is wrong").into());
            }
            // Our own tree made the proof, so what is wrong is where it begins: the witness saw others.
            WitnessAnswer::ProofRefused => {
                let source = ProofError::Mismatch;
                return Err(SplitView::NotAnExtension { earlier: old_size, newer: size, source }.into());
            }
            WitnessAnswer::Conflict(stated) => old_size = go_on_from(world, name, stated, old_size, size)?,
        }
    }
    Err(Fault::new(FaultKind::Transient, format!("the size that the witness {name} saw last keeps moving")).into())
}

/// The size to prove from, now that the witness stated what it saw last.
fn go_on_from(world: &World, name: &str, stated: u64, told: u64, size: u64) -> Result<u64, Unasked> {
    // Nothing is shown before it is durable, so nobody can have seen more than is published by now.
    let all = world.journal.published().state.size;
    if stated > all {
        return Err(SplitView::RolledBack { earlier: stated, newer: all }.into());
    }
    if stated > size {
        let sentence = format!("the witness {name} saw a newer checkpoint of this log meanwhile");
        return Err(Fault::new(FaultKind::Transient, sentence).into());
    }
    match (stated == told, stated == size) {
        (true, true) => Err(SplitView::TwoRoots { size }.into()),
        (true, false) => Err(strange(name, "that it saw another size last, and named the same").into()),
        (false, _) => Ok(stated),
    }
}

async fn body(world: &World, published: &Published, old_size: u64) -> Result<String, Fault> {
    let plan = Plan::consistency(old_size, published.state.size);
    let plan = plan.map_err(|error| Fault::new(FaultKind::Transient, "the log is older than this").because(error))?;
    let proof = tree::hashes(&*world.store, &published.edge, &plan).await?;
    Ok(Request { old_size, proof, checkpoint_text: published.checkpoint.clone() }.to_text())
}

fn strange(name: &str, answer: &str) -> Fault {
    Fault::new(FaultKind::Permanent, format!("the witness {name} answered {answer}"))
}
