//! The engine's own audit file beside the log, line by line. Two records by two parties of the same
//! calls: what one has and the other lacks is shown. Pure, and made for files of any length: of the log
//! it keeps what its entries say of the engine, of the audit file one line at a time.
//!
//! What is compared stands in docs/auditing.md. `X-Leasehold-Entry` on a call names the entry that it
//! was made for; `engine_request` in an entry is the engine's id of the call that it tells of.

mod ledger;
mod line;
mod report;

pub use report::{Compared, Difference, Side, Tally};

use domain::base::Time;
use ledger::{Expected, Ledger, Purpose, Role};
use line::{Header, Line, What};
use std::collections::{BTreeMap, BTreeSet};

/// Lays an audit file beside a log: first every entry, then every line, then [`Crosscheck::finish`].
#[derive(Default)]
pub struct Crosscheck {
    ledger: Ledger,
    tally: Tally,
    /// Calls by the entry that they were made for: what of it the engine did, successfully.
    done: BTreeMap<(u64, Deed), u64>,
    /// Secrets that the engine made and no entry tells of: line and index of the intent.
    unsealed: Vec<(u64, String, u64)>,
    /// Task tokens that the engine made and no entry tells of: line and index of the request.
    unrecorded: Vec<(u64, String, u64)>,
    /// Calls on our leases that name no entry.
    nameless: Vec<Difference>,
    /// Ids of requests in the audit file that entries tell of.
    seen: BTreeSet<u64>,
    first: Option<Time>,
    last: Option<Time>,
}

/// What a call did for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Prolonged,
    Revoked,
    TokenEnded,
}

/// Between the clocks of broker and engine.
const SKEW_MICROS: i64 = 60_000_000;

impl Crosscheck {
    /// Takes an entry of the log, in order from index 0.
    ///
    /// # Errors
    /// A sentence, if the bytes are not an entry.
    pub fn entry(&mut self, index: u64, bytes: &[u8]) -> Result<(), String> {
        let expected = self.tally.entries;
        for missing in expected..index {
            self.tally.differ(Difference::log(missing, "this entry is missing from the bundle"));
        }
        self.tally.entries = self.tally.entries.max(index + 1);
        self.ledger.take(index, bytes)
    }

    /// Takes a line of the audit file; lines are counted from 1.
    pub fn line(&mut self, text: &str) {
        self.tally.lines += 1;
        let number = self.tally.lines;
        let Some(line) = Line::read(text) else {
            self.tally.unread += u64::from(!text.trim().is_empty());
            return;
        };
        self.first = self.first.or(line.time);
        self.last = line.time.or(self.last);
        if line.is_answer {
            self.answer(number, &line);
        }
    }

    /// What one has and the other lacks.
    #[must_use]
    pub fn finish(mut self) -> Tally {
        let sealed_late = std::mem::take(&mut self.unsealed);
        for (number, request, intent) in sealed_late {
            self.unsealed(number, request, intent);
        }
        for (number, request, task) in std::mem::take(&mut self.unrecorded) {
            self.unrecorded(number, &request, task);
        }
        self.missing_lines();
        if self.tally.headers_clear > 0 {
            for difference in std::mem::take(&mut self.nameless) {
                self.tally.differ(difference);
            }
        } else {
            self.tally.not_compared += self.nameless.len() as u64;
        }
        self.tally.sort();
        self.tally
    }

    fn answer(&mut self, number: u64, line: &Line<'_>) {
        let what = self.ledger.what(line);
        if let Some(request) = line.request_id
            && let Some((at, expected)) = self.ledger.expected(request)
        {
            let (at, fits) = (*at, expected.fits(line, &what));
            self.seen.insert(at);
            if !fits {
                let meaning = format!("entry {at} tells of {}, this line of {}", expected.words(), line.words());
                self.tally.differ(Difference::another(at, number, request, meaning));
            }
        }
        match line.header() {
            Header::Clear(index) => {
                self.tally.headers_clear += 1;
                self.named(number, line, &what, index);
            }
            Header::Hashed => {
                self.tally.headers_hashed += 1;
                self.tally.not_compared += 1;
            }
            Header::None => self.unnamed(number, line, &what),
        }
    }

    /// A call that says for which entry it was made.
    fn named(&mut self, number: u64, line: &Line<'_>, what: &What, index: u64) {
        let request = line.request();
        if index >= self.tally.entries {
            self.tally.beyond_the_log += 1;
            return;
        }
        let Some(role) = self.ledger.role(index) else {
            let meaning = format!("it was made for entry {index}, which leads to no call of the engine");
            return self.tally.differ(Difference::another(index, number, request, meaning));
        };
        if !role.allows(what, &self.ledger) {
            let meaning = format!("{} was made for entry {index}, which is about something else", line.words());
            return self.tally.differ(Difference::another(index, number, request, meaning));
        }
        if line.failed {
            return;
        }
        let deed = match what {
            What::Draw { .. } => {
                if !self.tells_of(line) {
                    self.unsealed.push((number, request.to_owned(), index));
                }
                return;
            }
            What::TokenMade => {
                if !self.tells_of(line) {
                    self.unrecorded.push((number, request.to_owned(), index));
                }
                return;
            }
            What::Renewed { .. } => Deed::Prolonged,
            What::Revoked { .. } => Deed::Revoked,
            What::TokenEnded => Deed::TokenEnded,
            What::LookedUp | What::PolicyRead | What::Foreign => return,
        };
        *self.done.entry((index, deed)).or_default() += 1;
    }

