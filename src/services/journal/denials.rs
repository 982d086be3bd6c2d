//! How many denials may stand in the log one by one. A denied call costs its caller nothing, and
//! whoever holds any SVID can make it: what goes beyond the bounds is counted by reason, and summed
//! up with the callers who were turned away (`services/refusals`).
//!
//! Memory only. The writer asks; nothing else does.

use domain::base::{Span, SpiffeId, Time};
use domain::reason::Reason;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was recorded in this window, and what was only counted.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    since: Time,
    all: u32,
    by_caller: BTreeMap<SpiffeId, u32>,
    unrecorded: BTreeMap<Reason, u64>,
}

const WINDOW: Span = Span::from_seconds(60);
/// Denials of one identity in one window that are recorded one by one.
const PER_CALLER_MAX: u32 = 30;
/// Denials of all identities in one window that are recorded one by one.
const ALL_MAX: u32 = 600;

impl Denials {
    /// Whether this one is recorded; if not, it is counted.
    pub(super) fn records(&self, caller: &SpiffeId, reason: Reason, now: Time) -> bool {
        let mut counts = self.lock();
        if now.since(counts.since) >= WINDOW {
            (counts.since, counts.all) = (now, 0);
            counts.by_caller.clear();
        }
        let own = counts.by_caller.get(caller).copied().unwrap_or_default();
        if own >= PER_CALLER_MAX || counts.all >= ALL_MAX {
            *counts.unrecorded.entry(reason).or_default() += 1;
            return false;
        }
        counts.by_caller.insert(caller.clone(), own + 1);
        counts.all += 1;
        true
    }

    /// Counts one that is not worth an entry of its own: a bound was met, and its caller may go on asking.
    pub(super) fn count(&self, reason: Reason) {
        *self.lock().unrecorded.entry(reason).or_default() += 1;
    }

    /// What was only counted since the last call.
    pub(super) fn take(&self) -> BTreeMap<Reason, u64> {
        std::mem::take(&mut self.lock().unrecorded)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> SpiffeId {
        SpiffeId::parse(&format!("spiffe://example.org/agent/{number}")).unwrap()
    }

    #[test]
    fn a_flood_of_denials_is_counted_and_leaves_few_entries() {
        let (denials, now) = (Denials::default(), Time::from_unix_seconds(1_800_000_000));
        let recorded = |who, now| (0..100).filter(|_| denials.records(&id(who), Reason::NotFound, now)).count();
        assert_eq!(recorded(1, now), 30);
        assert_eq!(recorded(2, now), 30, "others are still recorded one by one");
        assert_eq!(denials.take(), BTreeMap::from([(Reason::NotFound, 140)]));
        assert!(denials.take().is_empty());
        denials.count(Reason::TasksTooFast);
        assert_eq!(denials.take(), BTreeMap::from([(Reason::TasksTooFast, 1)]), "never recorded one by one");
        assert_eq!(recorded(1, now.plus(WINDOW)), 30, "a new window");
    }

    #[test]
    fn many_identities_together_have_a_bound_too() {
        let (denials, now) = (Denials::default(), Time::from_unix_seconds(1_800_000_000));
        let recorded = (0..1_000).filter(|who| denials.records(&id(*who), Reason::RoleMissing, now)).count();
        assert_eq!(recorded, 600);
        assert!(denials.lock().by_caller.len() <= 600, "and so has the memory");
    }
}
