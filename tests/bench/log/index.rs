//! Whether the index costs the append: one journal appends with nothing beside it, with an index that
//! fills from its log as in a broker, and, for information, with one that is rebuilt in a hurry. The
//! three take turns on one log, and an index always has more to fill than its turn lasts.

use crate::plan::Size;
use crate::report::{against, median, plain};
use crate::story::{BEGINNING, ORIGIN};
use crate::through::Through;
use anyhow::Result;
use leasehold::adapters::index::SqliteIndex;
use leasehold::domain::base::{ConnectionId, SpiffeId, TaskId};
use leasehold::domain::entry::Body;
use leasehold::domain::entry::bodies::access::Denied;
use leasehold::domain::reason::Reason;
use leasehold::domain::state::Command;
use leasehold::domain::state::command::Caller;
use leasehold::domain::svid::{self, Audience, Presented, PresentedJwt};
use leasehold::ports::LogIndex;
use leasehold::services::index::Index;
use leasehold::services::journal::Journal;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::{JoinSet, yield_now};
use tokio_util::sync::CancellationToken;

const PROPOSERS: u64 = 64;
const BESIDE_MAX: f64 = 1.2;

/// What is beside the journal while it appends.
#[derive(Clone, Copy)]
enum Way {
    Nothing,
    Index,
    Rebuild,
}

/// What takes turns.
struct Bench {
    through: Through,
    port: Arc<dyn LogIndex>,
    caller: Caller,
    block: u64,
    /// Entries proposed: each speaks of a task of its own.
    proposed: u64,
}

pub(crate) async fn turns(folder: &Path, size: &Size) -> Result<()> {
    let file = folder.join("index.db");
    let through = Through::start(&file, BEGINNING).await?;
    let port = Arc::new(SqliteIndex::open(&SqliteIndex::beside(&file), ORIGIN)?);
    let mut bench = Bench { through, port, caller: caller()?, block: size.block as u64, proposed: 0 };
    // They warm the journal up, and are behind every index that is begun.
    bench.append().await?;
    bench.append().await?;
    let (mut alone, mut beside, mut rebuilt, mut filled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let mut ways = [Way::Nothing, Way::Index, Way::Rebuild];
        ways.rotate_left(round % 3);
        for way in ways {
            let (micros, indexed) = bench.turn(way).await?;
            match way {
                Way::Nothing => alone.push(micros),
                Way::Rebuild => rebuilt.push(micros),
                Way::Index => {
                    beside.push(micros);
                    filled.push(indexed);
                }
            }
        }
    }
    let Bench { through, port, .. } = bench;
    drop(port);
    through.stop().await?;
    let alone = median(alone);
    plain("append.index.filled", median(filled), "1");
    plain("append.rebuild.ratio", median(rebuilt) / alone, "1");
    against("append.index.entry", median(beside), alone, "us", BESIDE_MAX);
    Ok(())
}

impl Bench {
    /// Microseconds an appended entry, and entries that were indexed for each that was appended.
    async fn turn(&mut self, way: Way) -> Result<(f64, f64)> {
        if matches!(way, Way::Nothing) {
            return Ok((self.append().await?, 0.0));
        }
        // An index that reached the end would rest.
        let behind = self.through.journal.published().state.size - self.filled().await?;
        if behind < 2 * self.block {
            self.port.clear().await?;
        }
        let index = Index::new(self.through.journal.clone(), Arc::clone(&self.through.store), Arc::clone(&self.port));
        if matches!(way, Way::Rebuild) {
            index.rebuild().await.map_err(|denial| anyhow::anyhow!(denial.sentence))?;
        }
        let (before, stop) = (self.filled().await?, CancellationToken::new());
        let filler = tokio::spawn(index.run(stop.clone()));
        // Under way before the clock is looked at.
        while self.filled().await? == before {
            yield_now().await;
        }
        let begun = self.filled().await?;
        let micros = self.append().await?;
        let indexed = self.filled().await? - begun;
        stop.cancel();
        filler.await?;
        // Behind what the filler may have left to its thread.
        self.filled().await?;
        Ok((micros, indexed as f64 / self.block as f64))
    }

    async fn filled(&self) -> Result<u64> {
        Ok(self.port.mark().await?.map_or(0, |mark| mark.size))
    }

    /// Microseconds an entry, of a block by all proposers.
    async fn append(&mut self) -> Result<f64> {
        let each = self.block / PROPOSERS;
        let mut running = JoinSet::new();
        let begun = Instant::now();
        for place in 0..PROPOSERS {
            let (journal, caller) = (self.through.journal.clone(), self.caller.clone());
            let from = self.proposed + place * each;
            running.spawn(async move {
                for number in from..from + each {
                    once(&journal, &caller, number).await?;
                }
                anyhow::Ok(())
            });
        }
        running.join_all().await.into_iter().collect::<Result<()>>()?;
        self.proposed += PROPOSERS * each;
        Ok(begun.elapsed().as_secs_f64() * 1e6 / (PROPOSERS * each) as f64)
    }
}

/// A denial: its entry is found by who was denied and by the task, which is more words than an entry has
/// on average.
async fn once(journal: &Journal, caller: &Caller, number: u64) -> Result<()> {
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    let target = Some(TaskId::new(BEGINNING, chance).to_string());
    let body = Body::from(Denied { call: "leasehold.v1.Secrets/IssueSecret".into(), reason: Reason::NotFound, target });
    let command = Command::NoteOf { caller: caller.clone(), body };
    let told = journal.propose(command, Vec::new()).await;
    told.map(drop).map_err(|denial| anyhow::anyhow!(denial.sentence))
}

/// Who is denied, again and again.
fn caller() -> Result<Caller> {
    const BROKER: &str = "leasehold";
    let token = PresentedJwt {
        subject: SpiffeId::parse("spiffe://example.org/agent/bench")?,
        key_id: "bench".into(),
        audiences: vec![BROKER.into()],
        expires: BEGINNING.plus(leasehold::domain::base::Span::from_seconds(60)),
        not_before: None,
    };
    let admitted = svid::admit(Presented::Jwt(token, Audience::Only(BROKER)), BEGINNING);
    let subject = admitted.map_err(|denial| anyhow::anyhow!(denial.sentence))?;
    Ok(Caller { subject, connection: ConnectionId::new(BEGINNING, [1; 10]) })
}
