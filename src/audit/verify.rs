//! The checks: signature, structure, canonical bytes, openings, and the laws by folding.

use super::bundle::{Disclosed, FORM, Head, Line};
use super::report::Report;
use crate::domain::base::Digest;
use crate::domain::entry::bodies::lease::Assurance;
use crate::domain::entry::{Body, Commitment, Entry};
use crate::domain::state::State;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::leaf_hash;
use crate::tlog::note::VerifierKey;
use crate::tlog::receipt::Receipt;
use crate::tlog::tree::Edge;
use std::io::BufRead;

/// Most complaints that are kept; a log with more is no log.
const COMPLAINTS_MAX: usize = 100;

struct Verification {
    report: Report,
    edge: Edge,
    /// `None` once a law was broken: what follows cannot be judged.
    state: Option<State>,
}

/// Verifies a whole bundle. Never fails: what cannot be read is a complaint.
pub fn verify(bundle: impl BufRead, key: &VerifierKey) -> Report {
    let mut it = Verification { report: Report::default(), edge: Edge::new(), state: Some(State::default()) };
    let mut lines = bundle.lines();
    let head = lines.next().and_then(Result::ok).unwrap_or_default();
    for line in lines {
        match line.map_err(|error| error.to_string()).and_then(|line| read_line(&line)) {
            Ok(line) => it.entry(&line),
            Err(why) => it.report.complain(Some(it.edge.size()), "bundle", why),
        }
        if it.report.complaints.len() >= COMPLAINTS_MAX {
            it.report.complain(None, "bundle", "and more: the rest was not looked at");
            break;
        }
    }
    it.checkpoint(&head, key);
    it.end();
    it.report
}

/// Verifies a receipt: that `entry` stands in a log that `key` signed, and its openings.
pub fn verify_receipt(proof: &str, entry: &[u8], openings: &[Disclosed], key: &VerifierKey) -> Report {
    let mut report = Report::default();
    let index = match Receipt::parse(proof) {
        Ok(receipt) => match receipt.verify(entry, key) {
            Ok(checkpoint) => {
                (report.origin, report.size) = (checkpoint.origin, checkpoint.size);
                report.root = checkpoint.root.to_string();
                Some(receipt.index)
            }
            Err(error) => return refused(report, Some(receipt.index), "inclusion", &error),
        },
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

fn refused(mut report: Report, index: Option<u64>, law: &str, error: &dyn std::error::Error) -> Report {
    report.complain(index, law, error.to_string());
    report
}

fn read_line(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|error| format!("not a line of a bundle: {error}"))
}

impl Verification {
    fn entry(&mut self, line: &Line) {
        let index = self.edge.size();
        let bytes = line.entry.get().as_bytes();
        let leaf = leaf_hash(bytes);
        // Tiles are the store's; a verifier keeps only the edge.
        drop(self.edge.push(leaf));
        if line.index != index {
            let meaning = format!("stands where entry {index} must stand");
            self.report.complain(Some(line.index), "order", meaning);
        }
        let entry = match Entry::read(bytes) {
            Ok(entry) => entry,
            Err(error) => {
                self.state = None;
                return self.report.complain(Some(index), "entry", error.to_string());
            }
        };
        *self.report.types.entry(entry.body.type_name().into()).or_default() += 1;
        count(&mut self.report, &entry.body);
        check_openings(&mut self.report, Some(index), &entry, &line.openings);
        let Some(state) = &mut self.state else { return };
        if let Err(broken) = state.apply(&entry, Digest::from_bytes(*leaf.as_bytes())) {
            self.report.complain(Some(index), broken.law, broken.sentence);
            self.state = None;
        }
    }

    fn checkpoint(&mut self, head: &str, key: &VerifierKey) {
        let head: Head = match serde_json::from_str(head) {
            Ok(head) => head,
            Err(error) => return self.report.complain(None, "bundle", format!("no head: {error}")),
        };
        if head.form != FORM {
            return self.report.complain(None, "bundle", format!("form {} is not {FORM}", head.form));
        }
        self.report.size = self.edge.size();
        self.report.root = self.edge.root().to_string();
        match Checkpoint::open(&head.checkpoint, key) {
            Err(error) => self.report.complain(None, "signature", error.to_string()),
            Ok(signed) => {
                if (signed.size, signed.root) != (self.edge.size(), self.edge.root()) {
                    let meaning = format!("the entries are not the {} that were signed", signed.size);
                    self.report.complain(None, "root", meaning);
                }
                self.report.origin = signed.origin;
            }
        }
    }

    fn end(&mut self) {
        let Some(state) = &self.state else { return };
        if let Err(broken) = state.check_end() {
            self.report.complain(None, broken.law, broken.sentence);
        }
        if state.broker.origin != self.report.origin && !self.report.origin.is_empty() {
            self.report.complain(None, "origin", format!("the log says that it is {}", state.broker.origin));
        }
        self.report.leases.open = state.leases.len() as u64;
        self.report.leases.unproven = state.unproven.len() as u64;
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
