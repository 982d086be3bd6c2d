//! Whose turn it is. Lanes with places of their own keep duties from starving each other: deadlines
//! need the writer alone and never wait for an engine; what failed before leaves room for what was
//! not tried yet; and no credential takes a whole lane, because its backend may be what hangs.
//!
//! Memory only: after a start everything is tried anew. Only the driver calls it.

use domain::base::{Name, Span, Time};
use domain::state::Duty;
use std::collections::HashMap;

/// What runs, and what waits to be tried again.
#[derive(Default)]
pub(super) struct Turns {
    running: HashMap<Duty, Place>,
    waiting: HashMap<Duty, Wait>,
    taken: HashMap<Place, usize>,
    in_lane: HashMap<Lane, usize>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    lane: Lane,
    credential: Option<Name>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Lane {
    Deadlines,
    Ending,
    EndingAgain,
    Other,
    OtherAgain,
}

struct Wait {
    attempts: u32,
    until: Time,
}

const BACK_OFF_MIN: Span = Span::from_millis(200);
const BACK_OFF_MAX: Span = Span::from_seconds(15);

impl Lane {
    const fn of(duty: Duty, failed_before: bool) -> Self {
        match (duty.is_deadline(), duty.is_ending(), failed_before) {
            (true, ..) => Self::Deadlines,
            (_, true, false) => Self::Ending,
            (_, true, true) => Self::EndingAgain,
            (_, false, false) => Self::Other,
            (_, false, true) => Self::OtherAgain,
        }
    }

    /// Duties at once.
    const fn places(self) -> usize {
        match self {
            Self::Deadlines | Self::Ending | Self::Other => 16,
            Self::EndingAgain | Self::OtherAgain => 8,
        }
    }

    /// Of these, for one credential.
    const fn share(self) -> usize {
        self.places() / 4 * 3
    }
}

impl Turns {
    /// Takes a place for a duty, if it may start now.
    pub(super) fn start(&mut self, duty: Duty, now: Time, credential: impl FnOnce() -> Option<Name>) -> bool {
        let wait = self.waiting.get(&duty);
        if wait.is_some_and(|wait| wait.until > now) || self.running.contains_key(&duty) {
            return false;
        }
        let lane = Lane::of(duty, wait.is_some());
        if self.in_lane.get(&lane).is_some_and(|taken| *taken >= lane.places()) {
            return false;
        }
        let place = Place { lane, credential: credential() };
        let taken = self.taken.entry(place.clone()).or_default();
        if place.credential.is_some() && *taken >= lane.share() {
            return false;
        }
        *taken += 1;
        *self.in_lane.entry(lane).or_default() += 1;
        self.running.insert(duty, place);
        true
    }

    /// Gives the place back. `again`: it is not done and waits a while.
    pub(super) fn finish(&mut self, duty: Duty, again: bool, now: Time) {
        if let Some(place) = self.running.remove(&duty) {
            if let Some(taken) = self.in_lane.get_mut(&place.lane) {
                *taken = taken.saturating_sub(1);
            }
            let left = self.taken.get(&place).map_or(0, |taken| taken.saturating_sub(1));
            match left {
                0 => self.taken.remove(&place),
                _ => self.taken.insert(place, left),
            };
        }
        if again {
            let attempts = self.waiting.get(&duty).map_or(0, |wait| wait.attempts);
            self.waiting.insert(duty, Wait { attempts: attempts + 1, until: now.plus(back_off(attempts)) });
        } else {
            self.waiting.remove(&duty);
        }
    }

    /// Forgets the attempts of what no longer stands.
    pub(super) fn forget(&mut self, now: Time, still_due: impl Fn(Duty) -> bool) {
        self.waiting.retain(|duty, wait| wait.until > now || still_due(*duty));
    }

    /// When the first of those that wait may be tried again.
    pub(super) fn next_retry(&self) -> Option<Time> {
        let idle = self.waiting.iter().filter(|(duty, _)| !self.running.contains_key(duty));
        idle.map(|(_, wait)| wait.until).min()
    }
}

fn back_off(attempts: u32) -> Span {
    let wait = BACK_OFF_MIN.to_std().saturating_mul(1 << attempts.min(10)).min(BACK_OFF_MAX.to_std());
    Span::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::{LeaseId, TaskId};

    const NOW: Time = Time::from_unix_seconds(1_800_000_000);

    fn end(number: u8) -> Duty {
        Duty::EndLease(LeaseId::new(NOW, [number; 10]))
    }

    fn name(text: &str) -> Option<Name> {
        Some(Name::parse(text).unwrap())
    }

    fn started(turns: &mut Turns, numbers: std::ops::Range<u8>, now: Time, credential: &str) -> usize {
        numbers.filter(|number| turns.start(end(*number), now, || name(credential))).count()
    }

    #[test]
    fn a_backend_that_hangs_leaves_places_for_the_others() {
        let mut turns = Turns::default();
        assert_eq!(started(&mut turns, 0..100, NOW, "dead"), 12, "its share and no more");
        assert_eq!(started(&mut turns, 100..110, NOW, "alive"), 4, "the rest of the lane");
        turns.finish(end(100), false, NOW);
        assert_eq!(started(&mut turns, 0..100, NOW, "dead"), 0);
        assert_eq!(started(&mut turns, 110..120, NOW, "alive"), 1);
    }

    #[test]
    fn what_failed_before_does_not_stand_in_the_way_of_what_was_not_tried() {
        let mut turns = Turns::default();
        for number in 0..100 {
            assert!(turns.start(end(number), NOW, || None));
            turns.finish(end(number), true, NOW);
        }
        assert!(!turns.start(end(0), NOW, || None), "it waits");
        let later = NOW.plus(Span::from_seconds(1));
        let again = (0..100).filter(|number| turns.start(end(*number), later, || None)).count();
        assert_eq!(again, 8);
        assert!(turns.start(end(200), later, || None), "a first try has a place");
        turns.finish(end(0), false, later);
        assert!(turns.next_retry().is_some_and(|next| next > NOW));
        turns.forget(later, |_| false);
        assert!(turns.waiting.len() < 100);
    }

    #[test]
    fn a_deadline_never_waits_for_an_engine() {
        let mut turns = Turns::default();
        assert_eq!((0..100).filter(|number| turns.start(end(*number), NOW, || None)).count(), 16);
        let task = TaskId::new(NOW, [1; 10]);
        assert!(turns.start(Duty::ExpireTask(task), NOW, || None));
        assert!(!turns.start(Duty::ExpireTask(task), NOW, || None), "once at a time");
    }

    #[test]
    fn waiting_grows_to_its_bound() {
        assert_eq!(back_off(0), Span::from_millis(200));
        assert_eq!(back_off(3), Span::from_millis(1_600));
        assert_eq!(back_off(u32::MAX), Span::from_seconds(15));
    }
}
