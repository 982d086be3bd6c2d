//! The real journal on the real store, and proposers who each wait until their entry is durable.

use anyhow::{Context as _, Result};
use leasehold::adapters::shelf::FileShelf;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::domain::base::Time;
use leasehold::domain::entry::Body;
use leasehold::domain::entry::bodies::access::Refused;
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::state::Command;
use leasehold::ports::{Clock, LogStore, Reading};
use leasehold::services::journal::{Journal, Parts, WriterEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::{JoinHandle, JoinSet};

/// A broker's log, without the broker.
pub(crate) struct Through {
    pub(crate) journal: Journal,
    pub(crate) store: Arc<dyn LogStore>,
    writer: JoinHandle<WriterEnd>,
}

/// What a block of proposals came to.
pub(crate) struct Block {
    pub(crate) seconds: f64,
    /// The entries as they were appended together.
    pub(crate) batches: Vec<Vec<Vec<u8>>>,
}

/// The log's time stands still: what is measured has no need of it.
struct Still(Time);

impl Clock for Still {
    fn read(&self) -> Reading {
        Reading { time: self.0, certain: true }
    }
}

impl Through {
    /// `now`: not before the last entry of the log.
    pub(crate) async fn start(file: &Path, now: Time) -> Result<Self> {
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(file)?);
        let parts = Parts {
            shelf: Arc::new(FileShelf::beside(file)?),
            vouched: None,
            store: Arc::clone(&store),
            clock: Arc::new(Still(now)),
            signer: crate::story::signer()?,
            judge: Arc::new(BuiltInRules),
            bootstrap: Vec::new(),
            mode: "dev",
            engine_request_seconds_max: 90,
        };
        let (journal, writer) = Journal::start(parts).await?;
        Ok(Self { journal, store, writer: tokio::spawn(writer) })
    }

    /// The orderly end.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self { journal, store, writer } = self;
        drop(journal);
        writer.await?;
        drop(store);
        Ok(())
    }

    /// `count` proposals by `proposers` at the same time.
    pub(crate) async fn propose(&self, proposers: usize, count: usize) -> Result<Block> {
        let mut running = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..proposers {
            let journal = self.journal.clone();
            running.spawn(async move {
                let mut own = Vec::with_capacity(count / proposers);
                for number in 0..count / proposers {
                    own.push(once(&journal, number as u64).await?);
                }
                anyhow::Ok(own)
            });
        }
        let told: Result<Vec<_>> = running.join_all().await.into_iter().collect();
        let seconds = begun.elapsed().as_secs_f64();
        let told: Vec<Told> = told?.into_iter().flatten().collect();
        Ok(Block { seconds, batches: batches(told) })
    }

    /// Seconds until one entry is durable, and its bytes.
    pub(crate) async fn one(&self, number: u64) -> Result<(f64, Vec<u8>)> {
        let begun = Instant::now();
        let told = once(&self.journal, number).await?;
        Ok((begun.elapsed().as_secs_f64(), told.bytes))
    }
}

/// An entry and the size of the log whose checkpoint came with it.
struct Told {
    index: u64,
    bytes: Vec<u8>,
    size: u64,
}

async fn once(journal: &Journal, number: u64) -> Result<Told> {
    let counts = WORDS.iter().map(|word| ((*word).to_owned(), number)).collect::<BTreeMap<_, _>>();
    let note = Command::Note(Body::from(Refused { counts, since: Time::default() }));
    let durable = journal.propose(note, Vec::new()).await.map_err(|denial| anyhow::anyhow!(denial.sentence))?;
    let recorded = durable.recorded.context("nothing was recorded")?;
    Ok(Told { index: recorded.index, bytes: recorded.bytes, size: durable.published.edge.size() })
}

/// Who was given the same checkpoint was appended together.
fn batches(mut told: Vec<Told>) -> Vec<Vec<Vec<u8>>> {
    told.sort_unstable_by_key(|told| told.index);
    let ends: BTreeSet<u64> = told.iter().map(|told| told.size).collect();
    let mut told = told.into_iter().peekable();
    let batch =
        |end: u64| std::iter::from_fn(|| told.next_if(|told| told.index < end)).map(|told| told.bytes).collect();
    ends.into_iter().map(batch).collect()
}

/// Enough to make an entry as long as most are.
const WORDS: [&str; 14] = [
    "AGENT_UNKNOWN",
    "APPROVAL_MISSING",
    "CALLER_UNKNOWN",
    "CHAIN_INVALID",
    "HANDSHAKE_FAILED",
    "NOT_FOUND",
    "OVERLOADED",
    "ROLE_MISSING",
    "SVID_EXPIRED",
    "SVID_MALFORMED",
    "TASKS_TOO_FAST",
    "TOKEN_INVALID",
    "TOO_MANY_TASKS",
    "TRUST_UNKNOWN",
];
