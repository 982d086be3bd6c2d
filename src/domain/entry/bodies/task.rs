//! The life of a task.

use super::body;
use crate::base::{Digest, Name, SpiffeId, TaskId, Time};

body!(
    /// Asked for. Commitment: `purpose`. An approval binds the leaf hash of this entry.
    Requested {
        /// Name of the agent.
        agent: Name,
        /// Names of the credentials in scope, ascending.
        credentials: Vec<Name>,
        /// Version of the estate that it was judged on.
        estate_version: u64,
        /// Owner teams whose yes is needed, ascending; none if a rule approves.
        needs: Vec<Name>,
        /// Machine-readable purpose.
        purpose_code: String,
        /// SPIFFE ID that may draw secrets.
        subject: SpiffeId,
        /// Its id.
        task: TaskId,
        /// Window asked for, in seconds.
        window_seconds: u64,
    }
);
body!(
    /// One yes, to exactly one request.
    Approved {
        /// Leaf hash of the `task.requested` entry.
        digest: Digest,
        /// The rule that said yes, if no person did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The task.
        task: TaskId,
        /// Owner teams for which it counts, ascending.
        teams: Vec<Name>,
        /// Until when it holds.
        until: Time,
    }
);
body!(
    /// A no. Commitment: `justification`.
    Denied {
        /// The task.
        task: TaskId,
    }
);
body!(
    /// The window begins.
    Activated {
        /// When it ends.
        ends: Time,
        /// The task.
        task: TaskId,
    }
);
body!(
    /// The work is done; everything under the task ends.
    Completed {
        /// The task.
        task: TaskId,
    }
);
body!(
    /// Not wanted any more; everything under the task ends. Commitment: `justification`.
    Cancelled {
        /// The task.
        task: TaskId,
    }
);
body!(
    /// A deadline passed; everything under the task ends.
    Expired {
        /// The task.
        task: TaskId,
    }
);
