//! The public log of `[http]`: whether it can be served, or is.
//!
//! Pure, as the rest: `app` tries the address.

use super::check::{Checks, Finding};

/// What was found at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicLogSeen {
    /// Nobody listens there, and the broker could.
    Free,
    /// This log is served there.
    Served,
    /// Somebody else listens there.
    Taken,
    /// Nobody can listen there.
    Unusable(String),
}

/// `http.listen`.
#[must_use]
pub fn examine_public_log(listen: &str, seen: &PublicLogSeen) -> Vec<Finding> {
    let mut checks = Checks::of("http");
    let wrong = |what: String| (String::new(), what, "correct http.listen, or stop the other program".to_owned());
    match seen {
        PublicLogSeen::Free => checks.good("listen", format!("{listen} is free for the public log")),
        PublicLogSeen::Served => checks.good("listen", format!("the public log is served at {listen}")),
        PublicLogSeen::Taken => checks.fail_unless("listen", false, || {
            wrong(format!("another program listens at {listen}, and does not serve this log"))
        }),
        PublicLogSeen::Unusable(why) => {
            checks.fail_unless("listen", false, || wrong(format!("nobody can listen at {listen}: {why}")));
        }
    }
    checks.done()
}
