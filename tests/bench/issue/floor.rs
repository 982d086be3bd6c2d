//! What no broker with such a log can do without: two appends, one after the other, each on stable
//! storage before the next step, and one call over mutual TLS. The entries are of real size, and
//! appends that wait at the same time share a batch, as they do in the writer. Nothing is decided,
//! hashed, signed or minted. And the same with the engine's read in its place between the two appends:
//! the parts of an issue in a row, without a broker around them.

use crate::direct::Held;
use crate::through::{Broker, one_call};
use crate::turns::Way;
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::domain::entry::{Commitment, Opening};
use leasehold::ports::{Batch, LogStore as _, NewEntry};
use leasehold::proto::v1;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Channel;

/// The floor.
pub(crate) struct Floor {
    queue: mpsc::Sender<Waiting>,
    channel: Channel,
    bytes: Vec<u8>,
    openings: Vec<(Commitment, Opening)>,
}

struct Waiting {
    entry: NewEntry,
    stored: oneshot::Sender<()>,
}

/// The floor with the read of a held token in its middle.
pub(crate) struct InARow {
    pub(crate) floor: Arc<Floor>,
    pub(crate) held: Arc<Held>,
}

/// As in the writer.
const BATCH_MAX: usize = 256;

impl Floor {
    /// A store of its own on the same disk. `sample`: the receipt of an issue of this kind.
    pub(crate) fn open(file: &Path, sample: v1::Receipt, broker: &Broker) -> Result<Self> {
        let store = SqliteStore::open(file)?;
        let checkpoint = sample.proof.split_once("\n\n").map_or(sample.proof.as_str(), |(_, text)| text).to_owned();
        let (queue, waiting) = mpsc::channel(BATCH_MAX);
        tokio::spawn(append_all(store, checkpoint, waiting));
        let openings = sample.openings.into_iter().map(opening).collect::<Result<_>>()?;
        Ok(Self { queue, channel: broker.channel(), bytes: sample.entry, openings })
    }

    async fn append(&self, openings: Vec<(Commitment, Opening)>) -> Result<()> {
        let (stored, done) = oneshot::channel();
        let entry = NewEntry { bytes: self.bytes.clone(), openings };
        self.queue.send(Waiting { entry, stored }).await.ok().context("the floor's store is gone")?;
        done.await.context("the floor's store refused")
    }
}

#[async_trait]
impl Way for Floor {
    async fn once(&self) -> Result<()> {
        self.append(Vec::new()).await?;
        self.append(self.openings.clone()).await?;
        one_call(self.channel.clone()).await
    }
}

#[async_trait]
impl Way for InARow {
    async fn once(&self) -> Result<()> {
        self.floor.append(Vec::new()).await?;
        self.held.once().await?;
        self.floor.append(self.floor.openings.clone()).await?;
        one_call(self.floor.channel.clone()).await
    }
}

/// Ends with the floor, or with the first append that fails; whoever waits then is told.
async fn append_all(store: SqliteStore, checkpoint: String, mut waiting: mpsc::Receiver<Waiting>) {
    let (mut batch, mut size) = (Vec::new(), 0);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (entries, waiters): (Vec<_>, Vec<_>) = batch.drain(..).map(|one| (one.entry, one.stored)).unzip();
        let count = entries.len() as u64;
        let appended = Batch { expected_size: size, entries, checkpoint: checkpoint.clone(), ..Batch::default() };
        if let Err(error) = store.append(appended).await {
            eprintln!("error: {error}");
            return;
        }
        size += count;
        for stored in waiters {
            // A worker that gave up is no fault of the store.
            let _ = stored.send(());
        }
    }
}

fn opening(shown: v1::Opening) -> Result<(Commitment, Opening)> {
    let salt = shown.salt.try_into().ok().context("a salt has 32 bytes")?;
    let opening = Opening { entry_type: "lease.issued".into(), field: shown.field, salt, value: shown.value };
    Ok((opening.commitment(), opening))
}
