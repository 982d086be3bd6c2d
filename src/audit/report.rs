//! What a verification found, for people and for programs.

use super::bundle::Selection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// Index of the entry; `None` for the log as a whole.
    pub index: Option<u64>,
    /// Short name of the law.
    pub law: String,
    /// What it means.
    pub meaning: String,
}

/// How the leases of the log ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// Secrets that were issued.
    pub issued: u64,
    /// Seen gone at the backend itself.
    pub effect_confirmed: u64,
    /// Revoked and looked up as gone at the engine.
    pub authority_confirmed: u64,
    /// Ended only by rotation or expiry.
    pub expired: u64,
    /// Intents that came to nothing.
    pub not_issued: u64,
    /// Not settled at the end of the log.
    pub open: u64,
    /// Of these, overdue.
    pub unproven: u64,
}

/// The outcome. Everything holds exactly if there is no complaint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Origin of the log.
    pub origin: String,
    /// Known witnesses that vouch for it, by their names in the policy.
    pub witnesses: Vec<String>,
    /// Signatures by keys that nobody here knows: they were not judged.
    pub unknown_signatures: Vec<String>,
    /// Entries of the log.
    pub size: u64,
    /// Of these, how many the bundle shows.
    pub shown: u64,
    /// Whether it shows them all.
    pub whole: bool,
    /// What the bundle says that it was chosen for. Whoever handed it out chose; nothing signs it.
    pub selection: Option<Selection>,
    /// Types of which nothing is left out: of a whole log all; of a part those that its counts prove.
    pub complete: Vec<String>,
    /// Root hash, base64.
    pub root: String,
    /// Shown entries by type.
    pub types: BTreeMap<String, u64>,
    /// Disclosed openings that match their commitments.
    pub openings: u64,
    /// How the leases ended.
    pub leases: Ends,
    /// What does not hold, in order.
    pub complaints: Vec<Complaint>,
}

impl Report {
    /// Whether everything holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.complaints.is_empty()
    }

    pub(super) fn complain(&mut self, index: Option<u64>, law: &str, meaning: impl Into<String>) {
        self.complaints.push(Complaint { index, law: law.into(), meaning: meaning.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, shown, openings, leases, .. } = self;
        writeln!(f, "log {origin}: {size} entries, {openings} disclosed openings match")?;
        match self.witnesses.len() {
            0 => writeln!(f, "no known witness vouches for it")?,
            _ => writeln!(f, "witnessed by {}", self.witnesses.join(", "))?,
        }
        for name in &self.unknown_signatures {
            writeln!(f, "a signature by {name}, which is not known here, was not judged")?;
        }
        if !self.whole && self.shown < self.size {
            writeln!(f, "{shown} of them are shown, the others folded into hashes")?;
            let (chosen, from, to) = self.selection.as_ref().map(words).unwrap_or_default();
            if !chosen.is_empty() {
                writeln!(f, "chosen: {chosen}")?;
            }
            if !self.complete.is_empty() {
                let complete = self.complete.join(", ");
                writeln!(f, "by the log's own counts nothing is left out of {complete} from {from} to {to}")?;
            }
        }
        writeln!(
            f,
            "{} issued: {} effect-confirmed, {} authority-confirmed, {} ended by rotation or expiry, {} open ({} unproven); {} intents came to nothing",
            leases.issued,
            leases.effect_confirmed,
            leases.authority_confirmed,
            leases.expired,
            leases.open,
            leases.unproven,
            leases.not_issued
        )?;
        for Complaint { index, law, meaning } in &self.complaints {
            match index {
                Some(index) => writeln!(f, "entry {index}: {law}: {meaning}")?,
                None => writeln!(f, "the log: {law}: {meaning}")?,
            }
        }
        f.write_str(if self.holds() { "everything holds" } else { "it does not hold" })
    }
}

/// Whom or what it was chosen for, from when, and before when. Nobody vouches for these texts.
fn words(selection: &Selection) -> (String, String, String) {
    let Selection { agent, credential, from, lease, task, to } = selection;
    let named = |name: &Option<String>, word: &str| name.as_ref().map(|name| format!("{word} {name:?}"));
    let chosen = [named(agent, "agent"), named(credential, "credential"), named(lease, "lease"), named(task, "task")];
    let time = |time: &Option<String>, open: &str| time.as_ref().map_or(open.to_owned(), |time| format!("{time:?}"));
    (chosen.into_iter().flatten().collect::<Vec<_>>().join(", "), time(from, "its beginning"), time(to, "its end"))
}
