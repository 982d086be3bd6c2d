//! The offline verifier on a bundle: in turns with hashing alone over the same bytes, each in a process
//! of its own; and, for information, where its time goes.

use crate::child::{call, entry_of};
use crate::plan::Size;
use crate::report::{against, bound, median, plain};
use crate::story::{self, ORIGIN, Story};
use anyhow::{Context as _, Result};
use leasehold::audit::bundle::{Head, Line, Shown};
use leasehold::domain::base::Digest;
use leasehold::domain::entry::{Entry, canonical};
use leasehold::domain::state::State;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::tree::Edge;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

const LAWS_MAX: f64 = 2.0;
const MEMORY_MAX: f64 = 128.0;
/// A large log is read often enough in three turns.
const TURNS_MAX: usize = 3;
/// Entries that are taken apart.
const SPLIT: u64 = 50_000;

/// Writes the bundle, lets both take turns, and takes the bundle away.
pub(crate) fn turns(folder: &Path, size: &Size) -> Result<()> {
    let file = folder.join("log.bundle");
    let payload = write_bundle(&file, size.long)?;
    println!("verify: {} entries of {:.0} bytes on average", size.long, payload);
    let bundle = file.to_str().context("a path that is no text")?;
    let (mut laws, mut one_core, mut hashes, mut peaks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..size.rounds.min(TURNS_MAX) {
        let mut all = ["verify", "merkle", "one-core"];
        if round % 2 == 1 {
            all.reverse();
        }
        for task in all {
            let [seconds, peak] = call(task, bundle)?.try_into().ok().context("two numbers")?;
            let entry = seconds * 1e9 / size.long as f64;
            match task {
                "merkle" => hashes.push(entry),
                "one-core" => one_core.push(entry),
                _ => {
                    laws.push(entry);
                    peaks.push(peak);
                }
            }
        }
    }
    std::fs::remove_file(&file)?;
    plain("entry.bytes", payload, "B");
    let floor = median(hashes);
    against("verify.entry", median(laws), floor, "ns", LAWS_MAX);
    plain("verify.cores", std::thread::available_parallelism()?.get() as f64, "");
    plain("verify.one_core.entry", median(one_core.clone()), "ns");
    plain("verify.one_core.ratio", median(one_core) / floor, "");
    bound("verify.memory", peaks.into_iter().fold(0.0, f64::max), "MiB", MEMORY_MAX);
    Ok(())
}

/// What each step of the verifier takes, over and over on the same entries.
pub(crate) fn split(size: &Size) -> Result<()> {
    let lines = bundle_lines(SPLIT.min(size.long))?;
    let entries: Vec<&[u8]> = lines.iter().filter_map(|line| entry_of(line)).collect();
    let read: Vec<Entry> = entries.iter().map(|bytes| Ok(Entry::read(bytes)?)).collect::<Result<_>>()?;
    let leaves: Vec<_> = entries.iter().map(|bytes| leaf_hash(bytes)).collect();
    let each = |name: &str, step: &mut dyn FnMut()| {
        let mut walls = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            step();
            walls.push(begun.elapsed().as_secs_f64() * 1e9 / lines.len() as f64);
        }
        plain(&format!("verify.split.{name}"), median(walls), "ns");
    };
    each("line", &mut || {
        for line in &lines {
            let _line = black_box(Line::read(line));
        }
    });
    each("leaf", &mut || {
        for bytes in &entries {
            black_box(leaf_hash(bytes));
        }
    });
    each("tree", &mut || {
        let mut edge = Edge::new();
        for leaf in &leaves {
            black_box(edge.push(*leaf));
        }
    });
    each("canonical", &mut || {
        for bytes in &entries {
            let _checked = black_box(canonical::check(bytes));
        }
    });
    each("typed", &mut || {
        for bytes in &entries {
            let _entry = black_box(Entry::read(bytes));
        }
    });
    each("laws", &mut || {
        let mut state = State::judging();
        for (entry, leaf) in read.iter().zip(&leaves) {
            let _applied = black_box(state.apply(entry, Digest::from_bytes(*leaf.as_bytes())));
        }
    });
    Ok(())
}

/// Bytes of an entry on average. The head stands first and needs the root: the story is told twice.
fn write_bundle(file: &Path, size: u64) -> Result<f64> {
    let (mut edge, mut payload) = (Edge::new(), 0);
    tell(size, |_, bytes| {
        payload += bytes.len();
        drop(edge.push(leaf_hash(bytes)));
        Ok(())
    })?;
    let mut out = BufWriter::with_capacity(1 << 20, File::create_new(file)?);
    out.write_all(head(&edge)?.to_line().as_bytes())?;
    tell(size, |index, bytes| Ok(out.write_all(&line(index, bytes))?))?;
    out.flush()?;
    Ok(payload as f64 / size as f64)
}

fn line(index: u64, entry: &[u8]) -> Vec<u8> {
    Shown { entry, index, leaf: leaf_hash(entry), openings: Vec::new() }.to_line()
}

/// Lines without their line feeds.
fn bundle_lines(size: u64) -> Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    tell(size, |index, bytes| {
        lines.push(line(index, bytes));
        lines.iter_mut().last().map(Vec::pop);
        Ok(())
    })?;
    Ok(lines)
}

fn head(edge: &Edge) -> Result<Head> {
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: edge.size(), root: edge.root() };
    Ok(Head::new(checkpoint.sign(&story::signer()?), None))
}

fn tell(size: u64, mut each: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let mut story = Story::begin();
    for index in 0..size {
        let bytes = story.tell().write()?;
        each(index, &bytes)?;
        story.stands(Digest::from_bytes(*leaf_hash(&bytes).as_bytes()));
    }
    Ok(())
}
