//! The engine token of a task.

use super::body;
use crate::base::{TaskId, Time};

body!(
    /// A parentless token exists. Commitments: `accessor`, `tag`.
    Made {
        /// The engine's id of the request that made it.
        engine_request: String,
        /// When it ends by itself, as read back from the engine.
        expires: Time,
        /// Names of its policies, in the order of the task's credentials.
        policies: Vec<String>,
        /// The task.
        task: TaskId,
    }
);
body!(
    /// The token is gone, looked up.
    Revoked {
        /// The task.
        task: TaskId,
        /// Index of its `token.made` entry.
        token: u64,
    }
);
