//! A lease: intended → issued → ending → revoked; intended → not issued; ending → unproven → revoked.
//! What cannot be ended early ends by rotation or expiry.

use super::agenda::Duty;
use super::command::{Caller, Decided, Draft, MintedFacts, RenewLease, RenewedFacts, Reply};
use super::repeat::Outcome;
use super::{About, Bench, Broken, State, issue, limits, repeat};
use crate::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use crate::entry::bodies::lease::{self as body, EndCause, NotIssuedCause, Revocability};
use crate::estate::Credential;
use crate::reason::{Denial, Reason};
use std::sync::Arc;

/// What never changes about a lease.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// Its id.
    pub id: LeaseId,
    /// Its task.
    pub task: TaskId,
    /// Name of the credential.
    pub credential: Name,
    /// Index of `lease.intended`.
    pub index: u64,
    /// When it was intended.
    pub intended: Time,
    /// A lease that ends when this one is sealed.
    pub supersedes: Option<LeaseId>,
    pub(super) request: Option<Digest>,
}

/// What is known once the secret exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Index of `lease.issued`.
    pub index: u64,
    /// When.
    pub time: Time,
    /// The engine's own end of it.
    pub engine_expires: Option<Time>,
    /// Whether the engine prolongs it.
    pub renewable: bool,
    /// Serial number of a certificate.
    pub serial: Option<Arc<str>>,
}

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No answer yet; may be closed from then on.
    Intended(Time),
    /// Its secret is alive.
    Issued,
    /// Its end is asked for since then; `true` once the engine took it on.
    Ending(Time, bool),
    /// Its end is asked for since then, and the proof is overdue.
    Unproven(Time),
}

/// An unsettled lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// What never changes.
    pub facts: Arc<Facts>,
    /// Where it stands.
    pub stage: Stage,
    /// How it can end.
    pub revocability: Revocability,
    /// Until when the secret may be used.
    pub expires: Time,
    /// Set once the secret exists.
    pub issued: Option<Issued>,
    /// Its account outlived it at the engine, and the log says so.
    pub outlived: bool,
    /// Index of the entry that last changed it.
    pub changed: u64,
}

/// The right to mint one secret, durable in the log. Spent once: it is moved on, never copied.
#[derive(Debug)]
pub struct Intent {
    /// The lease.
    pub lease: LeaseId,
    /// Its task.
    pub task: TaskId,
    /// Name of the credential.
    pub name: Name,
    /// The credential as approved.
    pub credential: Credential,
    /// Whose secret it will be.
    pub subject: SpiffeId,
    /// Index of `lease.intended`.
    pub index: u64,
    /// When it was intended.
    pub at: Time,
    /// Until when the secret may be used.
    pub expires: Time,
}

impl Lease {
    /// No secret is known yet.
    #[must_use]
    pub const fn is_intended(&self) -> bool {
        matches!(self.stage, Stage::Intended(_))
    }

    /// The proof of its end is overdue.
    #[must_use]
    pub const fn is_unproven(&self) -> bool {
        matches!(self.stage, Stage::Unproven(_))
    }

    /// Its next duty and when.
    #[must_use]
    pub fn duty(&self) -> Option<(Time, Duty)> {
        let id = self.facts.id;
        match self.stage {
            Stage::Intended(closable) => Some((closable, Duty::CloseIntent(id))),
            Stage::Issued => Some(self.duty_while_issued()),
            Stage::Unproven(since) if self.issued.is_none() => Some((since, Duty::CloseIntent(id))),
            Stage::Ending(since, _) | Stage::Unproven(since) => Some(match self.revocability {
                Revocability::Revocable => (since, Duty::EndLease(id)),
                Revocability::RotateOnly => (since, Duty::SettleLease(id)),
                Revocability::ExpiryBounded => (since.max(self.engine_end()), Duty::SettleLease(id)),
            }),
        }
    }

    fn duty_while_issued(&self) -> (Time, Duty) {
        let id = self.facts.id;
        let expiry = (self.expires, Duty::ExpireLease(id));
        let Some(Issued { engine_expires: Some(engine), renewable: true, time, .. }) = self.issued else {
            return expiry;
        };
        if engine >= self.expires {
            return expiry;
        }
        let ahead = engine.minus(limits::STEP_AHEAD).max(time);
        expiry.min((ahead, Duty::ProlongLease(id)))
    }

    /// Its own time is over, or the engine has ended it because nothing prolonged it in time.
    #[must_use]
    pub fn is_over(&self, at: Time) -> bool {
        self.expires.min(self.engine_end()) <= at
    }

