//! The checks, in this order: the head and its signature; then line by line its place, its leaf hash,
//! the entry, its openings, the laws; at the end the root. What is told first is where a log departs
//! from what was signed. docs/evidence-format.md gives the order to whoever writes another verifier.

mod blocks;
mod prepare;

pub use blocks::{Block, Blocks};
pub use prepare::{Prepared, prepare};

use super::bundle::{Disclosed, Head, Selection};
use super::parts::{COMPLETE, Parts};
use super::report::Report;
use domain::base::Digest;
use domain::entry::bodies::lease::Assurance;
use domain::entry::body::Type;
use domain::entry::{Body, Commitment, Entry};
use domain::state::{Broken, State};
use prepare::{Entered, Found};
use std::io::Read;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::peaks::{Peaks, Subtree};
use tlog::policy::{JudgeError, Policy};
use tlog::proof::verify_inclusion;
use tlog::receipt::Receipt;

/// Most complaints that are kept; a log with more is no log.
const COMPLAINTS_MAX: usize = 100;

/// Judges prepared lines, in the order of the bundle. The steps of [`verify`], for whoever has more than one
/// core to prepare lines on.
#[derive(Debug, Clone)]
pub struct Verifier {
    report: Report,
    /// What follows cannot be placed, or is too much: nothing more is taken.
    stopped: bool,
    peaks: Peaks,
    signed: Option<Checkpoint>,
    selection: Option<Selection>,
    laws: Laws,
    types: [u64; Type::ALL.len()],
}

/// Which laws the entries are held against.
#[derive(Debug, Clone)]
enum Laws {
    /// Nothing is folded away so far: the fold of the state, the server's own.
    Whole(Box<State>),
    /// Something is: what can be said of parts.
    Parts(Box<Parts>),
    /// A law was broken, or an entry could not be read: what follows cannot be judged.
    Off,
}

/// Verifies a bundle against the log's key, or a policy with its witnesses. Never fails: what cannot be
/// read is a complaint.
pub fn verify(bundle: impl Read, trusted: impl Into<Policy>) -> Report {
    let mut blocks = Blocks::new(bundle);
    let (mut verifier, first) = match Verifier::begin(&mut blocks, trusted) {
        Ok(begun) => begun,
        Err(report) => return *report,
    };
    for block in std::iter::once(first).chain(blocks) {
        if !verifier.take(prepare(block.lines())) || !verifier.go_on(block) {
            break;
        }
    }
    verifier.finish()
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

impl Verifier {
    /// Reads the head, and the first lines behind it.
    ///
    /// # Errors
    /// The report, if there is no head.
    pub fn begin<R: Read>(blocks: &mut Blocks<R>, trusted: impl Into<Policy>) -> Result<(Self, Block), Box<Report>> {
        let mut it = Self {
            report: Report { whole: true, ..Report::default() },
            stopped: false,
            peaks: Peaks::default(),
            signed: None,
            selection: None,
            laws: Laws::Whole(Box::new(State::judging())),
            types: [0; Type::ALL.len()],
        };
        let mut first = blocks.next().unwrap_or_default();
        match first.first_line().and_then(|line| Head::read(&line)) {
            Ok(head) => {
                it.head(head, &trusted.into());
                Ok((it, first))
            }
            Err(why) => {
                it.stop(None, "bundle", why);
                Err(Box::new(it.report))
            }
        }
    }

    fn head(&mut self, head: Head, policy: &Policy) {
        self.report.selection.clone_from(&head.selection);
        self.selection = head.selection;
        self.signed = believe(&mut self.report, &head.checkpoint, policy);
    }

    /// Takes the next lines; `false` once no more need to be prepared.
    pub fn take(&mut self, lines: impl IntoIterator<Item = Prepared>) -> bool {
        for Prepared(line) in lines {
            if self.stopped {
                break;
            }
            self.line(line);
        }
        !self.stopped
    }

    /// The lines of this block are taken; `false` if nothing follows on them that could be read.
    pub fn go_on(&mut self, block: Block) -> bool {
        if let Some(why) = block.broken.filter(|_| !self.stopped) {
            self.stop(Some(self.peaks.size()), "bundle", why);
        }
        !self.stopped
    }

    /// What was found so far.
    #[must_use]
    pub fn so_far(&self) -> &Report {
        &self.report
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.count_up();
        if !self.stopped {
            self.end();
        }
        self.report
    }

    /// What cannot be placed ends the reading: nothing behind it can be placed either.
    fn line(&mut self, line: Found) {
        let place = self.peaks.size();
        let taken = match line {
            Found::Entry(entered) if entered.index == place => {
                self.entry(entered);
                Ok(())
            }
            Found::Entry(entered) => Err(("order", format!("entry {} stands where entry {place} must", entered.index))),
            Found::Folded(subtree) => self.folded(&subtree),
            Found::Nothing(why) => Err(("bundle", why)),
        };
        if let Err((law, why)) = taken {
            self.stop(Some(place), law, why);
        } else if self.report.complaints.len() >= COMPLAINTS_MAX {
            self.stop(None, "bundle", "and more: the rest was not looked at".into());
        }
    }

    fn stop(&mut self, place: Option<u64>, law: &str, why: String) {
        self.report.complain(place, law, why);
        self.stopped = true;
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

    fn entry(&mut self, entered: Entered) {
        let Entered { index, leaf, as_stated, read, openings } = entered;
        self.peaks.push(leaf);
        self.report.shown += 1;
        if !as_stated {
            self.laws = Laws::Off;
            self.report.complain(
                Some(index),
                "leaf",
                "the entry is not the one of which the line states the leaf hash",
            );
        }
        let entry = match read {
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
        check_openings(&mut self.report, Some(index), &entry, &openings);
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
