//! The facts that `leasehold doctor` judges: how the engine is set up, seen with an operator's eyes.

use super::Fault;
use async_trait::async_trait;
use domain::preflight::{Expected, Survey};

/// Reads how the engine is set up. It changes nothing there, and may be asked again at any time.
///
/// The broker's own token may read none of this: an implementation holds a token of an operator's.
#[async_trait]
pub trait Surveyor: Send + Sync {
    /// Every fact that is judged for this estate and this login.
    ///
    /// What does not exist is `Absent`; what the token may not read, or what is not answered or not
    /// understood, is `Unread` with one sentence that holds nothing secret. The facts are read one
    /// after the other, not at one instant.
    ///
    /// # Errors
    /// The first fault, if none of the facts that every engine has could be read: an engine that is
    /// down or sealed, or a token that is worth nothing.
    async fn survey(&self, expected: &Expected<'_>) -> Result<Survey, Fault>;
}
