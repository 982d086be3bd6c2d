//! The writer: drains its queue, decides each command in turn on a working copy, appends all that
//! follows in one transaction, signs one checkpoint, publishes, and then releases every waiter.

use super::denials::Denials;
use super::fold::StartError;
use super::recent::{LeaseEnd, Recent, SettledLease};
use super::{Durable, Parts, Published, Recorded, Waiting, WriterEnd, lanes};
use arc_swap::ArcSwap;
use domain::base::{Digest, Time};
use domain::entry::bodies::{access, log};
use domain::entry::{Actor, Body, Commitment, Entry, Opening, RequestMark};
use domain::reason::{Class, Denial, Reason};
use domain::state::task::{End, Stage};
use domain::state::{Bench, Command, Draft, Finding, Lane, Lease, Reply, State, Task};
use ports::{AppendError, Batch, Fault, FaultKind, NewEntry, Reading, Tile};
use std::collections::HashMap;
use std::sync::Arc;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tokio::sync::{mpsc, watch};

pub(super) struct Writer {
    pub(super) parts: Arc<Parts>,
    pub(super) published: Arc<ArcSwap<Published>>,
    pub(super) size: watch::Sender<u64>,
    pub(super) recent: Arc<Recent>,
    pub(super) denials: Arc<Denials>,
}

/// A copy of the published state on which a batch is decided.
struct Working {
    next: Published,
    base: u64,
    /// `Ordinary` as soon as one entry is no ending.
    lane: Lane,
    entries: Vec<NewEntry>,
    tiles: Vec<Tile>,
    /// Openings that go with this batch: an entry's index, and fields of it.
    erased: Vec<(u64, Vec<String>)>,
    settled_leases: Vec<SettledLease>,
    settled_tasks: Vec<Task>,
}

/// What an entry may settle, as it stood before. A copy of the whole state would cost every map a copy
/// of its changed nodes.
struct Touched {
    lease: Option<(Lease, LeaseEnd)>,
    task: Option<Task>,
}

type Decision = Result<(Reply, Option<Recorded>), Denial>;
type Answer = (Waiting, Decision);

/// Most commands in one batch.
const BATCH_MAX: usize = 256;

impl Writer {
    /// The first entries of this broker: the log's beginning if it is new, and its activation.
    pub(super) async fn take_over(&mut self) -> Result<(), StartError> {
        let mut working = self.working();
        let at = self.parts.clock.read().time;
        let mut drafts = Vec::new();
        // A broker that starts on a full disk is there to end what is open.
        if working.base == 0 {
            working.lane = Lane::Ordinary;
            let origin = self.parts.signer.name().to_owned();
            drafts.push(Draft::new(log::LogStarted { mode: self.parts.mode.into(), origin }));
        }
        drafts.push(Draft::new(log::BrokerActivated {
            engine_request_seconds_max: self.parts.engine_request_seconds_max,
            epoch: working.next.state.broker.epoch + 1,
            version: env!("CARGO_PKG_VERSION").into(),
        }));
        let by = (Actor::broker(), None);
        if let Err(denial) = working.append(drafts, &by, at, Vec::new()) {
            let source = domain::state::Broken { law: "start", sentence: denial.sentence };
            return Err(StartError::Law { index: working.base, source });
        }
        self.commit(working).await?;
        Ok(())
    }

