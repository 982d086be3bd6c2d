//! A made-up log of any length that breaks no law: tasks in waves, each with leases that are intended,
//! issued, renewed, asked to end and revoked. Entries are told one by one; nothing is kept but what the
//! next ones need. The bench verifies it, so an unlawful story fails.

mod bodies;

use bodies::{Cast, Lease, Task};
use leasehold::domain::base::{Digest, Span, Time};
use leasehold::domain::entry::{Actor, Body, Commitment, Commitments, Entry, RequestMark};
use leasehold::tlog::note::{Signer, VerifierKey};
use std::collections::VecDeque;

/// The name of the log.
pub(crate) const ORIGIN: &str = "log.example.org/bench";
/// Tasks that are open at the same time: as many as one identity may have.
const WAVE: u64 = 64;
/// Leases of a task.
pub(crate) const LEASES: u64 = 8;
/// Between two entries: a wave takes 8 minutes, in which an agent may request 64 tasks.
const PAUSE: Span = Span::from_millis(150);

/// What the next entry of each task of the wave is.
#[derive(Clone, Copy)]
enum Step {
    Requested,
    Approved,
    TokenMade,
    Activated,
    Intended(u64),
    Issued(u64),
    Renewed(u64),
    Asked(u64),
    Revoked(u64),
    Completed,
    TokenRevoked,
}

