//! The checks, in this order: the head and its signature; then line by line its place, its leaf hash,
//! the entry, its openings, the laws; at the end the root. What is told first is where a log departs
//! from what was signed. docs/evidence-format.md gives the order to whoever writes another verifier.

use super::bundle::{Disclosed, Head, Line, Selection, Shown};
use super::parts::{COMPLETE, Parts};
use super::report::Report;
use domain::base::Digest;
use domain::entry::bodies::lease::Assurance;
use domain::entry::body::Type;
use domain::entry::{Body, Commitment, Entry};
use domain::state::{Broken, State};
use std::io::BufRead;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::peaks::{Peaks, Subtree};
use tlog::policy::{JudgeError, Policy};
use tlog::proof::verify_inclusion;
use tlog::receipt::Receipt;

/// Most complaints that are kept; a log with more is no log.
const COMPLAINTS_MAX: usize = 100;
/// No line is longer: an entry, its openings, and what stands around them.
const LINE_BYTES_MAX: u64 = 1 << 20;

struct Verification {
    report: Report,
    peaks: Peaks,
    signed: Option<Checkpoint>,
    selection: Option<Selection>,
    laws: Laws,
    types: [u64; Type::ALL.len()],
}

/// Which laws the entries are held against.
enum Laws {
    /// Nothing is folded away so far: the fold of the state, the server's own.
    Whole(Box<State>),
    /// Something is: what can be said of parts.
    Parts(Box<Parts>),
    /// A law was broken, or an entry could not be read: what follows cannot be judged.
    Off,
}

/// What became of the reading.
enum Reading {
    GoesOn,
    Stops,
}

/// Verifies a bundle against the log's key, or a policy with its witnesses. Never fails: what cannot be
/// read is a complaint.
pub fn verify(mut bundle: impl BufRead, trusted: impl Into<Policy>) -> Report {
    let mut it = Verification::new();
    let mut line = Vec::new();
    let head = read_line(&mut bundle, &mut line).and_then(|more| if more { Ok(()) } else { Err("no head".into()) });
    match head.and_then(|()| Head::read(&line)) {
        Ok(head) => it.head(head, &trusted.into()),
        Err(why) => {
            it.report.complain(None, "bundle", why);
            return it.report;
        }
    }
    if let Reading::Stops = it.lines(bundle, line) {
        it.count_up();
        return it.report;
    }
    it.end();
    it.report
}

/// The next line without its line feed; `false` at the end.
fn read_line(bundle: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, String> {
    line.clear();
    let read =
        std::io::Read::take(bundle, LINE_BYTES_MAX).read_until(b'\n', line).map_err(|error| error.to_string())?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) if read as u64 == LINE_BYTES_MAX => Err("the line is too long".into()),
        Some(_) => Err("the last line is not whole".into()),
    }
}

/// Verifies a receipt: that `entry` stands in a log that `key` signed, and its openings.
pub fn verify_receipt(proof: &str, entry: &[u8], openings: &[Disclosed], trusted: impl Into<Policy>) -> Report {
    let mut report = Report::default();
    let policy = trusted.into();
    let index = match Receipt::parse(proof) {
        Ok(receipt) => {
            let Some(signed) = believe(&mut report, &receipt.checkpoint_text, &policy) else { return report };
            (report.size, report.root, report.shown) = (signed.size, signed.root.to_string(), 1);
            if let Err(error) = verify_inclusion(&leaf_hash(entry), receipt.index, &signed.head(), &receipt.proof) {
                return refused(report, Some(receipt.index), "inclusion", &error);
            }
            Some(receipt.index)
        }
        Err(error) => return refused(report, None, "receipt", &error),
    };
    match Entry::read(entry) {
        Ok(read) => {
            *report.types.entry(read.body.type_name().into()).or_default() += 1;
            check_openings(&mut report, index, &read, openings);
        }
        Err(error) => report.complain(index, "entry", error.to_string()),
    }
    report
}