    pub(super) async fn run(self, mut queue: mpsc::Receiver<Waiting>) -> WriterEnd {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            if let Err(lost) = self.decide_batch(&mut batch).await {
                return WriterEnd::Lost(lost);
            }
        }
        WriterEnd::Closed
    }

    /// If the store refuses the batch, what ends something is decided anew and goes alone.
    async fn decide_batch(&self, batch: &mut Vec<Waiting>) -> Result<(), AppendError> {
        let Some((waiting, fault)) = self.attempt(batch.drain(..), None).await? else { return Ok(()) };
        let (endings, others) = lanes::split(waiting);
        lanes::refuse(others, &fault);
        if endings.is_empty() {
            return Ok(());
        }
        let refused = self.attempt(endings.into_iter(), Some(Lane::Ending)).await?;
        refused.into_iter().for_each(|(waiting, fault)| lanes::refuse(waiting, &fault));
        Ok(())
    }

    /// Decides and appends in one batch, and then releases everyone. Gives back who waits if the store
    /// refused for certain. With a lane, nothing is recorded that does not belong to it.
    async fn attempt(
        &self,
        batch: impl ExactSizeIterator<Item = Waiting>,
        only: Option<Lane>,
    ) -> Result<Option<(Vec<Waiting>, Fault)>, AppendError> {
        let reading = self.parts.clock.read();
        let mut working = self.working();
        let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
        for mut waiting in batch {
            let decided = self.decide_one(&mut working, &mut waiting.proposal, reading, only);
            answers.push((waiting, decided));
        }
        working.count(reading.time);
        match self.commit(working).await {
            Ok(published) => {
                release(answers, &published);
                Ok(None)
            }
            Err(AppendError::Failed(fault)) => {
                // The store says once that its disk is full; each batch until then would be noise.
                if fault.kind != FaultKind::Full {
                    tracing::error!(error = %fault, "the log refused a batch");
                }
                Ok(Some((answers.into_iter().map(|(waiting, _)| waiting).collect(), fault)))
            }
            Err(lost) => {
                lanes::refuse_all(answers.into_iter().map(|(waiting, _)| waiting), lanes::UNRECORDED);
                Err(lost)
            }
        }
    }

    fn decide_one(
        &self,
        working: &mut Working,
        proposal: &mut super::Proposal,
        reading: Reading,
        only: Option<Lane>,
    ) -> Decision {
        let bench = Bench {
            at: reading.time.max(working.next.state.time),
            clock_certain: reading.certain,
            judge: &*self.parts.judge,
            bootstrap: &self.parts.bootstrap,
        };
        let by = actor_of(&proposal.command);
        match working.next.state.decide(&proposal.command, &bench) {
            Ok(decided) => {
                let index = working.next.state.size;
                let openings = lanes::take_openings(proposal);
                working.append(decided.drafts, &by, bench.at, openings)?;
                if working.next.state.size > index {
                    working.lane = working.lane.max(proposal.command.lane());
                }
                Ok((decided.reply, working.recorded(index)))
            }
            Err(denial) => {
                let draft = match only {
                    None => denied(&proposal.command, &denial, &self.denials, bench.at),
                    Some(_) => {
                        self.denials.count(denial.reason);
                        None
                    }
                };
                if let Some(draft) = draft {
                    working.append(vec![draft], &(by.0, None), bench.at, Vec::new())?;
                    working.lane = Lane::Ordinary;
                }
                Err(denial)
            }
        }
    }

    fn working(&self) -> Working {
        let next = (**self.published.load()).clone();
        let base = next.state.size;
        Working {
            next,
            base,
            lane: Lane::Ending,
            entries: Vec::new(),
            tiles: Vec::new(),
            erased: Vec::new(),
            settled_leases: Vec::new(),
            settled_tasks: Vec::new(),
        }
    }

    /// Appends and publishes; with nothing to append, what is published stands.
    async fn commit(&self, mut working: Working) -> Result<Arc<Published>, AppendError> {
        if working.entries.is_empty() {
            return Ok(self.published.load_full());
        }
        let signer = &self.parts.signer;
        let size = working.next.state.size;
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), size, root: working.next.edge.root() };
        working.next.checkpoint = checkpoint.sign(signer);
        let batch = Batch {
            lane: working.lane,
            expected_size: working.base,
            entries: working.entries,
            tiles: working.tiles,
            checkpoint: working.next.checkpoint.clone(),
            erased: working.erased,
        };
        self.parts.store.append(batch).await?;
        let published = Arc::new(working.next);
        self.published.store(Arc::clone(&published));
        self.size.send_replace(size);
        working.settled_leases.into_iter().for_each(|settled| self.recent.keep_lease(settled));
        working.settled_tasks.into_iter().for_each(|task| self.recent.keep_task(task));
        Ok(published)
    }
}

impl Working {
    /// Turns drafts into entries and folds them into the copy.
    fn append(
        &mut self,
        drafts: Vec<Draft>,
        by: &(Actor, Option<RequestMark>),
        at: Time,
        openings: Vec<Opening>,
    ) -> Result<(), Denial> {
        let mut openings: HashMap<Commitment, Opening> =
            openings.into_iter().map(|opening| (opening.commitment(), opening)).collect();
        let mut next = self.next.state.clone();
        let mut written = Vec::with_capacity(drafts.len());
        for Draft { body, cause, commitments } in drafts {
            let request = by.1.filter(|_| body.answers_a_request());
            let entry = Entry { actor: by.0.clone(), cause, commitments, request, time: at, body };
            let bytes = entry.write().map_err(|error| internal(&error))?;
            let leaf = leaf_hash(&bytes);
            let before = Touched::by(&entry, &next);
            next.apply(&entry, Digest::from_bytes(*leaf.as_bytes())).map_err(|error| internal(&error))?;
            self.note_settled(before, &next, &entry);
            written.push((entry, bytes, leaf));
        }
        for (entry, bytes, leaf) in written {
            if let Body::EvidenceErased(erased) = &entry.body {
                self.erased.push((erased.index, erased.fields.clone()));
            }
            let opened = entry.commitments.values().filter_map(|c| Some((*c, openings.remove(c)?))).collect();
            self.entries.push(NewEntry { bytes, openings: opened });
            self.tiles.extend(self.next.edge.push(leaf).into_iter().map(|tile| Tile {
                level: tile.level,
                number: tile.number,
                bytes: tile.bytes,
            }));
        }
        self.next.state = next;
        Ok(())
    }

