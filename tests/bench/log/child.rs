//! The bench calls itself for what must be measured in a process of its own, memory above all: one
//! line on stdout is the answer.

use crate::story::{self, Story};
use anyhow::{Context as _, Result, ensure};
use leasehold::audit::{self, Report};
use leasehold::client::verify_on_all_cores;
use leasehold::domain::base::Digest;
use leasehold::domain::state::State;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::tree::Edge;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The word that stands before a task for a child.
const WORD: &str = "--child";
/// As large as the reader of `leasehold evidence verify`.
const BUFFER: usize = 1 << 16;

/// What a child measured: its numbers, in the order of its task.
pub(crate) fn call(task: &str, argument: &str) -> Result<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?).args([WORD, task, argument]).output()?;
    ensure!(output.status.success(), "{task}: {}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8(output.stdout)?;
    text.split_whitespace().map(|word| word.parse().with_context(|| format!("{task} said {text}"))).collect()
}

/// Whether this process is one, and does its task.
pub(crate) fn answer() -> Option<Result<()>> {
    let mut words = std::env::args().skip_while(|word| word != WORD).skip(1);
    let (task, argument) = (words.next()?, words.next()?);
    let numbers = match task.as_str() {
        "verify" => verify(Path::new(&argument), |file, key| verify_on_all_cores(file, key)),
        "one-core" => verify(Path::new(&argument), |file, key| audit::verify(file, key)),
        "merkle" => merkle(Path::new(&argument)),
        "state" => state(argument.parse().unwrap_or_default()),
        _ => Err(anyhow::anyhow!("no such task: {task}")),
    };
    Some(numbers.map(|numbers| println!("{}", numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(" "))))
}

/// Seconds and peak memory of the verifier, as `leasehold evidence verify` runs it.
fn verify(bundle: &Path, how: impl FnOnce(File, &VerifierKey) -> Report) -> Result<Vec<f64>> {
    let (file, key) = (File::open(bundle)?, story::key()?);
    let begun = Instant::now();
    let report = how(file, &key);
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(report.holds() && report.size > 0, "{report}");
    Ok(vec![seconds, memory("VmHWM")?])
}

/// The same for hashing alone: lines are cut where the entry begins and ends, and nothing is parsed.
fn merkle(bundle: &Path) -> Result<Vec<f64>> {
    let mut reader = BufReader::with_capacity(BUFFER, File::open(bundle)?);
    let begun = Instant::now();
    let (mut line, mut edge) = (Vec::new(), Edge::new());
    reader.read_until(b'\n', &mut line)?;
    let head = String::from_utf8(std::mem::take(&mut line))?;
    while reader.read_until(b'\n', &mut line)? > 0 {
        let entry = entry_of(&line).context("a line without an entry")?;
        drop(edge.push(leaf_hash(entry)));
        line.clear();
    }
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(head.contains(&edge.root().to_string()), "hashing alone did not find the signed root");
    Ok(vec![seconds, memory("VmHWM")?])
}

/// The entry's bytes in a line of a bundle without openings, found from the end: the leaf hash has one length.
pub(crate) fn entry_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let index_ends = line.len().checked_sub(LEAF_CHARACTERS)?;
    let digits = line.get(..index_ends)?.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    line.get(..index_ends - digits)?.strip_suffix(b",\"index\":")?.strip_prefix(b"{\"entry\":")
}

/// `,"leaf":"`, 44 characters of base64, `"}`.
const LEAF_CHARACTERS: usize = 9 + 44 + 2;

/// Memory and what the state keeps, after the first leases and after all.
fn state(leases: u64) -> Result<Vec<f64>> {
    let (mut story, mut state, mut seen) = (Story::begin(), State::default(), Vec::new());
    let first = FIRST.min(leases / 4);
    for until in [first, leases] {
        while story.closed() < until || !story.is_between_waves() {
            let entry = story.tell();
            // Nothing here is hashed: an approval names what stands in for the leaf.
            let leaf = Digest::of(&[&story.size().to_be_bytes()]);
            state.apply(&entry, leaf)?;
            story.stands(leaf);
        }
        let kept = state.tasks.len() + state.leases.len() + state.requests.len();
        seen.extend([memory("VmRSS")?, kept as f64]);
    }
    Ok(seen)
}

/// More leases than end within the day in which repeats are remembered.
const FIRST: u64 = 150_000;

/// MiB.
fn memory(what: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).context("no such line")?;
    let kibibytes: f64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?;
    Ok(kibibytes / 1024.0)
}
