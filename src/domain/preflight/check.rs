//! Findings, and the collector that the checks write to.

use super::Seen;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but weaker or slower than it should; or could not be looked at.
    Warn,
    /// A promise of Leasehold cannot be kept.
    Fail,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name, such as `database.ledger-ro.valid-until`.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, one sentence.
    pub sentence: String,
    /// The command or setting that mends it; empty if nothing is to be mended.
    pub mend: String,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// Sentence if it holds, sentence if not, and how to mend it.
pub(super) type Words = (String, String, String);

/// Collects the findings about one subject.
pub(super) struct Checks {
    subject: String,
    findings: Vec<Finding>,
}

impl Checks {
    pub(super) fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), findings: Vec::new() }
    }

    /// A promise hangs on it.
    pub(super) fn fail_unless(&mut self, check: &str, holds: bool, words: impl FnOnce() -> Words) {
        self.add(check, if holds { Severity::Ok } else { Severity::Fail }, words());
    }

    /// Better so.
    pub(super) fn warn_unless(&mut self, check: &str, holds: bool, words: impl FnOnce() -> Words) {
        self.add(check, if holds { Severity::Ok } else { Severity::Warn }, words());
    }

    /// As it should be.
    pub(super) fn good(&mut self, check: &str, sentence: String) {
        self.add(check, Severity::Ok, (sentence, String::new(), String::new()));
    }

    /// The fact, or a finding that it is absent or could not be read.
    pub(super) fn seen<'s, T>(&mut self, check: &str, path: &str, seen: Option<&'s Seen<T>>) -> Option<&'s T> {
        let unread = match seen {
            Some(Seen::Is(fact)) => return Some(fact),
            Some(Seen::Absent) => {
                let mend = format!("create {path}, see deploy/README.md");
                self.add(check, Severity::Fail, (String::new(), format!("{path} does not exist"), mend));
                return None;
            }
            Some(Seen::Unread(why)) => why.as_str(),
            None => "it was not looked at",
        };
        let mend = format!("run doctor with a token that may read {path}");
        self.add(check, Severity::Warn, (String::new(), format!("{path} could not be read: {unread}"), mend));
        None
    }

    pub(super) fn done(self) -> Vec<Finding> {
        self.findings
    }

    fn add(&mut self, check: &str, severity: Severity, (fine, wrong, mend): Words) {
        let check = format!("{}.{check}", self.subject);
        let (sentence, mend) = if severity == Severity::Ok { (fine, String::new()) } else { (wrong, mend) };
        self.findings.push(Finding { check, severity, sentence, mend });
    }
}

/// The names of all checks; docs/operations.md explains each. What stands in angle brackets is a name of
/// the estate or of a policy.
pub const CHECKS: [&str; 68] = [
    "config.text",
    "estate.text",
    "broker.log-file",
    "broker.log-room",
    "broker.log-key",
    "broker.identity",
    "broker.login",
    "witness.policy",
    "witness.kept",
    "witness.<witness>.answers",
    "witness.<witness>.history",
    "witness.quorum",
    "http.listen",
    "server.reached",
    "server.state",
    "server.request-duration",
    "server.audit",
    "server.audit-device",
    "server.audit-header",
    "server.entry-header",
    "login.config",
    "login.keys",
    "login.role",
    "login.subject",
    "login.audience",
    "login.expiration-leeway",
    "login.not-before-leeway",
    "login.clock-skew-leeway",
    "login.policies",
    "login.token-life",
    "login.cidrs",
    "tokens.role",
    "tokens.policies",
    "tokens.suffix",
    "tokens.cidrs",
    "tokens.parentless",
    "tokens.type",
    "tokens.life",
    "policy.<policy>",
    "policy.names",
    "policy.stale",
    "database.<name>.role",
    "database.<name>.connection",
    "database.<name>.valid-until",
    "database.<name>.in-role",
    "database.<name>.object-grants",
    "database.<name>.engine-grant",
    "database.<name>.username-template",
    "database.<name>.pool",
    "database.<name>.timeouts",
    "database.<name>.password",
    "database.<name>.revocation",
    "database.<name>.default-ttl",
    "database.<name>.max-ttl",
    "pki.<name>.role",
    "pki.<name>.csr-sans",
    "pki.<name>.csr-common-name",
    "pki.<name>.require-cn",
    "pki.<name>.uri-sans",
    "pki.<name>.other-names",
    "pki.<name>.lease",
    "pki.<name>.stored",
    "pki.<name>.max-ttl",
    "pki.<name>.crl",
    "pki.<name>.crl-enabled",
    "pki.<name>.crl-at-once",
    "kv.<name>.mount",
    "kv.<name>.version",
];
