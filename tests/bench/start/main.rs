//! `cargo xtask bench start`: how long a broker takes from its log's file to a state that it can decide
//! on, with a snapshot and a tail of entries behind it, and what taking a snapshot costs.
//!
//! The log is grown through the state machine and the real store (`grow.rs`). What is not a figure is
//! talk. Words: `10k` and `1m` (open leases) choose a case, a number adds so many entries to the log.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod grow;

use anyhow::{Context as _, Result};
use grow::{Grower, signer};
use leasehold::adapters::shelf::FileShelf;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::adapters::system::SystemClock;
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::state::State;
use leasehold::services::journal::{Journal, Parts};
use leasehold::services::snapshot::spacing;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use xtask::figures::Figure;

// As in the broker.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Open leases, and what a start with them may take, in milliseconds.
struct Case {
    name: &'static str,
    leases: u64,
    bound: f64,
}

const CASES: [Case; 2] =
    [Case { name: "10k", leases: 10_000, bound: 100.0 }, Case { name: "1m", leases: 1_000_000, bound: 3_000.0 }];
const STARTS: usize = 5;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let more = words.iter().find_map(|word| word.parse().ok()).unwrap_or(0);
    let named = CASES.iter().any(|case| words.iter().any(|word| word == case.name));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for case in CASES.iter().filter(|case| !named || words.iter().any(|word| word == case.name)) {
        runtime.block_on(measure(case, more))?;
    }
    Ok(())
}

async fn measure(case: &Case, more: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log.db");
    let mut grower = Grower::new(&log).await?;
    grower.leases(case.leases).await?;
    grower.filler(more).await?;
    let edge = grower.end();
    let (journal, whole) = start(&log).await?;
    figure(case, "whole_fold", whole, "ms", None);
    let taken = timed(|| journal.take_snapshot())?;
    figure(case, "take_snapshot", taken, "ms", None);
    let state = journal.published().state.clone();
    drop(journal);
    parts_of_it(case, &state)?;
    // The longest tail that a broker leaves.
    let tail = spacing(&state);
    let mut grower = Grower::resume(&log, state, edge).await?;
    grower.filler(tail).await?;
    drop(grower);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start(&log).await?.1);
    }
    starts.sort_by(f64::total_cmp);
    let median = starts.get(STARTS / 2).copied().context("no start")?;
    figure(case, "tail", tail as f64, "entries", None);
    figure(case, "start", median, "ms", Some(case.bound));
    Ok(())
}

fn parts_of_it(case: &Case, state: &State) -> Result<()> {
    let mut bytes = Vec::new();
    let write = timed(|| state.to_snapshot().map(|written| bytes = written).context("no form"))?;
    figure(case, "state_bytes", bytes.len() as f64, "bytes", None);
    figure(case, "write_state", write, "ms", None);
    let mut read = State::default();
    let took = timed(|| State::of_snapshot(&bytes).map(|state| read = state))?;
    figure(case, "read_state", took, "ms", None);
    anyhow::ensure!(read == *state, "another state was read");
    Ok(())
}

/// From the file to a journal that has taken the log over.
async fn start(log: &Path) -> Result<(Journal, f64)> {
    let from = Instant::now();
    let store = Arc::new(SqliteStore::open(log)?);
    let parts = Parts {
        store,
        shelf: Arc::new(FileShelf::beside(log)?),
        clock: Arc::new(SystemClock::start(grow::last())),
        signer: signer()?,
        judge: Arc::new(BuiltInRules),
        bootstrap: Vec::new(),
        mode: "dev",
        engine_request_seconds_max: 2,
        vouched: None,
    };
    let (journal, _writer) = Journal::start(parts).await?;
    Ok((journal, from.elapsed().as_secs_f64() * 1e3))
}

fn timed<E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<(), E>) -> Result<f64> {
    let from = Instant::now();
    work().map_err(Into::into)?;
    Ok(from.elapsed().as_secs_f64() * 1e3)
}

fn figure(case: &Case, name: &str, value: f64, unit: &str, bound: Option<f64>) {
    let (figure, unit) = (format!("start.{}.{name}", case.name), unit.to_owned());
    Figure { figure, value, unit, floor: None, ratio: None, bound }.print();
}
