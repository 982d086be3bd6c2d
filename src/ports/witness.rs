//! A witness: a third party that cosigns a checkpoint only if it extends all that it cosigned before.

use super::fault::Fault;
use async_trait::async_trait;

/// What a witness said to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Signature lines, not verified yet; others than its own may be among them.
    Cosigned(String),
    /// It cosigned this size last, and not the old size that it was told. Witnesses of before July 2026
    /// say so of the checkpoint's own size too, if the root is another (C2SP pull request 280).
    Conflict(u64),
    /// The proof does not lead from what it cosigned last to this checkpoint, or the roots differ at the
    /// same size.
    ProofRefused,
}

/// One witness (C2SP tlog-witness).
#[async_trait]
pub trait Witness: Send + Sync {
    /// Its name in the policy, for messages.
    fn name(&self) -> &str;

    /// Sends the body of one `add-checkpoint`. Safe to repeat: at worst the answer is a conflict, which
    /// states the size to go on from. Whoever stops waiting may have been cosigned all the same.
    ///
    /// `Transient`: not reached, or busy. `Permanent`: it does not know the log or its key, or answers
    /// what the protocol does not have; somebody must change something there or here.
    async fn add_checkpoint(&self, body: String) -> Result<WitnessAnswer, Fault>;
}
