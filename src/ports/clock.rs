//! The time of the log.

use domain::base::Time;

/// One look at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Log time: starts at max(wall, last entry) and then follows the boot-time clock, so it never
    /// runs backwards and counts suspended time.
    pub time: Time,
    /// False while the wall clock is behind log time by one second or more. Issuing is refused
    /// then (`CLOCK_UNCERTAIN`); ending goes on.
    pub certain: bool,
}

/// Reads the time. Never blocks, never fails, never runs backwards.
pub trait Clock: Send + Sync {
    /// Now.
    fn read(&self) -> Reading;
}