/// The checkpoint, if the log signed it; who vouches for it stands in the report.
fn believe(report: &mut Report, checkpoint: &str, policy: &Policy) -> Option<Checkpoint> {
    match policy.judge(checkpoint) {
        Ok(judged) => {
            report.witnesses = judged.witnesses.into_iter().map(|(name, _)| name).collect();
            report.unknown_signatures = judged.unknown;
            if !judged.quorum_met {
                let meaning = format!("{} known witnesses vouch for it: too few", report.witnesses.len());
                report.complain(None, "witness", meaning);
            }
            report.origin.clone_from(&judged.checkpoint.origin);
            Some(judged.checkpoint)
        }
        Err(error @ JudgeError::Witness(_)) => {
            report.complain(None, "witness", error.to_string());
            None
        }
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            report.complain(None, "signature", format!("{error}{source}"));
            None
        }
    }
}

fn refused(mut report: Report, index: Option<u64>, law: &str, error: &dyn std::error::Error) -> Report {
    report.complain(index, law, error.to_string());
    report
}

impl Verification {
    fn new() -> Self {
        Self {
            report: Report { whole: true, ..Report::default() },
            peaks: Peaks::default(),
            signed: None,
            selection: None,
            laws: Laws::Whole(Box::default()),
            types: [0; Type::ALL.len()],
        }
    }

    fn head(&mut self, head: Head, policy: &Policy) {
        self.report.selection.clone_from(&head.selection);
        self.selection = head.selection;
        self.signed = believe(&mut self.report, &head.checkpoint, policy);
    }

