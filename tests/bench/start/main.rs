//! `cargo xtask bench start`: how long a broker takes from its log's file to a state that it can decide
//! on, with a snapshot and a tail of entries behind it, and what taking a snapshot costs.
//!
//! The log is grown through the state machine and the real store (`grow.rs`). What is not a figure is
//! talk. Words: `10k` and `1m` (open leases) choose a case, a number adds so many entries to the log.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod grow;

use anyhow::{Context as _, Result, bail};
use grow::{Grower, signer};
use leasehold::adapters::shelf::FileShelf;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::adapters::system::SystemClock;
use leasehold::domain::base::{Span, Time};
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::state::State;
use leasehold::services::journal::{Journal, Parts};
use leasehold::services::snapshot::spacing;
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
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
const AFRESH: &str = "afresh";

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
    if let [word, log, hours] = words.as_slice()
        && word == AFRESH
    {
        return runtime.block_on(be_afresh(Path::new(log), hours.parse()?));
    }
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
    let (journal, whole) = start(&log, grow::last()).await?;
    whole.print(case, "whole_fold", None);
    timed(|| journal.take_snapshot())?.print(case, "take_snapshot", None);
    let state = journal.published().state.clone();
    drop(journal);
    parts_of_it(case, &state)?;
    // The longest tail that a broker leaves.
    let tail = spacing(&state);
    let mut grower = Grower::resume(&log, state, edge).await?;
    grower.filler(tail).await?;
    drop(grower);
    let mut starts = Vec::new();
    for number in 0..STARTS {
        starts.push(start_afresh(&log, number)?);
    }
    starts.sort_by(|one, other| one.wall.total_cmp(&other.wall));
    figure(case, "tail", tail as f64, "entries", None);
    starts.get(STARTS / 2).context("no start")?.print(case, "start", Some(case.bound));
    Ok(())
}

fn parts_of_it(case: &Case, state: &State) -> Result<()> {
    let mut bytes = Vec::new();
    timed(|| state.to_snapshot().map(|written| bytes = written).context("no form"))?.print(case, "write_state", None);
    figure(case, "state_bytes", bytes.len() as f64, "bytes", None);
    let mut read = State::default();
    timed(|| State::of_snapshot(&bytes).map(|state| read = state))?.print(case, "read_state", None);
    anyhow::ensure!(read == *state, "another state was read");
    Ok(())
}

/// In a process of its own, as every broker starts: with memory that nobody has touched before.
fn start_afresh(log: &Path, number: usize) -> Result<Took> {
    let hours = (number + 1).to_string();
    let child = Command::new(std::env::current_exe()?).args([AFRESH.as_ref(), log, hours.as_ref()]).output()?;
    let said = String::from_utf8(child.stdout)?;
    let mut numbers = said.split_whitespace().map(str::parse);
    let (Some(Ok(wall)), Some(Ok(work))) = (numbers.next(), numbers.next()) else {
        bail!("no start: {}", String::from_utf8_lossy(&child.stderr))
    };
    Ok(Took { wall, work })
}

/// What that process does.
async fn be_afresh(log: &Path, hours: u64) -> Result<()> {
    // The clock of a start goes on from the last entry, as in the broker.
    let after = grow::last().plus(Span::from_seconds(3_600 * hours));
    let (journal, took) = start(log, after).await?;
    anyhow::ensure!(journal.snapshot_size() > 0, "the start did not use the snapshot");
    println!("{} {}", took.wall, took.work);
    Ok(())
}

/// From the file to a journal that has taken the log over.
async fn start(log: &Path, after: Time) -> Result<(Journal, Took)> {
    let from = Since::now();
    let store = Arc::new(SqliteStore::open(log)?);
    let parts = Parts {
        store,
        shelf: Arc::new(FileShelf::beside(log)?),
        clock: Arc::new(SystemClock::start(after)),
        signer: signer()?,
        judge: Arc::new(BuiltInRules),
        bootstrap: Vec::new(),
        mode: "dev",
        engine_request_seconds_max: 2,
        vouched: None,
    };
    let (journal, _writer) = Journal::start(parts).await?;
    Ok((journal, from.took()))
}

/// Milliseconds by the clock on the wall, and of this process's work: on a busy machine they differ.
struct Took {
    wall: f64,
    work: f64,
}

struct Since {
    wall: Instant,
    work: Duration,
}

impl Since {
    fn now() -> Self {
        Self { wall: Instant::now(), work: work() }
    }

    fn took(&self) -> Took {
        let (wall, work) = (self.wall.elapsed(), work().saturating_sub(self.work));
        Took { wall: wall.as_secs_f64() * 1e3, work: work.as_secs_f64() * 1e3 }
    }
}

impl Took {
    fn print(&self, case: &Case, name: &str, bound: Option<f64>) {
        figure(case, name, self.wall, "ms", bound);
        figure(case, &format!("{name}.cpu"), self.work, "ms", None);
    }
}

fn work() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

fn timed<E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<(), E>) -> Result<Took> {
    let from = Since::now();
    work().map_err(Into::into)?;
    Ok(from.took())
}

fn figure(case: &Case, name: &str, value: f64, unit: &str, bound: Option<f64>) {
    let (figure, unit) = (format!("start.{}.{name}", case.name), unit.to_owned());
    Figure { figure, value, unit, floor: None, ratio: None, bound }.print();
}
