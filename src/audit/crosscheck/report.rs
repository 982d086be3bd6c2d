//! What the two records have and lack, for people and for programs.

use super::ledger::Expected;
use serde::Serialize;
use std::fmt;

/// Which record has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// In the log, not in the audit file.
    LogOnly,
    /// In the audit file, not in the log.
    AuditOnly,
    /// In both, and they do not belong together.
    AnotherEntry,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which record has it.
    pub side: Side,
    /// Index of the entry.
    pub index: Option<u64>,
    /// Number of the audit file's line, from 1.
    pub line: Option<u64>,
    /// The engine's id of the call.
    pub request: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// How many entries of each kind were laid beside the audit file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// `token.made`.
    pub tokens_made: u64,
    /// `token.revoked`.
    pub tokens_revoked: u64,
    /// `lease.issued`.
    pub issued: u64,
    /// `lease.revoked`.
    pub revoked: u64,
}

/// The outcome. The records agree exactly if there is no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Entries of the log.
    pub entries: u64,
    /// Lines of the audit file.
    pub lines: u64,
    /// What was laid side by side.
    pub compared: Compared,
    /// Entries from before the first or after the last line of the audit file.
    pub out_of_range: u64,
    /// Answers that name an entry in clear.
    pub headers_clear: u64,
    /// Answers that name an entry, hashed by the engine: what they were made for cannot be told.
    pub headers_hashed: u64,
    /// Calls that could not be compared for want of that header.
    pub not_compared: u64,
    /// Answers that name an entry beyond the end of the bundle.
    pub beyond_the_log: u64,
    /// Secrets made for an intent that is still open at the end of the bundle.
    pub open_intents: u64,
    /// Renewals whose answer did not reach the broker: in the audit file only, made for their lease.
    pub lost_answers: u64,
    /// Calls for the broker's own reads, which have no entry.
    pub own: u64,
    /// Secrets that others drew from paths that are not exclusive.
    pub others: u64,
    /// Lines that are no audit line.
    pub unread: u64,
    /// Differences beyond those that are listed.
    pub more: u64,
    /// What one has and the other lacks: by entry, then by line.
    pub differences: Vec<Difference>,
}

/// Differences that are listed one by one.
const LISTED_MAX: usize = 1_000;

impl Difference {
    pub(super) fn log(index: u64, meaning: &str) -> Self {
        Self { side: Side::LogOnly, index: Some(index), line: None, request: None, meaning: meaning.into() }
    }

    pub(super) fn audit(line: u64, request: &str, meaning: String) -> Self {
        Self { side: Side::AuditOnly, index: None, line: Some(line), request: Some(request.into()), meaning }
    }

    pub(super) fn another(index: u64, line: u64, request: &str, meaning: String) -> Self {
        let (index, line, request) = (Some(index), Some(line), Some(request.into()));
        Self { side: Side::AnotherEntry, index, line, request, meaning }
    }
}

impl Tally {
    /// Whether the records agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn differ(&mut self, difference: Difference) {
        if self.differences.len() < LISTED_MAX {
            self.differences.push(difference);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn sort(&mut self) {
        self.differences.sort_by_key(|it| (it.index.is_none(), it.index, it.line));
    }
}

impl Compared {
    pub(super) fn count(&mut self, expected: &Expected) {
        match expected {
            Expected::TokenMade { .. } => self.tokens_made += 1,
            Expected::TokenRevoked { .. } => self.tokens_revoked += 1,
            Expected::Issued { .. } => self.issued += 1,
            Expected::Revoked { .. } => self.revoked += 1,
        }
    }
}

impl Side {
    const fn words(self) -> &'static str {
        match self {
            Self::LogOnly => "in the log, not in the audit file",
            Self::AuditOnly => "in the audit file, not in the log",
            Self::AnotherEntry => "refers to another entry",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "entry {index}: ")?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.side.words(), self.meaning)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compared { tokens_made, tokens_revoked, issued, revoked } = &self.compared;
        writeln!(f, "{} entries beside {} lines of the audit file", self.entries, self.lines)?;
        writeln!(
            f,
            "compared: {issued} secrets made, {revoked} revoked, {tokens_made} tokens made, {tokens_revoked} ended"
        )?;
        let notes = [
            (self.out_of_range, "entries from outside of the audit file's time were not compared"),
            (self.beyond_the_log, "lines name entries after the end of the bundle"),
            (self.open_intents, "secrets were made for intents that are open at the end of the bundle"),
            (self.lost_answers, "renewals were made whose answer did not reach the broker"),
            (self.own, "calls were the broker's own reads, which have no entry"),
            (self.others, "secrets were drawn by others from paths that are not exclusive"),
            (self.unread, "lines are no lines of an audit file"),
            (self.not_compared, "calls name no entry in clear and could not be compared: set up the header"),
        ];
        for (count, words) in notes.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "{count} {words}")?;
        }
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        match (self.differences.len() as u64, self.more) {
            (0, _) => f.write_str("they agree"),
            (listed, 0) => write!(f, "{listed} differences"),
            (listed, more) => write!(f, "{} differences, {more} of them not listed", listed + more),
        }
    }
}
