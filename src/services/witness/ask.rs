//! One witness is asked once: with the proof from what it saw last, and again if it saw another size.

use super::Asked;
use crate::World;
use crate::journal::Published;
use crate::tree;
use ports::{Fault, FaultKind, WitnessAnswer};
use tlog::cosignature;
use tlog::monitor::SplitView;
use tlog::proof::{Plan, ProofError};
use tlog::witness::Request;

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
            WitnessAnswer::Conflict(stated) => {
                // Nothing is shown before it is durable, so nobody can have seen more than is published by now.
                let all = world.journal.published().state.size;
                let sizes = Sizes { stated, told: old_size, shown: size, all };
                old_size = sizes.go_on_from(name)?;
            }
        }
    }
    Err(Fault::new(FaultKind::Transient, format!("the size that the witness {name} saw last keeps moving")).into())
}

/// What there is to compare when a witness says that it saw another size last.
struct Sizes {
    /// What it says that it saw last.
    stated: u64,
    /// What it was told that it saw last.
    told: u64,
    /// Size of the checkpoint that it is shown.
    shown: u64,
    /// Entries that the log has by now.
    all: u64,
}

impl Sizes {
    /// The size to prove from instead.
    fn go_on_from(&self, name: &str) -> Result<u64, Unasked> {
        let Self { stated, told, shown, all } = *self;
        if stated > all {
            return Err(SplitView::RolledBack { earlier: stated, newer: all }.into());
        }
        if stated > shown {
            let sentence = format!("the witness {name} saw a newer checkpoint of this log meanwhile");
            return Err(Fault::new(FaultKind::Transient, sentence).into());
        }
        match (stated == told, stated == shown) {
            (true, true) => Err(SplitView::TwoRoots { size: shown }.into()),
            (true, false) => Err(strange(name, "that it saw another size last, and named the same").into()),
            (false, _) => Ok(stated),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_gone_on_from_waited_out_or_the_end() {
        let told = |stated, told, shown, all| Sizes { stated, told, shown, all }.go_on_from("w1");
        let broken = |stated, told_, shown, all| match told(stated, told_, shown, all) {
            Err(Unasked::Broken(view)) => view,
            other => panic!("{other:?}"),
        };
        let kind = |stated, told_, shown, all| match told(stated, told_, shown, all) {
            Err(Unasked::Fault(fault)) => fault.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(5, 0, 9, 9).unwrap(), 5, "it saw some of it");
        assert_eq!(told(0, 5, 9, 9).unwrap(), 0, "it is a new witness under an old key");
        assert_eq!(told(9, 5, 9, 9).unwrap(), 9, "it saw this very checkpoint, and the answer was lost");
        assert_eq!(kind(10, 5, 9, 12), FaultKind::Transient, "it saw a newer one, and that answer was lost");
        assert_eq!(kind(5, 5, 9, 9), FaultKind::Permanent, "it contradicts itself");
        assert_eq!(broken(9, 9, 9, 12), SplitView::TwoRoots { size: 9 });
        assert_eq!(broken(13, 5, 9, 12), SplitView::RolledBack { earlier: 13, newer: 12 });
    }
}
