//! The real clock and the real chance. The only file of the product that may ask the operating
//! system for either.

use domain::base::{Span, Time};
use ports::{Clock, Entropy, Reading};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Log time: max(wall, last entry) at the start, then the boot-time clock, which counts suspended
/// time and which nobody can set.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Time,
    boot_at_start: Time,
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
        Self::start_at(last_entry, Self::wall(), boot())
    }

    /// The wall clock, which people and time servers set: for deadlines that others wrote down in
    /// wall time, never for the log.
    #[must_use]
    pub fn wall() -> Time {
        time_of(clock_gettime(ClockId::Realtime))
    }

    fn start_at(last_entry: Time, wall: Time, boot: Time) -> Self {
        Self { started: wall.max(last_entry), boot_at_start: boot }
    }

    fn reading(&self, wall: Time, boot: Time) -> Reading {
        let time = self.started.plus(boot.since(self.boot_at_start));
        Reading { time, certain: time.since(wall) < LAG_MAX }
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        // Wall first: a pause between the two looks can only make the wall seem late.
        let wall = Self::wall();
        self.reading(wall, boot())
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

/// Since the machine was started, suspended time included.
fn boot() -> Time {
    time_of(clock_gettime(ClockId::Boottime))
}

fn time_of(spec: Timespec) -> Time {
    Time::from_unix_micros(spec.tv_sec.saturating_mul(1_000_000).saturating_add(spec.tv_nsec / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Time {
        Time::from_unix_micros(micros)
    }

    #[test]
    fn log_time_starts_at_the_later_of_wall_and_last_entry_and_follows_the_boot_clock() {
        for (last_entry, wall, started) in [(0, 900, 900), (900, 900, 900), (950, 900, 950)] {
            let clock = SystemClock::start_at(at(last_entry), at(wall), at(50));
            assert_eq!(clock.reading(at(wall), at(50)).time, at(started));
            assert_eq!(clock.reading(at(wall + 70), at(120)).time, at(started + 70));
        }
    }

    #[test]
    fn a_wall_clock_that_is_set_moves_log_time_neither_forth_nor_back() {
        let clock = SystemClock::start_at(at(0), at(10_000_000), at(0));
        for wall in [10_000_000, 0, 99_000_000] {
            assert_eq!(clock.reading(at(wall), at(7)).time, at(10_000_007));
        }
    }

    #[test]
    fn time_is_uncertain_from_one_second_behind_on() {
        let clock = SystemClock::start_at(at(0), at(10_000_000), at(0));
        let certain = |wall| clock.reading(at(wall), at(0)).certain;
        assert!(certain(10_000_000) && certain(99_000_000) && certain(9_000_001));
        assert!(!certain(9_000_000) && !certain(0));
        // Certain again once the wall has caught up.
        assert!(!clock.reading(at(9_000_000), at(0)).certain);
        assert!(clock.reading(at(10_000_001), at(1_000_000)).certain);
    }

    #[test]
    fn the_machines_clocks_go_on() {
        let clock = SystemClock::start(Time::default());
        let (first, second) = (clock.read(), clock.read());
        assert!(first.certain && second.time >= first.time);
        assert!(first.time.since(SystemClock::wall()) < Span::from_seconds(60));
        let ahead = SystemClock::wall().plus(Span::from_seconds(3_600));
        let reading = SystemClock::start(ahead).read();
        assert!(reading.time >= ahead && !reading.certain, "the wall is an hour behind the last entry");
    }

    #[test]
    fn chance_fills_the_whole_buffer_each_time_anew() {
        let draw = || {
            let mut buffer = [0; 4_096];
            OsEntropy.fill(&mut buffer);
            buffer
        };
        let (first, second) = (draw(), draw());
        assert_ne!(first, second);
        // Sixty-four zero bytes in a row have one chance in 2⁵¹² each.
        assert!(first.windows(64).all(|window| window.iter().any(|byte| *byte != 0)));
        OsEntropy.fill(&mut []);
    }
}
