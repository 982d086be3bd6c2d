//! Points at which a test build kills itself. `LEASEHOLD_KILL_AT=after_intent:3` means: SIGKILL at
//! the third pass of `after_intent`. Without the feature `failpoints` a point is nothing at all.
//!
//! The feature of this crate decides, not one of the crate that passes a point: a build in which half
//! of the points are armed cannot be written.

/// Passes a named point.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! pass {
    ($name:literal) => {
        $crate::pass($name);
    };
}

/// Passes a named point: nothing, in this build.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! pass {
    ($name:literal) => {};
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    static ARMED: OnceLock<(String, AtomicI64)> = OnceLock::new();

    /// Arms one point from `name:count`; `app` calls it once, at the start.
    pub fn arm(spec: &str) {
        let (name, count) = spec.split_once(':').unwrap_or((spec, "1"));
        let _ = ARMED.set((name.to_owned(), AtomicI64::new(count.parse().unwrap_or(1))));
    }

    /// Counts one pass, and kills the process at the armed one.
    pub fn pass(name: &str) {
        let Some((armed, left)) = ARMED.get() else { return };
        if armed == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, pass};