    /// When the engine would end it by itself.
    #[must_use]
    pub fn engine_end(&self) -> Time {
        self.issued.as_ref().and_then(|issued| issued.engine_expires).unwrap_or(self.expires)
    }
}

impl State {
    pub(super) fn lease(&self, id: LeaseId) -> Result<&Lease, Broken> {
        self.leases.get(&id).ok_or_else(|| Broken::new("lease", format!("{id} is not open")))
    }

    /// The lease, if it is open and the caller is its task's subject.
    fn own_lease(&self, caller: &Caller, id: LeaseId) -> Result<&Lease, Denial> {
        let lease = self.leases.get(&id).ok_or_else(Denial::not_found)?;
        self.own_task(caller, lease.facts.task)?;
        Ok(lease)
    }

    /// A secret exists: it is recorded whatever happened meanwhile; it may be delivered only if
    /// its task is still active and its own time is not over.
    pub(super) fn decide_seal(&self, minted: &MintedFacts, at: Time) -> Result<Decided, Denial> {
        let lease = self.leases.get(&minted.lease).filter(|lease| lease.is_intended()).ok_or_else(closed)?;
        let task = self.tasks.get(&lease.facts.task).ok_or_else(closed)?;
        let expires = lease.expires.min(minted.engine_expires.filter(|_| !minted.renewable).unwrap_or(lease.expires));
        let issued = body::Issued {
            engine_expires: minted.engine_expires,
            engine_request: minted.engine_request.clone(),
            expires,
            lease: minted.lease,
            renewable: minted.renewable,
            revocability: minted.revocability,
            serial: minted.serial.clone(),
            value_version: minted.value_version,
        };
        let mut draft = Draft::new(issued).caused_by(lease.facts.index);
        draft.commitments.clone_from(&minted.commitments);
        let live = matches!(task.stage, super::task::Stage::Active(_)) && at < expires;
        let mut decided = Decided::one(draft, Reply::Sealed(live));
        let old = lease.facts.supersedes.and_then(|old| self.leases.get(&old));
        if let Some(old) = old.filter(|old| live && old.stage == Stage::Issued) {
            let body = body::RevocationRequested { lease: old.facts.id, why: EndCause::Superseded };
            decided.drafts.push(Draft::new(body).caused_by(self.size));
        }
        Ok(decided)
    }

    pub(super) fn decide_not_issued(&self, id: LeaseId, why: NotIssuedCause) -> Result<Decided, Denial> {
        let Some(lease) = self.leases.get(&id).filter(|lease| lease.issued.is_none()) else {
            return Ok(Decided::nothing(Reply::Done));
        };
        let draft = Draft::new(body::NotIssued { lease: id, why }).caused_by(lease.facts.index);
        Ok(Decided::one(draft, Reply::Done))
    }

    /// Judges a renewal. No entry follows yet: first the engine's clock is set.
    pub(super) fn decide_renew(&self, caller: &Caller, ask: &RenewLease, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let lease = self.own_lease(caller, ask.lease)?;
        let task = self.own_task(caller, lease.facts.task)?;
        if lease.stage != Stage::Issued || lease.expires <= bench.at {
            return Err(Denial::new(Reason::LeaseEnded, "the lease is ending"));
        }
        if !lease.issued.as_ref().is_some_and(|issued| issued.renewable) {
            return Err(Denial::new(Reason::LeaseNotRenewable, "this kind of secret is not prolonged"));
        }
        let credential = self.allowed(caller, task, &lease.facts.credential, bench)?;
        repeat::check_not_spent(task)?;
        let expires = issue::expiry(task, credential, &caller.subject, ask.ttl, bench.at)?;
        Ok(Decided::nothing(Reply::Renewal(ask.lease, expires)))
    }

    pub(super) fn decide_renewed(&self, renewed: &RenewedFacts) -> Result<Decided, Denial> {
        let lease = self.leases.get(&renewed.lease).filter(|lease| lease.stage == Stage::Issued);
        let Some(lease) = lease else {
            return Err(Denial::new(Reason::LeaseEnded, "the lease ended while it was prolonged"));
        };
        let expires = renewed.expires.unwrap_or(lease.expires);
        let body = body::Renewed { engine_expires: renewed.engine_expires, expires, lease: renewed.lease };
        Ok(Decided::one(Draft::new(body).caused_by(lease.changed), Reply::Lease(renewed.lease)))
    }

