//! Traits for the outside world. Each doc comment is the contract: what is durable on return,
//! what may be retried, what is ambiguous. The second implementation of a port may be the
//! simulated one in `tests/`; both pass the same contract suite.

pub mod clock;
pub mod entropy;
pub mod fault;
pub mod index;
pub mod keepsake;
pub mod log_store;
pub mod probe;
pub mod secret_engine;
pub mod shelf;
pub mod survey;
pub mod trust_source;
pub mod witness;

pub use clock::{Clock, Reading};
pub use entropy::Entropy;
pub use fault::{Fault, FaultKind};
pub use index::{Hits, LogIndex, Mark, Run, Seek};
pub use keepsake::Keepsake;
pub use log_store::{AppendError, Batch, Head, Lane, LogStore, NewEntry, StoredEntry, Tile};
pub use probe::{Account, Probe, ProbeTarget, Sighting};
pub use secret_engine::{
    Accessor, EngineHealth, EngineLease, MadeToken, MintOrder, MintOutcome, Minted, RevocationProof, SecretEngine,
    TokenSpec,
};
pub use shelf::Shelf;
pub use survey::Surveyor;
pub use trust_source::{TrustSource, TrustStanding, TrustTrouble, TrustTroubleKind};
pub use witness::{Witness, WitnessAnswer};
