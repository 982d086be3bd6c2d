//! Places for streams: so many at one time, and of these so many for one identity, however many
//! connections it opens.

use domain::base::SpiffeId;
use domain::reason::{Denial, Reason};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places.
#[derive(Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_caller: BTreeMap<SpiffeId, usize>,
}

/// One place, given back on drop.
pub(super) struct Place {
    places: Arc<Places>,
    caller: SpiffeId,
}

/// Streams at one time.
const STREAMS_MAX: usize = 4_096;
/// Streams of one identity: it may watch all of its open tasks twice.
const STREAMS_PER_CALLER_MAX: usize = 128;

impl Places {
    /// A place for one more stream.
    ///
    /// # Errors
    /// `OVERLOADED` if all are taken, or all that one identity may take.
    pub(super) fn take(self: &Arc<Self>, caller: &SpiffeId) -> Result<Place, Denial> {
        let mut taken = self.lock();
        if taken.all >= STREAMS_MAX {
            return Err(Denial::new(Reason::Overloaded, "too many streams are open"));
        }
        let own = taken.by_caller.entry(caller.clone()).or_default();
        if *own >= STREAMS_PER_CALLER_MAX {
            return Err(Denial::new(Reason::Overloaded, "too many streams of your SPIFFE ID are open"));
        }
        *own += 1;
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), caller: caller.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing under this lock can panic half-way; a poisoned count is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        let Some(own) = taken.by_caller.get_mut(&self.caller) else { return };
        *own = own.saturating_sub(1);
        if *own == 0 {
            taken.by_caller.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> SpiffeId {
        SpiffeId::parse(&format!("spiffe://example.org/agent/{number}")).unwrap()
    }

    #[test]
    fn one_identity_takes_its_share_and_no_more() {
        let places = Arc::<Places>::default();
        let mut held: Vec<_> = (0..STREAMS_PER_CALLER_MAX).map(|_| places.take(&id(0)).unwrap()).collect();
        assert!(places.take(&id(0)).is_err_and(|denial| denial.reason == Reason::Overloaded));
        assert!(places.take(&id(1)).is_ok(), "others are not held up");
        held.pop();
        assert!(places.take(&id(0)).is_ok(), "a place is free again");
    }

    #[test]
    fn the_places_are_finite_and_come_back() {
        let places = Arc::<Places>::default();
        let held: Vec<_> = (0..STREAMS_MAX).map(|number| places.take(&id(number)).unwrap()).collect();
        assert!(places.take(&id(STREAMS_MAX)).is_err_and(|denial| denial.reason == Reason::Overloaded));
        drop(held);
        assert!(places.lock().by_caller.is_empty() && places.lock().all == 0);
    }
}
