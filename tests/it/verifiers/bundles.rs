//! Bundles as the tests make them, line by line and by hand: nothing here uses the writer of the product, but
//! the log's key signs.

use super::Verdict;
use super::mutations::Case;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leasehold::audit::{self, Blocks, Verifier, prepare};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::hash::{Hash, node_hash};
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::policy::Policy;
use leasehold::tlog::tree::Edge;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// The origin of every log here, as in the golden one.
pub(super) const ORIGIN: &str = "log.example.org/golden";

/// A bundle that holds, with the keys that one verifies it with.
pub(super) struct Base {
    /// Each with its line feed.
    pub(super) lines: Vec<Vec<u8>>,
    /// A policy, or the log's key.
    pub(super) keys: Vec<u8>,
}

/// A log whose key we hold.
#[derive(Clone)]
pub(super) struct Log {
    /// Its entries.
    pub(super) rows: Vec<Row>,
}

/// One entry with its line in a bundle.
#[derive(Clone)]
pub(super) struct Row {
    /// The entry.
    pub(super) entry: Value,
    openings: Vec<Value>,
    leaf: Hash,
}

/// Our own verifier's first complaint.
pub(super) fn verdict(bundle: &[u8], keys: &[u8]) -> Verdict {
    let first = report(bundle, keys).complaints.into_iter().next()?;
    Some((first.law, first.index))
}

/// Our own verifier as it stands behind each line of a good bundle: what stands before a change is judged once.
pub(super) struct Steps<'a> {
    base: &'a Base,
    behind: Vec<Verifier>,
}

impl<'a> Steps<'a> {
    pub(super) fn of(base: &'a Base) -> Self {
        let policy = Policy::parse(&base.keys).unwrap();
        let (mut verifier, _) = Verifier::begin(&mut Blocks::of(base.lines[0].as_slice(), 1), &policy).unwrap();
        let mut behind = vec![verifier.clone()];
        for line in &base.lines[1..] {
            assert!(verifier.take(prepare(line)) && verifier.so_far().holds());
            behind.push(verifier.clone());
        }
        Self { base, behind }
    }

    /// Its first complaint about a case; what stands behind that is not looked at.
    pub(super) fn verdict(&self, case: &Case) -> Verdict {
        if case.keep == 0 || case.head.is_some() {
            return verdict(&self.base.with(case), &self.base.keys);
        }
        let rest = [case.middle.clone(), self.base.lines[case.resume..].concat()].concat();
        let mut verifier = self.behind[case.keep - 1].clone();
        for block in Blocks::of(rest.as_slice(), 1_000) {
            let goes_on = verifier.take(block.pieces(1).into_iter().flat_map(prepare)) && verifier.go_on(block);
            if let Some(first) = verifier.so_far().complaints.first() {
                return Some((first.law.clone(), first.index));
            }
            assert!(goes_on);
        }
        let first = verifier.finish().complaints.into_iter().next()?;
        Some((first.law, first.index))
    }
}

/// Our own verifier's report.
pub(super) fn report(bundle: &[u8], keys: &[u8]) -> audit::Report {
    audit::verify(bundle, Policy::parse(keys).unwrap())
}

/// The key of every log here.
pub(super) fn signer() -> Signer {
    Signer::generate(ORIGIN, [7; 32]).unwrap()
}

impl Base {
    /// The bundle of docs/evidence.
    pub(super) fn golden() -> Self {
        let read = |name: &str| std::fs::read(xtask::root().join("docs/evidence").join(name)).unwrap();
        let bundle = read("log.bundle");
        let lines = bundle.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        Self { lines, keys: read("log.key") }
    }

    /// All lines.
    pub(super) fn whole(&self) -> Vec<u8> {
        self.lines.concat()
    }

    /// The changed bundle.
    pub(super) fn with(&self, case: &Case) -> Vec<u8> {
        let mut lines = self.lines[..case.keep].to_vec();
        if let (Some(head), Some(first)) = (&case.head, lines.first_mut()) {
            first.clone_from(head);
        }
        [lines.concat(), case.middle.clone(), self.lines[case.resume..].concat()].concat()
    }

