//! The real clock and the real chance. The only file of the product that may ask the operating
//! system for either.

use crate::domain::base::{Span, Time};
use crate::ports::{Clock, Entropy, Reading};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Log time: max(wall, last entry) at the start, then the boot-time clock, which counts suspended
/// time and never runs backwards.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Time,
    boot_at_start: i64,
}

/// The operating system's chance, through the crypto library.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

/// The wall clock may lag this far behind log time before issuing stops.
const LAG_MAX: Span = Span::from_seconds(1);

impl SystemClock {
    /// Starts after the last entry of the log; [`Time::default`] if there is none.
    #[must_use]
    pub fn start(last_entry: Time) -> Self {
        Self { started: wall().max(last_entry), boot_at_start: micros(clock_gettime(ClockId::Boottime)) }
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let passed = micros(clock_gettime(ClockId::Boottime)).saturating_sub(self.boot_at_start);
        let time = Time::from_unix_micros(self.started.unix_micros().saturating_add(passed.max(0)));
        Reading { time, certain: time.since(wall()) < LAG_MAX }
    }
}

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where the product asks for chance")]
    fn fill(&self, buffer: &mut [u8]) {
        // Salts and ids without chance would be worse than no broker.
        if aws_lc_rs::rand::fill(buffer).is_err() {
            std::process::abort();
        }
    }
}

fn wall() -> Time {
    Time::from_unix_micros(micros(clock_gettime(ClockId::Realtime)))
}

fn micros(spec: Timespec) -> i64 {
    spec.tv_sec.saturating_mul(1_000_000).saturating_add(spec.tv_nsec / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_time_starts_after_the_last_entry_and_goes_on() {
        let ahead = wall().plus(Span::from_seconds(3_600));
        let clock = SystemClock::start(ahead);
        let (first, second) = (clock.read(), clock.read());
        assert!(first.time >= ahead && second.time >= first.time);
        assert!(!first.certain, "the wall is an hour behind");
        assert!(SystemClock::start(Time::default()).read().certain);
    }
}
