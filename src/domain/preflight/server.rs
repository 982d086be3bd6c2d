//! The server itself: how long requests live, and whether it keeps its own record.

use super::check::{Checks, Finding};
use super::{Expected, Seen, Survey};

const BUILT_IN_SECONDS: u64 = 90;

pub(super) fn examine(expected: &Expected<'_>, survey: &Survey) -> Vec<Finding> {
    let mut checks = Checks::of("server");
    if let Some(server) = checks.seen("state", "sys/config/state/sanitized", Some(&survey.server)) {
        let seconds = match server.default_max_request_duration {
            0 => BUILT_IN_SECONDS,
            nanoseconds => nanoseconds.div_ceil(1_000_000_000),
        };
        let assumed = expected.request_seconds_max;
        // A mint that was cut off can come to life until then: closing an intent earlier would be wrong.
        checks.fail_unless("request-duration", seconds <= assumed, || {
            (
                format!("a request lives {seconds} s at most, and an intent is closed after {assumed} s"),
                format!("a request may live {seconds} s, but an intent is closed after {assumed} s"),
                format!("set default_max_request_duration = \"{assumed}s\" in the server's configuration"),
            )
        });
    }
    if let Some(devices) = checks.seen("audit", "sys/audit", Some(&survey.audit_devices)) {
        checks.fail_unless("audit-device", !devices.is_empty(), || {
            (
                "the engine keeps an audit log of its own".into(),
                "the engine keeps no audit log: nothing could be laid beside Leasehold's".into(),
                "add audit \"file\" \"main\" { options { file_path = \"…\" } } to the server's configuration".into(),
            )
        });
    }
    // A header that nobody told the engine about is left out altogether.
    let header = if survey.entry_header_hashed == Seen::Absent { &Seen::Is(true) } else { &survey.entry_header_hashed };
    if let Some(hashed) = checks.seen("audit-header", HEADER, Some(header)) {
        checks.warn_unless("entry-header", !hashed, || {
            (
                "the audit log names the entry of each request".into(),
                "the audit log hashes X-Leasehold-Entry or leaves it out: its lines cannot be laid beside Leasehold's"
                    .into(),
                format!("bao write {HEADER} hmac=false"),
            )
        });
    }
    checks.done()
}

const HEADER: &str = "sys/config/auditing/request-headers/x-leasehold-entry";
