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
    /// Our own tree did not give the proof that it was to be shown: it was not asked.
    #[error(transparent)]
    Unproven(Fault),
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
        let body = body(world, published, old_size).await.map_err(Unasked::Unproven)?;
        match asked.witness.add_checkpoint(body).await? {
            WitnessAnswer::Cosigned(lines) => {
                let lines = cosignature::pick(&published.checkpoint, &lines, &asked.key);
                return lines
                    .map_err(|error| strange(name, "a cosignature that does not verify").because(error).into());
            }
            WitnessAnswer::ProofRefused if old_size == 0 => {
                return Err(strange(name, "that the proof from nothing is wrong").into());
            }
            WitnessAnswer::ProofRefused if old_size == size => return Err(SplitView::TwoRoots { size }.into()),
            // Our own tree made the proof, so what is wrong is where it begins: the witness saw others.
            WitnessAnswer::ProofRefused => {
                let source = ProofError::Mismatch;
                return Err(SplitView::NotAnExtension { earlier: old_size, newer: size, source }.into());
            }
            WitnessAnswer::Conflict(stated) => {
                old_size = Sizes { stated, told: old_size, shown: size }.go_on_from(name)?;
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
}

impl Sizes {
    /// The size to prove from instead. Only this process shows this log, nothing before it is durable and
    /// nothing older than it showed before: nobody can have seen more than it shows now.
    fn go_on_from(&self, name: &str) -> Result<u64, Unasked> {
        let Self { stated, told, shown } = *self;
        if stated > shown {
            return Err(SplitView::RolledBack { earlier: stated, newer: shown }.into());
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
    fn a_conflict_is_gone_on_from_refused_or_the_end() {
        let told = |stated, told, shown| Sizes { stated, told, shown }.go_on_from("w1");
        let broken = |stated, told_, shown| match told(stated, told_, shown) {
            Err(Unasked::Broken(view)) => view,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(5, 0, 9).unwrap(), 5, "it saw some of it");
        assert_eq!(told(0, 5, 9).unwrap(), 0, "it is a new witness under an old key");
        assert_eq!(told(9, 5, 9).unwrap(), 9, "it saw this very checkpoint, and the answer was lost");
        let Err(Unasked::Fault(itself)) = told(5, 5, 9) else { panic!("it contradicts itself") };
        assert_eq!(itself.kind, FaultKind::Permanent);
        assert_eq!(broken(9, 9, 9), SplitView::TwoRoots { size: 9 });
        assert_eq!(broken(10, 5, 9), SplitView::RolledBack { earlier: 10, newer: 9 });
    }
}
