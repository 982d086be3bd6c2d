//! `cargo xtask bench issue`: one secret through the broker, against the same secret from OpenBao
//! directly, with a login per task and with a held token; and against the floor, which is two durable
//! appends through the log's store and one call over the broker's own mTLS channel; and against these
//! parts in a row.
//!
//! All ways take turns in short blocks of the same run, so that whatever else the machine does
//! meets all of them. What is not a figure is talk.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and spawns its own workers")]

mod direct;
mod floor;
mod plan;
mod report;
mod through;
mod turns;

use anyhow::{Context as _, Result};
use direct::Engine;
use plan::{KINDS, Kind, LOADS, Load};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use through::Broker;
use turns::{Turns, WAYS, Way};
use xtask::peers::openbao::Storage;
use xtask::scene::{Options, Scene};

// As in the broker: the floor runs here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let mut scene =
        Scene::start(Path::new(env!("CARGO_BIN_EXE_leasehold")), Options { storage: storage(), ..Options::default() })?;
    let engine = Engine::prepare(&scene.bao)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    report::machine(&scene.bao)?;
    let pid = scene.broker()?.child().id();
    runtime.block_on(async {
        let broker = Broker::connect(&scene).await?;
        for (kind, load) in KINDS.into_iter().flat_map(|kind| LOADS.map(|load| (kind, load))) {
            if wanted(kind, load) {
                measure(&scene, &broker, &engine, pid, kind, load).await?;
            }
        }
        Ok(())
    })
}

/// An engine that people run keeps its state on disk, as the broker does. `inmem`: in memory.
fn storage() -> Storage {
    let in_memory = std::env::args().skip(1).any(|word| word == "inmem");
    if in_memory { Storage::Memory } else { Storage::Raft }
}

/// `cargo bench --bench issue -- kv.1` measures that part only, for a profile; without words: all.
fn wanted(kind: Kind, load: Load) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-') && word != "inmem").peekable();
    let name = format!("{}.{}", kind.name(), load.in_flight());
    words.peek().is_none() || words.any(|word| word == name)
}

/// One kind of secret at one number in flight, all ways.
async fn measure(scene: &Scene, broker: &Broker, engine: &Engine, pid: u32, kind: Kind, load: Load) -> Result<()> {
    let plan = kind.plan(load);
    let through = broker.issues(kind, plan.secrets()).await.context("the broker's side")?;
    let sample = through.sample().await?;
    let login = engine.login(kind, broker.jwt().await?, through.csr());
    let held = engine.held(kind, through.csr());
    let file = scene.file(&format!("floor-{}-{}.db", kind.name(), load.in_flight()));
    let floor = floor::Floor::open(Path::new(&file), sample, broker)?;
    let (held, floor) = (Arc::new(held), Arc::new(floor));
    let in_a_row = floor::InARow { floor: Arc::clone(&floor), held: Arc::clone(&held) };
    let ways: [Arc<dyn Way>; WAYS] = [Arc::new(through), Arc::new(login), held, floor, Arc::new(in_a_row)];
    let turns = Turns::take(&ways, &plan, pid).await?;
    report::figures(kind, load, &turns);
    Ok(())
}