    /// A call that names no entry: the broker's own, somebody else's, or one that hides.
    fn unnamed(&mut self, number: u64, line: &Line<'_>, what: &What) {
        if line.failed || line.request_id.is_some_and(|id| self.ledger.expected(id).is_some()) {
            return;
        }
        let (request, who) = (line.request().to_owned(), line.who().to_owned());
        match what {
            What::Draw { path } => {
                if line.is_own() && self.ledger.is_own_value(path) {
                    self.tally.own += 1;
                } else if line.is_tagged() || self.ledger.is_exclusive(path) {
                    let meaning = format!("{who} drew a secret from {path}, and no entry tells of it");
                    self.tally.differ(Difference::audit(number, &request, meaning));
                } else {
                    self.tally.others += 1;
                }
            }
            What::TokenMade if line.makes_own() => self.tally.own += 1,
            What::TokenMade => {
                let meaning = format!("{who} made a task token, and no entry tells of it");
                self.tally.differ(Difference::audit(number, &request, meaning));
            }
            What::Renewed { .. } | What::Revoked { .. } => {
                let meaning = format!("{who} made {}, and no entry tells of it", line.words());
                self.nameless.push(Difference::audit(number, &request, meaning));
            }
            What::TokenEnded | What::LookedUp | What::PolicyRead | What::Foreign => {}
        }
    }

    fn tells_of(&self, line: &Line<'_>) -> bool {
        line.request_id.is_some_and(|id| self.ledger.expected(id).is_some())
    }

    /// A secret that the engine made for an intent, of which no `lease.issued` tells.
    fn unsealed(&mut self, number: u64, request: String, intent: u64) {
        let ended_again = self.done.contains_key(&(intent, Deed::Revoked));
        let meaning = match self.ledger.outcome(intent) {
            // Its record may come after the end of the bundle, or it is being closed.
            None => return self.tally.open_intents += 1,
            Some(Purpose::NotIssued { leased }) if ended_again || !leased => return,
            Some(Purpose::NotIssued { .. }) => {
                format!("a secret was made for intent {intent}, which the log calls not issued, and was not ended")
            }
            Some(_) => format!("a second secret was made for intent {intent}"),
        };
        self.tally.differ(Difference::audit(number, &request, meaning));
    }

    /// A task token of which no `token.made` tells; one that was ended at once did no harm.
    fn unrecorded(&mut self, number: u64, request: &str, task: u64) {
        if let Some(ended) = self.done.get_mut(&(task, Deed::TokenEnded)).filter(|ended| **ended > 0) {
            *ended -= 1;
            return;
        }
        let meaning = format!("a token was made for the task of entry {task}, and no entry tells of it");
        self.tally.differ(Difference::audit(number, request, meaning));
    }

    /// Entries that tell of calls which the audit file does not have.
    fn missing_lines(&mut self) {
        let headers = self.tally.headers_clear > 0;
        let (first, last) = (self.first.map(Time::unix_micros), self.last.map(Time::unix_micros));
        let within = |time: Time| {
            let micros = time.unix_micros();
            first.is_some_and(|first| micros >= first) && last.is_some_and(|last| micros <= last + SKEW_MICROS)
        };
        let mut differences = Vec::new();
        for (index, time, expected) in self.ledger.entries() {
            if !within(time) {
                self.tally.out_of_range += 1;
                continue;
            }
            self.tally.compared.count(expected);
            if let Some(request) = expected.request()
                && !self.seen.contains(&index)
            {
                let meaning = format!("the audit file has no answer to request {request}, {}", expected.words());
                differences.push(Difference::log(index, &meaning));
            }
            if let Some((made_for, deed)) = expected.deed().filter(|_| headers)
                && !made_for.iter().any(|entry| self.done.contains_key(&(*entry, deed)))
            {
                let meaning = format!("the audit file has no {} made for entry {}", deed.words(), listed(&made_for));
                differences.push(Difference::log(index, &meaning));
            }
        }
        if headers {
            for (issued, count) in self.ledger.renewals() {
                let made = self.done.get(&(issued, Deed::Prolonged)).copied().unwrap_or_default();
                let index = self.ledger.last_renewal(issued);
                if made < count && self.ledger.time(index).is_some_and(within) {
                    let meaning = format!("the log tells of {count} renewals, the audit file has {made}");
                    differences.push(Difference::log(index, &meaning));
                }
                self.tally.lost_answers += made.saturating_sub(count);
            }
        }
        differences.into_iter().for_each(|difference| self.tally.differ(difference));
    }
}

impl Deed {
    const fn words(self) -> &'static str {
        match self {
            Self::Prolonged => "renewal",
            Self::Revoked => "revocation",
            Self::TokenEnded => "revocation of a token",
        }
    }
}

fn listed(indices: &[u64]) -> String {
    indices.iter().map(u64::to_string).collect::<Vec<_>>().join(" or ")
}

impl Role {
    /// Whether a call can have been made for an entry of this role.
    fn allows(&self, what: &What, ledger: &Ledger) -> bool {
        match (self, what) {
            (_, What::LookedUp) => true,
            (Self::Request, What::TokenMade | What::PolicyRead | What::TokenEnded) => true,
            (Self::Token, What::TokenEnded) => true,
            (Self::Intent { lease }, What::Draw { path }) => ledger.path_of(*lease) == Some(path.as_str()),
            (Self::Intent { lease } | Self::Issued { lease }, What::Renewed { under } | What::Revoked { under }) => {
                let below = |path: &str| under.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
                ledger.path_of(*lease).is_some_and(below)
            }
            _ => false,
        }
    }
}

impl Expected {
    /// Whether a line can be the call that an entry tells of.
    fn fits(&self, line: &Line<'_>, what: &What) -> bool {
        match (self, what) {
            (Self::TokenMade { .. }, What::TokenMade) => !line.failed,
            (Self::Issued { path, .. }, What::Draw { path: drawn }) => !line.failed && path == drawn,
            (Self::Revoked { .. }, What::LookedUp) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
