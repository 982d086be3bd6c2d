//! What people see: marks and colours on stderr. Colour never carries meaning, and is left out for
//! `NO_COLOR`, for dumb terminals and for files.

use std::env;
use std::io::{IsTerminal as _, stderr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// True when stderr shows colours and nobody forbade them.
#[must_use]
pub fn colours() -> bool {
    let forbidden = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    stderr().is_terminal() && !forbidden && !dumb
}

/// A mark for something seen (`✓`) or not (`✗`).
#[must_use]
pub fn mark(good: bool) -> &'static str {
    match (good, colours()) {
        (true, true) => "\u{1b}[32m✓\u{1b}[0m",
        (false, true) => "\u{1b}[31m✗\u{1b}[0m",
        (true, false) => "✓",
        (false, false) => "✗",
    }
}

/// Does `act`, and says `what` is under way once it takes more than a second.
pub fn with_progress<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    let line = format!("· {what} …");
    let teller = thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{line}");
        }
    });
    let result = act();
    drop(done);
    // It only prints; if it could not, the act is done all the same.
    let _told = teller.join();
    result
}