    /// What cannot be placed ends the reading: nothing behind it can be placed either.
    fn lines(&mut self, mut bundle: impl BufRead, mut line: Vec<u8>) -> Reading {
        loop {
            let place = Some(self.peaks.size());
            let taken = match read_line(&mut bundle, &mut line) {
                Ok(false) => return Reading::GoesOn,
                Ok(true) => Line::read(&line).map_err(|why| ("bundle", why)).and_then(|line| self.line(&line)),
                Err(why) => Err(("bundle", why)),
            };
            if let Err((law, why)) = taken {
                self.report.complain(place, law, why);
                return Reading::Stops;
            }
            if self.report.complaints.len() >= COMPLAINTS_MAX {
                self.report.complain(None, "bundle", "and more: the rest was not looked at");
                return Reading::Stops;
            }
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), (&'static str, String)> {
        let place = self.peaks.size();
        match line {
            Line::Entry(shown) if shown.index == place => {
                self.entry(shown);
                Ok(())
            }
            Line::Entry(shown) => Err(("order", format!("entry {} stands where entry {place} must", shown.index))),
            Line::Folded(subtree) => self.folded(subtree),
        }
    }

    fn folded(&mut self, subtree: &Subtree) -> Result<(), (&'static str, String)> {
        if !self.peaks.push_subtree(subtree) {
            let (from, place) = (subtree.from, self.peaks.size());
            return Err(("order", format!("a subtree from {from} does not belong at {place}")));
        }
        self.report.whole = false;
        match &mut self.laws {
            Laws::Whole(state) => self.laws = Laws::Parts(Box::new(Parts::after(state, self.selection.clone()))),
            Laws::Parts(parts) => parts.skip(),
            Laws::Off => {}
        }
        Ok(())
    }

    fn entry(&mut self, shown: &Shown<'_>) {
        let (index, leaf) = (self.peaks.size(), leaf_hash(shown.entry));
        self.peaks.push(leaf);
        self.report.shown += 1;
        if leaf != shown.leaf {
            self.laws = Laws::Off;
            self.report.complain(
                Some(index),
                "leaf",
                "the entry is not the one of which the line states the leaf hash",
            );
        }
        let entry = match Entry::read_canonical(shown.entry) {
            Ok(entry) => entry,
            Err(error) => {
                self.laws = Laws::Off;
                return self.report.complain(Some(index), "entry", error.to_string());
            }
        };
        if let Some(count) = self.types.get_mut(entry.body.kind() as usize) {
            *count += 1;
        }
        count(&mut self.report, &entry.body);
        check_openings(&mut self.report, Some(index), &entry, &shown.openings);
        let judged = match &mut self.laws {
            Laws::Whole(state) => state.apply(&entry, Digest::from_bytes(*leaf.as_bytes())),
            Laws::Parts(parts) => parts.follow(index, &entry),
            Laws::Off => Ok(()),
        };
        if let Err(broken) = judged {
            self.broken(Some(index), broken);
        }
    }

    fn broken(&mut self, index: Option<u64>, broken: Broken) {
        self.laws = Laws::Off;
        self.report.complain(index, broken.law, broken.sentence);
    }

    fn count_up(&mut self) {
        let counted = Type::ALL.iter().zip(self.types).filter(|(_, count)| *count > 0);
        self.report.types = counted.map(|(kind, count)| (kind.name().to_owned(), count)).collect();
        let found = self.peaks.head();
        (self.report.size, self.report.root) = (found.size, found.root.to_string());
    }

    fn end(&mut self) {
        self.count_up();
        self.root();
        match std::mem::replace(&mut self.laws, Laws::Off) {
            Laws::Whole(state) => self.end_of_whole(&state),
            Laws::Parts(parts) => {
                self.report.leases.open = parts.open_leases();
                if let Err(broken) = parts.end() {
                    self.broken(None, broken);
                } else if self.selection.is_some() && self.report.holds() {
                    self.report.complete = COMPLETE.iter().map(|kind| kind.name().to_owned()).collect();
                }
            }
            Laws::Off => {}
        }
    }

    fn root(&mut self) {
        let Some(signed) = &self.signed else { return };
        let found = self.peaks.head();
        let index = match found.size.cmp(&signed.size) {
            std::cmp::Ordering::Less => Some(found.size),
            std::cmp::Ordering::Equal if found.root == signed.root => return,
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(signed.size),
        };
        let meaning = format!("the entries are not the {} that were signed", signed.size);
        self.report.complain(index, "root", meaning);
    }

    fn end_of_whole(&mut self, state: &State) {
        let origin = &state.broker.origin;
        if self.signed.as_ref().is_some_and(|signed| signed.origin != *origin) {
            self.report.complain(None, "origin", format!("the log says that it is {origin}"));
        }
        if let Err(broken) = state.check_end() {
            self.report.complain(None, broken.law, broken.sentence);
        }
        self.report.leases.open = state.leases.len() as u64;
        self.report.leases.unproven = state.unproven.len() as u64;
        self.report.complete = Type::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    }
}

fn count(report: &mut Report, body: &Body) {
    let leases = &mut report.leases;
    match body {
        Body::LeaseIssued(_) => leases.issued += 1,
        Body::LeaseNotIssued(_) => leases.not_issued += 1,
        Body::LeaseExpired(_) => leases.expired += 1,
        Body::LeaseRevoked(revoked) if revoked.assurance == Assurance::EffectConfirmed => {
            leases.effect_confirmed += 1;
        }
        Body::LeaseRevoked(_) => leases.authority_confirmed += 1,
        _ => {}
    }
}

fn check_openings(report: &mut Report, index: Option<u64>, entry: &Entry, openings: &[Disclosed]) {
    for opening in openings {
        let computed = opening
            .salt_bytes()
            .map(|salt| Commitment::of(entry.body.type_name(), &opening.field, &salt, &opening.value));
        match (entry.commitments.get(&opening.field), computed) {
            (Some(committed), Some(computed)) if *committed == computed => report.openings += 1,
            (None, _) => {
                let meaning = format!("{} is not committed to in this entry", opening.field);
                report.complain(index, "opening", meaning);
            }
            _ => report.complain(index, "opening", format!("{} is not what was committed to", opening.field)),
        }
    }
}

#[cfg(test)]
mod tests;
