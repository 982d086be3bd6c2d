//! Time and chance of a simulated run: both come from the run alone, so that the same seed is the same
//! run. Nothing here reads the machine's clock or its randomness.

use leasehold::domain::base::{Digest, Span, Time};
use leasehold::ports::{Clock, Entropy, Reading};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// A seeded generator (SplitMix64): small, and the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One that depends on the seed and on these words, and on nothing that happened before.
    pub(crate) fn of(seed: u64, words: &str, number: u32) -> Self {
        let digest = Digest::of(&[&seed.to_be_bytes(), &number.to_be_bytes(), words.as_bytes()]);
        Self(digest.as_bytes().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`, which is not zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The log's time: that of the runtime, which stands still while anything can run and jumps to the next
/// timer when nothing can, if the test paused it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimClock {
    begin: Time,
    at: Instant,
}

/// When every simulation begins.
pub(crate) const BEGIN: Time = Time::from_unix_seconds(1_800_000_000);

impl SimClock {
    pub(crate) fn start() -> Self {
        Self::going_on(BEGIN)
    }

    /// One that stands at that time now: a runtime has a clock of its own, and a crash is the end of one.
    pub(crate) fn going_on(begin: Time) -> Self {
        Self { begin, at: Instant::now() }
    }

    /// Lets so much of this clock's time pass: a peer is slow, no test waits.
    pub(crate) async fn pass(span: Span) {
        tokio::time::sleep_until(Instant::now() + span.to_std()).await;
    }

    pub(crate) fn now(&self) -> Time {
        let passed = self.at.elapsed().as_micros();
        self.begin.plus(Span::from_micros(u64::try_from(passed).unwrap()))
    }
}

impl Clock for SimClock {
    fn read(&self) -> Reading {
        Reading { time: self.now(), certain: true }
    }
}

/// The broker's chance.
#[derive(Debug)]
pub(crate) struct SeededEntropy(Mutex<Chance>);

impl SeededEntropy {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for eight in buffer.chunks_mut(8) {
            let bytes = chance.next().to_be_bytes();
            eight.copy_from_slice(&bytes[..eight.len()]);
        }
    }
}

mod tests {
    use super::{Chance, SeededEntropy};
    use leasehold::ports::entropy::bytes;

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_for_no_other() {
        let drawn = |seed| bytes::<21>(&SeededEntropy::new(seed));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let first = |seed, words, number| Chance::of(seed, words, number).next();
        let all = [first(7, "a", 1), first(7, "a", 2), first(7, "b", 1), first(8, "a", 1)];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
        assert_eq!(all[0], first(7, "a", 1));
    }
}
