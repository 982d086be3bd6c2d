//! A bundle: a log, or the chosen part of one, in one file. Lines of canonical JSON. The first is the
//! head with the signed checkpoint; each other is an entry in its exact bytes, or a perfect subtree
//! of entries that are not shown. So every bundle has the shape of the whole log, and its root.
//!
//! docs/evidence-format.md says it for strangers. Nothing is verified here; see `verify`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::entry::canonical;
use domain::entry::canonical::typed::{self, Misread};
use domain::entry::{Entry, NotAnEntry};
use serde::{Deserialize, Serialize};
use tlog::Hash;
use tlog::peaks::Subtree;

/// The form that is written and read.
pub const FORM: &str = "leasehold-bundle/2";

// INVARIANT of every type here: fields in ASCII order of their names, so that what is written is canonical.

/// First line of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Signed checkpoint over exactly the log that follows.
    pub checkpoint: String,
    /// [`FORM`].
    pub form: String,
    /// What was chosen, if not the whole log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
}

/// What a part of a log was chosen for, as it was asked for; `to` no later than it can be counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Tasks of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Leases of this credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// From this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// This lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// This task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One disclosed opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// Name of the commitment.
    pub field: String,
    /// Base64 of 32 bytes.
    pub salt: String,
    /// The committed text.
    pub value: String,
}

/// Any line but the first.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// An entry that is shown; read, or why it cannot be.
    Entry(Shown<'a>, Result<Box<Entry>, NotAnEntry>),
    /// Entries that are not.
    Folded(Subtree),
}

/// An entry that is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Its canonical bytes.
    pub entry: &'a [u8],
    /// Its index.
    pub index: u64,
    /// Its leaf hash as the line states it: tells a damaged line from a forged log.
    pub leaf: Hash,
    /// Openings that are disclosed, ascending by field.
    pub openings: Vec<Disclosed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Folded<'a> {
    from: u64,
    hash: &'a str,
    leaves: u64,
}

impl Head {
    /// The head over a signed checkpoint.
    #[must_use]
    pub fn new(checkpoint: String, selection: Option<Selection>) -> Self {
        Self { checkpoint, form: FORM.into(), selection }
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads the line without its line feed.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let text = canonical::utf8(line).map_err(|error| format!("the head is not canonical: {error}"))?;
        let head: Self =
            typed::read(text).map_err(|misread| told(&misread, "the head is not canonical", "not a head"))?;
        if head.form == FORM { Ok(head) } else { Err(format!("form {} is not {FORM}", head.form)) }
    }
}

impl<'a> Line<'a> {
    /// Reads a line without its line feed. Exactly what [`Shown::to_line`] and [`folded_line`] write.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn read(line: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
        if text.starts_with(ENTRY) { read_shown(text) } else { read_folded(text).map(Self::Folded) }
    }
}

/// What is wrong with a line, by what it breaks.
fn told(misread: &Misread, form: &str, shape: &str) -> String {
    match misread {
        Misread::Form(_) => format!("{form}: {misread}"),
        Misread::Shape(_) => format!("{shape}: {misread}"),
    }
}

fn read_shown(line: &str) -> Result<Line<'_>, String> {
    let (read, end) =
        Entry::read_at(line, ENTRY.len()).map_err(|error| format!("the line is not canonical: {error}"))?;
    let (front, rest) = line.split_at(end);
    let entry = front.as_bytes().get(ENTRY.len()..).unwrap_or_default();
    let (index, rest) = number(rest.strip_prefix(INDEX).ok_or("no index behind the entry")?).ok_or("no whole index")?;
    let rest = rest.strip_prefix(LEAF).ok_or("no leaf hash behind the index")?;
    let (leaf, rest) = rest.split_at_checked(HASH_CHARACTERS).ok_or("the leaf hash is cut short")?;
    let leaf = Hash::parse(leaf).map_err(|_| "not a leaf hash")?;
    let openings = if rest == "\"}" { Vec::new() } else { read_openings(rest)? };
    Ok(Line::Entry(Shown { entry, index, leaf, openings }, read))
}

fn read_openings(rest: &str) -> Result<Vec<Disclosed>, String> {
    let inside = rest.strip_prefix("\",").ok_or("something else than openings behind the leaf hash")?;
    let object = format!("{{{inside}");
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Openings {
        openings: Vec<Disclosed>,
    }
    let Openings { openings } =
        typed::read(&object).map_err(|misread| told(&misread, "the openings are not canonical", "no openings"))?;
    let fields_ascend = openings.is_sorted_by(|one, next| one.field < next.field);
    let salts_are_whole = openings.iter().all(|opening| opening.salt_bytes().is_some());
    match () {
        () if openings.is_empty() => Err("an empty list of openings is left out".into()),
        () if !fields_ascend => Err("the openings are out of order".into()),
        () if !salts_are_whole => Err("a salt is not 32 bytes of padded base64".into()),
        () => Ok(openings),
    }
}

fn read_folded(line: &str) -> Result<Subtree, String> {
    let folded: Folded<'_> = typed::read(line)
        .map_err(|misread| told(&misread, "the line is not canonical", "neither entry nor subtree"))?;
    let root = Hash::parse(folded.hash).map_err(|error| error.to_string())?;
    // A number of leaves that is no power of two belongs nowhere: see `Peaks::push_subtree`.
    let height = if folded.leaves.is_power_of_two() { folded.leaves.trailing_zeros() as u8 } else { u8::MAX };
    Ok(Subtree { from: folded.from, height, root })
}

/// A canonical whole number at the beginning.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    let number: u64 = digits.parse().ok()?;
    let is_shortest = digits == "0" || !digits.starts_with('0');
    (number <= NUMBER_MAX && is_shortest).then_some((number, rest))
}

impl Shown<'_> {
    /// The line, with its line feed. The entry's bytes are taken to be canonical.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let index = self.index.to_string();
        let mut line = [
            ENTRY.as_bytes(),
            self.entry,
            INDEX.as_bytes(),
            index.as_bytes(),
            LEAF.as_bytes(),
            self.leaf.to_string().as_bytes(),
        ]
        .concat();
        line.extend_from_slice(b"\"");
        if !self.openings.is_empty() {
            line.extend_from_slice(b",\"openings\":");
            line.extend(serde_json::to_vec(&self.openings).unwrap_or_default());
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

/// The line of a subtree, with its line feed.
#[must_use]
pub fn folded_line(subtree: &Subtree) -> Vec<u8> {
    let hash = subtree.root.to_string();
    let folded = Folded { from: subtree.from, hash: &hash, leaves: subtree.leaves() };
    let mut line = serde_json::to_vec(&folded).unwrap_or_default();
    line.push(b'\n');
    line
}

impl Disclosed {
    /// An opening for disclosure.
    #[must_use]
    pub fn new(field: &str, salt: &[u8], value: &str) -> Self {
        Self { field: field.into(), salt: STANDARD.encode(salt), value: value.into() }
    }

    /// The salt's bytes, if they are 32.
    #[must_use]
    pub fn salt_bytes(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.salt).ok()?.try_into().ok()
    }
}

const ENTRY: &str = "{\"entry\":";
const INDEX: &str = ",\"index\":";
const LEAF: &str = ",\"leaf\":\"";
const HASH_CHARACTERS: usize = 44;
const NUMBER_MAX: u64 = (1 << 53) - 1;