    /// Writes the numbers of entries down, now and then.
    fn count(&mut self, now: Time) {
        let Some(counted) = self.next.state.count_due() else { return };
        let at = now.max(self.next.state.time);
        // It is asked for again by the next batch.
        let _ = self.append(vec![Draft::new(counted)], &(Actor::broker(), None), at, Vec::new());
    }

    /// The entry at `index`, if it is one of this batch.
    fn recorded(&self, index: u64) -> Option<Recorded> {
        let place = usize::try_from(index.checked_sub(self.base)?).ok()?;
        self.entries.get(place).map(|entry| Recorded { index, bytes: entry.bytes.clone() })
    }

    /// Keeps what an entry took out of the state, for people who ask about it soon after.
    fn note_settled(&mut self, before: Touched, after: &State, entry: &Entry) {
        let index = after.size - 1;
        let lease = before.lease.filter(|(lease, _)| !after.leases.contains_key(&lease.facts.id));
        self.settled_leases.extend(lease.map(|(lease, end)| SettledLease { lease, end, time: entry.time, index }));
        let task = before.task.filter(|task| !after.tasks.contains_key(&task.facts.id));
        // An end with nothing left to prove settles the task at once: the copy before does not know it.
        self.settled_tasks.extend(task.map(|mut task| {
            task.stage = End::of(&entry.body).map_or(task.stage, |end| Stage::Ending(entry.time, end));
            task
        }));
    }
}

impl Touched {
    fn by(entry: &Entry, before: &State) -> Self {
        let settled = LeaseEnd::of(&entry.body);
        let lease = settled.and_then(|(id, end)| Some((before.leases.get(&id)?.clone(), end)));
        let id = entry.body.task().or_else(|| lease.as_ref().map(|(lease, _)| lease.facts.task));
        Self { task: id.and_then(|id| before.tasks.get(&id)).cloned(), lease }
    }
}

fn actor_of(command: &Command) -> (Actor, Option<RequestMark>) {
    match command {
        Command::Ask { caller, mark, .. } => {
            (Actor::caller(&caller.subject, &caller.connection.to_string()), Some(*mark))
        }
        Command::Found(Finding::Renewed(renewed)) => match &renewed.asked_by {
            Some((caller, mark)) => (Actor::caller(&caller.subject, &caller.connection.to_string()), Some(*mark)),
            None => (Actor::broker(), None),
        },
        Command::NoteOf { caller, .. } => (Actor::caller(&caller.subject, &caller.connection.to_string()), None),
        Command::Found(_) | Command::Passed(_) | Command::Note(_) | Command::Count => (Actor::broker(), None),
    }
}

/// What a denial of a verified caller leaves in the log, unless the log holds enough of them.
fn denied(command: &Command, denial: &Denial, denials: &Denials, at: Time) -> Option<Draft> {
    let Command::Ask { ask, caller, .. } = command else { return None };
    if denial.reason.class() == Class::ResourceExhausted {
        denials.count(denial.reason);
    }
    let recorded = matches!(denial.reason.class(), Class::PermissionDenied | Class::NotFound);
    (recorded && denials.records(caller.subject.id(), denial.reason, at))
        .then(|| Draft::new(access::Denied { call: ask.call().into(), reason: denial.reason, target: ask.target() }))
}

fn release(answers: Vec<Answer>, published: &Arc<Published>) {
    for (waiting, decided) in answers {
        let durable = decided.map(|(reply, recorded)| Durable { reply, recorded, published: Arc::clone(published) });
        // A caller who left is no fault: what was decided is in the log.
        let _ = waiting.answer.send(durable);
    }
}

fn internal(error: &dyn std::error::Error) -> Denial {
    tracing::error!(error = %error, "a decision could not be folded");
    Denial::new(Reason::Internal, "the decision could not be recorded")
}
