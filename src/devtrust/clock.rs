//! The wall clock of the development trust domain: the only file of this floor that reads it.
//! Never used by the broker, whose clock is `adapters/system`.

use domain::base::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now; the epoch itself on a machine whose clock stands before 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the development issuer has no Clock port: its certificates are dated by the wall"
)]
pub(super) fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
