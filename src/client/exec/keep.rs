//! Prolonging the secrets of a running command, each at two thirds of its life, for as long as the
//! broker allows.
//!
//! There is no wall clock here: how much life a lease has left follows from the broker's own two
//! times at issue, and from how far each answer moves its expiry.

use crate::broker::Broker;
use crate::text::time_short;
use crate::{lease, stopwatch};
use prost_types::Timestamp;
use proto::v1::{Lease, Revocability};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

struct Kept {
    lease: Lease,
    ends: Instant,
    due: Instant,
}

/// Prolongs until it is dropped.
pub(super) async fn alive(broker: &mut Broker<'_>, leases: Vec<Lease>) -> Infallible {
    let mut kept: Vec<Kept> = leases.into_iter().filter_map(Kept::begin).collect();
    loop {
        let next = kept.iter().enumerate().min_by_key(|(_, kept)| kept.due).map(|(place, _)| place);
        let Some(place) = next else { return std::future::pending().await };
        let mut one = kept.swap_remove(place);
        sleep_until(one.due).await;
        if prolong(broker, &mut one).await {
            kept.push(one);
        }
    }
}

/// Whether it is worth prolonging again.
async fn prolong(broker: &mut Broker<'_>, kept: &mut Kept) -> bool {
    let gained = match lease::renewed(broker, &kept.lease.id, None).await {
        Ok(lease) => {
            let gained = between(kept.lease.expire_time.as_ref(), lease.expire_time.as_ref());
            kept.lease = lease;
            gained
        }
        Err(complaint) => {
            broker.terminal.say(&format!("{} could not be prolonged:", kept.lease.credential));
            broker.terminal.say_complaint(&complaint);
            Duration::ZERO
        }
    };
    kept.ends += gained;
    kept.due = due(kept.ends);
    if gained < WORTH_MORE_THAN {
        let ends = time_short(kept.lease.expire_time.as_ref());
        broker.terminal.say(&format!("{}: ends at {ends}, and lives no longer than that", kept.lease.credential));
        return false;
    }
    true
}

impl Kept {
    /// Nothing for kinds that no renewal prolongs.
    fn begin(lease: Lease) -> Option<Self> {
        let life = between(lease.issue_time.as_ref(), lease.expire_time.as_ref());
        if lease.revocability() != Revocability::Revocable || life.is_zero() {
            return None;
        }
        let ends = stopwatch::now() + life;
        Some(Self { lease, ends, due: due(ends) })
    }
}

/// Two thirds of the way to the end.
fn due(ends: Instant) -> Instant {
    let now = stopwatch::now();
    now + ends.saturating_duration_since(now) * 2 / 3
}

fn between(early: Option<&Timestamp>, late: Option<&Timestamp>) -> Duration {
    let micros =
        |time: &Timestamp| time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000);
    let (Some(early), Some(late)) = (early.map(micros), late.map(micros)) else { return Duration::ZERO };
    Duration::from_micros(u64::try_from(late.saturating_sub(early)).unwrap_or(0))
}

/// A renewal that gains less has met its bound; asking again would be a busy loop.
const WORTH_MORE_THAN: Duration = Duration::from_millis(500);
