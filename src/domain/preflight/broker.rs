//! The broker's own side: files that nobody else may read, an identity, and a login that works.
//!
//! Pure, as the rest: `app` looks at the files, asks the Workload API and tries the login.

use super::Seen;
use super::check::{Checks, Finding};
use crate::base::SpiffeId;

/// What the broker's own side is held against.
#[derive(Debug, Clone)]
pub struct BrokerExpected<'a> {
    /// File of the log.
    pub log_file: &'a str,
    /// File of the log's key.
    pub key_file: &'a str,
    /// Who the broker is, if the caller said so.
    pub told_id: Option<&'a SpiffeId>,
}

/// Facts of the broker's own side.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerSurvey {
    /// Permission bits of the log's file.
    pub log_mode: Seen<u32>,
    /// Whether the room that is kept for endings is whole.
    pub log_room: Seen<bool>,
    /// Permission bits of the key's file.
    pub key_mode: Seen<u32>,
    /// Whom the Workload API says this process to be.
    pub identity: Seen<SpiffeId>,
    /// Whether the engine lets that identity in; `None` if that was not tried.
    pub login: Option<Result<(), String>>,
}

/// Every check of the broker's own side with its outcome.
#[must_use]
pub fn examine_broker(expected: &BrokerExpected<'_>, survey: &BrokerSurvey) -> Vec<Finding> {
    let mut checks = Checks::of("broker");
    examine_log(expected, survey, &mut checks);
    examine_room(expected, survey, &mut checks);
    examine_key(expected, survey, &mut checks);
    examine_identity(expected.told_id, &survey.identity, &mut checks);
    if let Some(login) = &survey.login {
        checks.fail_unless("login", login.is_ok(), || {
            (
                "the engine lets the broker in by its JWT-SVID".into(),
                format!("the broker cannot log in: {}", login.as_ref().err().map_or("", String::as_str)),
                "mend what login.* finds; the engine must reach its jwks_url, and that must be this trust domain's"
                    .into(),
            )
        });
    }
    checks.done()
}

fn examine_log(expected: &BrokerExpected<'_>, survey: &BrokerSurvey, checks: &mut Checks) {
    let file = expected.log_file;
    match &survey.log_mode {
        Seen::Absent => checks.good("log-file", format!("{file} does not exist yet: the first start makes it")),
        Seen::Is(mode) => examine_mode("log-file", file, *mode, checks),
        Seen::Unread(why) => unread("log-file", file, why, checks),
    }
}

fn examine_room(expected: &BrokerExpected<'_>, survey: &BrokerSurvey, checks: &mut Checks) {
    let file = format!("{}.reserve", expected.log_file);
    match &survey.log_room {
        Seen::Absent => checks.good("log-room", format!("{file} does not exist yet: the next start makes it")),
        Seen::Is(is_whole) => checks.fail_unless("log-room", *is_whole, || {
            (
                format!("{file} keeps room on the disk for endings"),
                format!("{file} is not whole: the log's disk is or was full, and nothing new is recorded or issued"),
                "make room on that disk: a broker that runs makes it whole by itself".into(),
            )
        }),
        Seen::Unread(why) => unread("log-room", &file, why, checks),
    }
}

fn examine_key(expected: &BrokerExpected<'_>, survey: &BrokerSurvey, checks: &mut Checks) {
    let file = expected.key_file;
    match &survey.key_mode {
        Seen::Absent => checks.fail_unless("log-key", survey.log_mode == Seen::Absent, || {
            (
                format!("{file} does not exist yet: the first start makes it"),
                format!("the log {} exists, but its key {file} does not", expected.log_file),
                format!("restore {file} from your backup: a new key would be a new log"),
            )
        }),
        Seen::Is(mode) => examine_mode("log-key", file, *mode, checks),
        Seen::Unread(why) => unread("log-key", file, why, checks),
    }
}

fn examine_mode(check: &str, file: &str, mode: u32, checks: &mut Checks) {
    checks.fail_unless(check, mode & 0o077 == 0, || {
        (
            format!("only its owner can read {file}"),
            format!("others can read or write {file} (mode {mode:03o}): the broker refuses to start"),
            format!("chmod 600 {}", super::statements::word(file)),
        )
    });
}

fn unread(check: &str, file: &str, why: &str, checks: &mut Checks) {
    let words =
        (String::new(), format!("{file} could not be looked at: {why}"), "run doctor as the broker's user".into());
    checks.warn_unless(check, false, || words);
}

/// Without an identity the broker does not start. Whoever names the broker may stand elsewhere, and then
/// the identity here says nothing about it.
fn examine_identity(told: Option<&SpiffeId>, seen: &Seen<SpiffeId>, checks: &mut Checks) {
    let elsewhere = || "run doctor as the broker's user, where the broker runs, to check this too".to_owned();
    match (seen, told) {
        (Seen::Is(id), Some(told)) if id != told => checks.warn_unless("identity", false, || {
            (String::new(), format!("this process is {id}, not the broker {told}"), elsewhere())
        }),
        (Seen::Is(id), _) => checks.good("identity", format!("the Workload API calls this process {id}")),
        (Seen::Absent, _) => unknown(told, "no Workload API is named", checks),
        (Seen::Unread(why), _) => unknown(told, why, checks),
    }
}

fn unknown(told: Option<&SpiffeId>, why: &str, checks: &mut Checks) {
    let mend = "set workload_api in the configuration or SPIFFE_ENDPOINT_SOCKET, and register the broker at that agent";
    let words = || (String::new(), why.to_owned(), mend.to_owned());
    match told {
        Some(_) => checks.warn_unless("identity", false, words),
        None => checks.fail_unless("identity", false, words),
    }
}