    pub(super) fn apply_intended(&mut self, about: &About<'_>, intended: &body::Intended) -> Result<(), Broken> {
        issue::check_law(self, self.task(intended.task)?, intended, about.entry)?;
        if self.leases.contains_key(&intended.lease) {
            return Err(Broken::new("lease", "intended twice"));
        }
        self.change_task(intended.task, |task| {
            task.open_leases.insert(intended.lease);
        });
        let facts = Facts {
            id: intended.lease,
            task: intended.task,
            credential: intended.credential.clone(),
            index: about.index,
            intended: about.entry.time,
            supersedes: intended.supersedes,
            request: about.entry.request.map(|mark| mark.id),
        };
        self.put_lease(Lease {
            facts: Arc::new(facts),
            stage: Stage::Intended(self.broker.closable(about.entry.time)),
            revocability: intended.revocability,
            expires: intended.expires,
            issued: None,
            outlived: false,
            changed: about.index,
        });
        self.remember(about, Outcome::Secret(intended.task, intended.lease));
        Ok(())
    }

    pub(super) fn apply_issued(&mut self, about: &About<'_>, issued: &body::Issued) -> Result<(), Broken> {
        let lease = self.lease(issued.lease)?;
        if !lease.is_intended() || issued.expires > lease.expires {
            return Err(Broken::new("intent", "a lease was issued without an intent that allows it"));
        }
        if issued.revocability != lease.revocability && issued.revocability != Revocability::ExpiryBounded {
            return Err(Broken::new("proof", "a lease can be ended less surely than was intended"));
        }
        let task = self.task(lease.facts.task)?;
        if task.tokens.iter().all(|token| token.gone) {
            return Err(Broken::new("token", "a lease was issued without a recorded token of its task"));
        }
        let ending = matches!(task.stage, super::task::Stage::Ending(..));
        self.change_lease(issued.lease, |lease| {
            lease.stage = if ending { Stage::Ending(about.entry.time, false) } else { Stage::Issued };
            lease.revocability = issued.revocability;
            lease.expires = issued.expires;
            lease.changed = about.index;
            lease.issued = Some(Issued {
                index: about.index,
                time: about.entry.time,
                engine_expires: issued.engine_expires,
                renewable: issued.renewable,
                serial: issued.serial.as_deref().map(Arc::from),
            });
        });
        Ok(())
    }

    pub(super) fn apply_not_issued(&mut self, about: &About<'_>, not: &body::NotIssued) -> Result<(), Broken> {
        let lease = self.lease(not.lease)?;
        if lease.issued.is_some() {
            return Err(Broken::new("lease", "an issued lease cannot become not issued"));
        }
        // Before, the engine might still have been at work: what was not there could yet come.
        let early = matches!(lease.stage, Stage::Intended(closable) if about.entry.time < closable);
        if early && not.why != NotIssuedCause::Refused {
            return Err(Broken::new("intent", "an intent was closed before the engine's longest request was over"));
        }
        let request = lease.facts.request;
        self.settle_lease(not.lease);
        self.forget_request(request);
        Ok(())
    }

    pub(super) fn apply_renewed(&mut self, about: &About<'_>, renewed: &body::Renewed) -> Result<(), Broken> {
        let lease = self.lease(renewed.lease)?;
        let task = self.task(lease.facts.task)?;
        let task_end = if let super::task::Stage::Active(ends) = task.stage { ends } else { about.entry.time };
        let longest = task.facts.scope.get(&lease.facts.credential).map_or(0, |approved| approved.max_ttl_seconds);
        let bound = task
            .approved_until()
            .unwrap_or(task_end)
            .min(task_end)
            .min(about.entry.time.plus(Span::from_seconds(longest)));
        if lease.stage != Stage::Issued || !lease.issued.as_ref().is_some_and(|issued| issued.renewable) {
            return Err(Broken::new("renewal", "a lease was prolonged that is not issued, or not renewable"));
        }
        if renewed.expires > bound {
            return Err(Broken::new(
                "renewal",
                "a lease was prolonged beyond its task, its approval or its credential",
            ));
        }
        let outcome = Outcome::Lease(lease.facts.task, renewed.lease);
        self.change_lease(renewed.lease, |lease| {
            lease.expires = renewed.expires;
            lease.changed = about.index;
            if let Some(issued) = &mut lease.issued {
                issued.engine_expires = Some(renewed.engine_expires);
            }
        });
        self.remember(about, outcome);
        Ok(())
    }
}

/// How far the engine's clock is set ahead of `now` for a secret that may be used until `expires`.
#[must_use]
pub fn step(now: Time, expires: Time) -> Span {
    expires.since(now).min(limits::STEP_MAX)
}

fn closed() -> Denial {
    Denial::new(Reason::EndedMeanwhile, "the intent was closed while the secret was made")
}