    /// Another bundle as a change of this one.
    pub(super) fn to(&self, lines: &[Vec<u8>], what: String) -> Case {
        let (mine, theirs) = (&self.lines[1..], &lines[1..]);
        let same = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let room = mine.len().min(theirs.len()) - same;
        let behind = mine.iter().rev().zip(theirs.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
        let middle = theirs[same..theirs.len() - behind].concat();
        Case { head: Some(lines[0].clone()), keep: 1 + same, middle, resume: self.lines.len() - behind, what }
    }
}

impl Log {
    /// The log of docs/evidence.
    pub(super) fn golden() -> Self {
        let golden = Base::golden();
        let rows = golden.lines[1..].iter().map(|line| {
            let line: Value = serde_json::from_slice(line).unwrap();
            Row::new(line["entry"].clone(), line["openings"].as_array().cloned().unwrap_or_default())
        });
        Self { rows: rows.collect() }
    }

    /// All of it, signed.
    pub(super) fn base(&self) -> Base {
        Base { lines: self.bundle(None), keys: format!("{}\n", signer().verifier()).into_bytes() }
    }

    /// The lines of the whole bundle.
    pub(super) fn bundle(&self, selection: Option<&Value>) -> Vec<Vec<u8>> {
        self.partial(&[], selection)
    }

    /// The lines of a bundle in which these ranges are folded away.
    pub(super) fn partial(&self, hidden: &[Range<usize>], selection: Option<&Value>) -> Vec<Vec<u8>> {
        let mut lines = vec![self.head(selection)];
        let mut at = 0;
        for range in hidden {
            lines.extend((at..range.start).map(|index| self.rows[index].line(index)));
            let mut from = range.start;
            while from < range.end {
                let fits = |leaves: &usize| from % leaves == 0 && from + leaves <= range.end;
                let leaves = (0..32).map(|power| 1 << power).take_while(fits).last().unwrap();
                let hash = self.subtree(from, leaves);
                lines.push(written(&json!({ "from": from, "hash": hash.to_string(), "leaves": leaves })));
                from += leaves;
            }
            at = range.end;
        }
        lines.extend((at..self.rows.len()).map(|index| self.rows[index].line(index)));
        lines
    }

    fn head(&self, selection: Option<&Value>) -> Vec<u8> {
        let mut edge = Edge::new();
        for row in &self.rows {
            drop(edge.push(row.leaf));
        }
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: edge.size(), root: edge.root() }.sign(&signer());
        head(&checkpoint, selection)
    }

    fn subtree(&self, from: usize, leaves: usize) -> Hash {
        if leaves == 1 {
            return self.rows[from].leaf;
        }
        node_hash(&self.subtree(from, leaves / 2), &self.subtree(from + leaves / 2, leaves / 2))
    }

    /// The index of the first entry of a type.
    pub(super) fn first(&self, kind: &str) -> usize {
        self.rows.iter().position(|row| row.entry["type"] == kind).unwrap()
    }
}

/// The first line of a bundle.
pub(super) fn head(checkpoint: &str, selection: Option<&Value>) -> Vec<u8> {
    let mut head = json!({ "checkpoint": checkpoint, "form": "leasehold-bundle/2" });
    if let Some(selection) = selection {
        head["selection"] = selection.clone();
    }
    written(&head)
}

impl Row {
    pub(super) fn new(entry: Value, openings: Vec<Value>) -> Self {
        let leaf = leaf_hash(serde_jcs::to_string(&entry).unwrap().as_bytes());
        Self { entry, openings, leaf }
    }

    /// The same with another entry, without openings if they would not fit any more.
    pub(super) fn with(&self, entry: Value) -> Self {
        let fits = ["type", "commitments"].iter().all(|key| entry.get(key) == self.entry.get(key));
        Self::new(entry, if fits { self.openings.clone() } else { Vec::new() })
    }

    /// The leaf hash, in the text form of digests.
    pub(super) fn digest(&self) -> String {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.leaf.as_bytes())
    }

    pub(super) fn line(&self, index: usize) -> Vec<u8> {
        let mut line = Map::new();
        line.insert("entry".into(), self.entry.clone());
        line.insert("index".into(), index.into());
        line.insert("leaf".into(), STANDARD.encode(self.leaf.as_bytes()).into());
        if !self.openings.is_empty() {
            line.insert("openings".into(), self.openings.clone().into());
        }
        written(&line.into())
    }
}

fn written(value: &Value) -> Vec<u8> {
    (serde_jcs::to_string(value).unwrap() + "\n").into_bytes()
}
