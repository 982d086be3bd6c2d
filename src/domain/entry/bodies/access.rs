//! Refusals, readings and things found.

use super::body;
use crate::base::{LeaseId, Name, Time};
use crate::reason::Reason;
use std::collections::BTreeMap;

body!(
    /// A decision against a verified caller.
    Denied {
        /// Full name of the call.
        call: String,
        /// The stable code.
        reason: Reason,
        /// What it concerned (task, lease or credential), if the caller could know of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    }
);
body!(
    /// Failed authentications of a while, summed up, with the denials that are too many to stand alone.
    Refused {
        /// Count by reason code.
        counts: BTreeMap<String, u64>,
        /// Since when.
        since: Time,
    }
);
body!(
    /// A backend credential with our tag that the log did not account for. Written before it is ended.
    /// Commitment: `account` or `engine_lease`.
    OrphanFound {
        /// Name of the credential.
        credential: Name,
        /// `account` (no lease knows it) or `lease`.
        kind: String,
        /// The intent that it is believed to stem from.
        lease: LeaseId,
    }
);
