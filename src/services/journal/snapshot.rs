//! The snapshot file: a note signed with the log's key, and behind it what the note vouches for, the
//! edge of the tree and the state at that size. It lies on the shelf beside the log, so that a start
//! need not read what is folded already.
//!
//! It is a cache. A snapshot that is not ours, or cannot be read, is as good as none; one that is ours
//! and of another log than the one in the store is never passed over (`fold`).

use super::Published;
use domain::base::Digest;
use domain::state::State;
use domain::state::snapshot::{FORM, NotAState};
use tlog::Hash;
use tlog::note::{self, NoteError, Signer, VerifierKey};
use tlog::tree::{Edge, ResumeError, TreeHead};

/// Its name on the shelf.
pub(super) const NAME: &str = "snapshot";
/// The largest that is read: some eight million open leases.
pub(super) const BYTES_MAX: u64 = 2 << 30;
/// First line of the signed text. No checkpoint begins with it: one signature cannot pass for the other.
const LABEL: &str = "leasehold/v1/snapshot";

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// Cut off, or no snapshot at all.
    #[error("it is not a snapshot, or not all of one")]
    Malformed,
    /// Not by this log's key.
    #[error("it is not signed by this log's key")]
    Note(#[from] NoteError),
    /// By this key for another name.
    #[error("it is a snapshot of the log {0}")]
    Origin(String),
    /// Written by another version.
    #[error("it has the form {0}, this program writes {FORM}")]
    Form(String),
    /// Not the bytes that were signed.
    #[error("its content is not what was signed")]
    Content,
    /// The edge in it is not of the tree.
    #[error("its tree is not the one that was signed")]
    Edge(#[from] ResumeError),
    /// The state in it cannot be read.
    #[error(transparent)]
    State(#[from] NotAState),
}

/// A snapshot whose note was verified. What is behind the note was not looked at yet.
#[derive(Debug)]
pub(super) struct Vouched<'b> {
    /// The tree that the log's key vouches for.
    pub(super) head: TreeHead,
    form: String,
    digest: Digest,
    content: &'b [u8],
}

/// What makes up a file.
pub(super) struct File {
    note: String,
    edge: Vec<u8>,
    state: Vec<u8>,
}

impl File {
    /// In the order in which they stand. They may be large: nobody copies them into one.
    pub(super) fn parts(&self) -> [&[u8]; 3] {
        [self.note.as_bytes(), &self.edge, &self.state]
    }
}

/// The file over what is published; `None` if the state has no written form.
pub(super) fn write(published: &Published, signer: &Signer) -> Option<File> {
    let (edge, state) = (published.edge.to_bytes(), published.state.to_snapshot()?);
    let text = text(signer.name(), &published.edge.head(), FORM, &Digest::of(&[&edge, &state]));
    let note = note::sign(&text, &[signer]).ok()?;
    Some(File { note, edge, state })
}

/// Opens the note of a file.
pub(super) fn open<'b>(file: &'b [u8], key: &VerifierKey) -> Result<Vouched<'b>, Unfit> {
    let (note, content) = split(file).ok_or(Unfit::Malformed)?;
    let opened = note::open(note, std::slice::from_ref(key))?;
    let (origin, vouched) = parse(opened.text, content).ok_or(Unfit::Malformed)?;
    if origin == key.name() { Ok(vouched) } else { Err(Unfit::Origin(origin)) }
}

impl Vouched<'_> {
    /// What the note vouches for, ready to be folded on.
    pub(super) fn read(&self) -> Result<Published, Unfit> {
        if self.form != FORM {
            return Err(Unfit::Form(self.form.clone()));
        }
        if Digest::of(&[self.content]) != self.digest {
            return Err(Unfit::Content);
        }
        let (edge, state) = Edge::of_bytes(&self.head, self.content)?;
        let state = State::of_snapshot(state)?;
        if state.size != self.head.size {
            return Err(Unfit::Content);
        }
        Ok(Published { state, checkpoint: String::new(), edge })
    }
}

/// What is signed. The first four lines are for ever, so that no later form is taken for a log's end.
fn text(origin: &str, head: &TreeHead, form: &str, digest: &Digest) -> String {
    format!("{LABEL}\n{origin}\n{}\n{}\n{form}\n{digest}\n", head.size, head.root)
}

fn parse<'b>(note: &str, content: &'b [u8]) -> Option<(String, Vouched<'b>)> {
    let mut lines = note.lines().skip(1);
    let (origin, size, root) = (lines.next()?, lines.next()?.parse().ok()?, lines.next()?);
    let (form, digest) = (lines.next()?.to_owned(), Digest::parse(lines.next()?).ok()?);
    let head = TreeHead { size, root: Hash::parse(root).ok()? };
    // Comparing with what we would write refuses other labels, other spellings and further lines.
    let is_it = text(origin, &head, &form, &digest) == note;
    is_it.then(|| (origin.to_owned(), Vouched { head, form, digest, content }))
}

/// The note (a text, a blank line, one signature line) and what is behind it.
fn split(file: &[u8]) -> Option<(&str, &[u8])> {
    let front = file.get(..NOTE_BYTES_MAX.min(file.len()))?;
    let blank = front.windows(2).position(|pair| pair == b"\n\n")? + 2;
    let signature = front.get(blank..)?.iter().position(|byte| *byte == b'\n')? + 1;
    let (note, content) = file.split_at_checked(blank + signature)?;
    Some((std::str::from_utf8(note).ok()?, content))
}

/// An origin has at most 255 bytes, and stands in the note twice.
const NOTE_BYTES_MAX: usize = 2_048;