/// The story as told so far.
pub(crate) struct Story {
    cast: Cast,
    size: u64,
    beginning: VecDeque<(Actor, Body)>,
    steps: Vec<Step>,
    step: usize,
    place: usize,
    wave: Vec<Task>,
    tasks: u64,
    /// Leases that were revoked.
    closed: u64,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let cast = Cast::new();
        let beginning = cast.beginning();
        let steps = steps();
        Self { cast, size: 0, beginning, steps, step: 0, place: 0, wave: Vec::new(), tasks: 0, closed: 0 }
    }

    /// Entries told.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Leases that were issued and revoked.
    pub(crate) fn closed(&self) -> u64 {
        self.closed
    }

    /// From the next wave on no lease ends any more.
    pub(crate) fn end_nothing_more(&mut self) {
        self.steps.retain(|step| !step.is_of_an_end());
    }

    /// Whether a wave has just ended: all that it opened is told.
    pub(crate) fn is_between_waves(&self) -> bool {
        self.step == 0 && self.place == 0 && self.beginning.is_empty()
    }

    /// How many entries it takes, once nothing ends any more, until so many leases are open.
    pub(crate) fn entries_to_open(&self, leases: u64) -> u64 {
        leases.div_ceil(WAVE * LEASES) * WAVE * self.steps.len() as u64
    }

    /// When the next entry stands.
    pub(crate) fn now(&self) -> Time {
        BEGINNING.plus(Span::from_millis(PAUSE.to_std().as_millis() as u64 * self.size))
    }

    /// The next entry. Its leaf hash is to be told by [`Story::stands`] before the one after it.
    pub(crate) fn tell(&mut self) -> Entry {
        if let Some((actor, body)) = self.beginning.pop_front() {
            return self.entry(actor, None, &[], body);
        }
        if self.is_between_waves() {
            self.wave = (0..WAVE).map(|place| self.cast.task(self.now(), self.tasks + place)).collect();
            self.tasks += WAVE;
        }
        let (Some(step), Some(task)) = (self.steps.get(self.step), self.wave.get(self.place)) else {
            unreachable!("the story has lost its place")
        };
        let cast = &self.cast;
        let lease = |number: u64| task.leases.get(number as usize).copied().unwrap_or_default();
        let (now, bot, broker) = (self.now(), cast.bot.clone(), Actor::broker());
        match *step {
            Step::Requested => self.entry(bot, None, &["purpose"], cast.requested(task)),
            Step::Approved => self.entry(cast.lead.clone(), Some(task.index), &[], cast.approved(task, now)),
            Step::TokenMade => self.entry(broker, Some(task.index), &["accessor", "tag"], cast.token_made(task, now)),
            Step::Activated => self.entry(broker, Some(task.token), &[], cast.activated(task, now)),
            Step::Intended(number) => self.entry(bot, Some(task.index), &[], cast.intended(task, lease(number), now)),
            Step::Issued(number) => {
                let lease = lease(number);
                self.entry(broker, Some(lease.intended), &["account", "engine_lease"], cast.issued(lease, now))
            }
            Step::Renewed(number) => self.entry(bot, Some(lease(number).last), &[], cast.renewed(lease(number), now)),
            Step::Asked(number) => self.entry(bot, Some(lease(number).last), &[], cast.asked(lease(number))),
            Step::Revoked(number) => self.entry(broker, Some(lease(number).last), &[], cast.revoked(lease(number))),
            Step::Completed => self.entry(bot, Some(task.index), &[], cast.completed(task)),
            Step::TokenRevoked => self.entry(broker, Some(task.token), &[], cast.token_revoked(task)),
        }
    }

    /// The entry that was told last stands in the log with this leaf hash.
    pub(crate) fn stands(&mut self, leaf: Digest) {
        let index = self.size;
        self.size += 1;
        let (Some(step), Some(task)) = (self.steps.get(self.step), self.wave.get_mut(self.place)) else { return };
        let lease = |task: &mut Task, number: u64, note: fn(&mut Lease, u64)| {
            task.leases.get_mut(number as usize).into_iter().for_each(|lease| note(lease, index));
        };
        match *step {
            Step::Requested => (task.index, task.digest) = (index, leaf),
            Step::TokenMade => task.token = index,
            Step::Intended(number) => lease(task, number, |lease, index| lease.intended = index),
            Step::Issued(number) | Step::Renewed(number) | Step::Asked(number) => {
                lease(task, number, |lease, index| lease.last = index);
            }
            Step::Revoked(_) => self.closed += 1,
            _ => {}
        }
        self.place = (self.place + 1) % self.wave.len().max(1);
        if self.place == 0 {
            self.step = (self.step + 1) % self.steps.len();
        }
    }

    fn entry(&self, actor: Actor, cause: Option<u64>, sensitive: &[&str], body: Body) -> Entry {
        let seed = self.size.to_be_bytes();
        let mark = RequestMark { content: Digest::of(&[b"content", &seed]), id: Digest::of(&[b"id", &seed]) };
        let commit = |field: &&str| {
            let salt = Digest::of(&[b"salt", &seed]);
            let value = format!("value of {field} at {}", self.size);
            ((*field).to_owned(), Commitment::of(body.type_name(), field, salt.as_bytes(), &value))
        };
        let commitments: Commitments = sensitive.iter().map(commit).collect();
        let request = Some(mark).filter(|_| body.answers_a_request());
        Entry { actor, cause, commitments, request, time: self.now(), body }
    }
}

impl Step {
    const fn is_of_an_end(&self) -> bool {
        matches!(self, Self::Asked(_) | Self::Revoked(_) | Self::Completed | Self::TokenRevoked)
    }
}

fn steps() -> Vec<Step> {
    let mut steps = vec![Step::Requested, Step::Approved, Step::TokenMade, Step::Activated];
    steps.extend((0..LEASES).flat_map(|lease| [Step::Intended(lease), Step::Issued(lease), Step::Renewed(lease)]));
    steps.extend((0..LEASES).flat_map(|lease| [Step::Asked(lease), Step::Revoked(lease)]));
    steps.extend([Step::Completed, Step::TokenRevoked]);
    steps
}

/// The log's key. It is in this file: it signs nothing but made-up logs.
pub(crate) fn signer() -> anyhow::Result<Signer> {
    Ok(Signer::generate(ORIGIN, [7; 32])?)
}

pub(crate) fn key() -> anyhow::Result<VerifierKey> {
    Ok(signer()?.verifier())
}

/// In 2026. The story ends months later.
pub(crate) const BEGINNING: Time = Time::from_unix_seconds(1_793_505_600);
