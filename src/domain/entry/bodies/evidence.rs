//! Readings of the log, and the erasure of openings.

use super::body;
use crate::base::{LeaseId, TaskId};

body!(
    /// Someone with the auditor's or operator's role read the log. Written before it is answered.
    Read {
        /// Full name of the call.
        call: String,
        /// First index.
        from: u64,
        /// Number of entries delivered at most.
        limit: u64,
        /// What was looked for, if not a range alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    }
);
body!(
    /// The first of two people wants openings of a settled entry erased. Commitment: `justification`.
    ErasureRequested {
        /// Names of the commitments whose openings shall go, ascending.
        fields: Vec<String>,
        /// Index of the entry that they belong to.
        index: u64,
        /// The lease that the entry is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<LeaseId>,
        /// The task that the entry is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
    }
);
body!(
    /// The second one agreed: the openings are gone from the store with the transaction of this entry.
    Erased {
        /// Names of the commitments, ascending.
        fields: Vec<String>,
        /// Index of the entry that they belonged to.
        index: u64,
        /// Index of `evidence.erasure_requested`.
        requested: u64,
    }
);
