//! How long something took here: the one place of this floor that asks for the time. It is no
//! wall clock, and it stands still while the machine sleeps; the broker's own times decide.

use tokio::time::Instant;

/// Now, for measuring and for waking up.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line measures what a person waits for; nothing is decided by it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
