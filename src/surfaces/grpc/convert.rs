//! Room two and room seven: messages to typed, bounded requests, and the domain back to messages.
//! Pure; decides nothing.

pub(super) mod estate;
pub(super) mod evidence;
pub(super) mod export;
pub(super) mod fields;
pub(super) mod lease;
pub(super) mod page;
pub(super) mod secret;
pub(super) mod task;
pub(super) mod trace;

use domain::base::Time;
use prost_types::Timestamp;

/// An instant.
pub(super) fn timestamp(time: Time) -> Timestamp {
    let micros = time.unix_micros().rem_euclid(1_000_000);
    Timestamp { seconds: time.unix_seconds(), nanos: i32::try_from(micros * 1_000).unwrap_or_default() }
}
