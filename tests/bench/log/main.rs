//! `cargo xtask bench log`: what the log costs, each figure against what the same run measured as
//! unavoidable. `quick` and `tiny` make it smaller; other words measure a part only (`plan.rs`).
//!
//! Everything that is compared takes turns in one run, so that whatever else the machine does meets
//! all of it. Files go to `target/`, and are gone at the end. What is not a figure is talk.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and spawns its own workers")]

mod append;
mod child;
mod floor;
mod index;
mod long;
mod plan;
mod report;
mod story;
mod through;
mod verify;

use anyhow::{Context as _, Result};
use plan::{Part, Plan};
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Builder;

// As in the broker and the verifier.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match child::answer().unwrap_or_else(bench) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let plan = Plan::of(std::env::args().skip(1))?;
    report::machine()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    for part in &plan.parts {
        // On the disk of the build, which is a real one; the system's folder for scratch may be memory.
        let folder = tempfile::Builder::new().prefix("bench-log").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        measure(*part, &plan, folder.path(), &runtime).with_context(|| format!("{part:?}"))?;
        println!("load after {part:?}: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    }
    Ok(())
}

fn measure(part: Part, plan: &Plan, folder: &Path, runtime: &tokio::runtime::Runtime) -> Result<()> {
    let size = &plan.size;
    match part {
        Part::Append => runtime.block_on(append::many(folder, size)),
        Part::Single => runtime.block_on(append::single(folder, size)),
        Part::Index => runtime.block_on(index::turns(folder, size)),
        Part::Verify => verify::turns(folder, size),
        Part::Split => verify::split(size),
        Part::Long => runtime.block_on(long::all(folder, size)),
        Part::State => state(size),
    }
}

/// A state is as small after very many closed leases as after few.
fn state(size: &plan::Size) -> Result<()> {
    const GROWN_MAX: f64 = 1.2;
    let numbers = child::call("state", &size.long.to_string())?;
    let [first, kept_first, last, kept_last] = numbers.try_into().ok().context("four numbers")?;
    report::plain("state.kept_first", kept_first, "1");
    report::plain("state.kept_last", kept_last, "1");
    report::against("state.memory", last, first, "MiB", GROWN_MAX);
    Ok(())
}
