//! The end of a lease: asked for, taken on, proven, or visibly not proven.

use super::agenda::Duty;
use super::command::{Caller, Decided, Draft, GoneFacts, OrphanFacts, Reply};
use super::lease::{Lease, Stage};
use super::repeat::Outcome;
use super::{About, Bench, Broken, State};
use crate::base::{LeaseId, Time};
use crate::entry::bodies::access::OrphanFound;
use crate::entry::bodies::lease::{self as body, Assurance, EndCause, Revocability};
use crate::reason::{Denial, Reason};

impl State {
    /// The task's subject, its owner teams and operators may end a lease alone.
    pub(super) fn decide_revoke(&self, caller: &Caller, id: LeaseId, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let lease = self.leases.get(&id).ok_or_else(Denial::not_found)?;
        let task = self.tasks.get(&lease.facts.task).ok_or_else(Denial::not_found)?;
        let person = caller.subject.id();
        let allowed =
            task.facts.subject == *person || self.answers_for(person, task) || self.is_operator(person, bench);
        if !allowed {
            return Err(Denial::not_found());
        }
        match lease.stage {
            Stage::Unproven(_) if lease.issued.is_none() => {
                Err(Denial::new(Reason::StillIntended, "the lease is not decided yet"))
            }
            Stage::Issued => Ok(Decided::one(asked(lease, EndCause::Asked), Reply::Lease(id))),
            Stage::Intended(_) => Err(Denial::new(Reason::StillIntended, "the lease is not decided yet")),
            Stage::Ending(..) | Stage::Unproven(_) => Err(Denial::new(Reason::LeaseEnded, "the lease is ending")),
        }
    }

    pub(super) fn decide_lease_expired(&self, id: LeaseId, at: Time) -> Result<Decided, Denial> {
        let lease = self.leases.get(&id).filter(|lease| lease.stage == Stage::Issued && lease.is_over(at));
        Ok(match lease {
            Some(lease) => Decided::one(asked(lease, EndCause::Expired), Reply::Done),
            None => Decided::nothing(Reply::Done),
        })
    }

    pub(super) fn decide_settle(&self, id: LeaseId, at: Time) -> Result<Decided, Denial> {
        let due = |lease: &&Lease| matches!(lease.duty(), Some((when, Duty::SettleLease(_))) if when <= at);
        let Some(lease) = self.leases.get(&id).filter(due) else { return Ok(Decided::nothing(Reply::Done)) };
        let body = body::Expired { lease: id, revocability: lease.revocability };
        Ok(Decided::one(Draft::new(body).caused_by(lease.changed), Reply::Done))
    }

    pub(super) fn decide_accepted(&self, id: LeaseId) -> Result<Decided, Denial> {
        let lease = self.leases.get(&id).filter(|lease| matches!(lease.stage, Stage::Ending(_, false)));
        Ok(match lease {
            Some(lease) => {
                let body = body::RevocationAccepted { lease: id };
                Decided::one(Draft::new(body).caused_by(lease.changed), Reply::Done)
            }
            None => Decided::nothing(Reply::Done),
        })
    }

    pub(super) fn decide_gone(&self, gone: &GoneFacts) -> Result<Decided, Denial> {
        let dying = |lease: &&Lease| {
            let ending = matches!(lease.stage, Stage::Ending(..) | Stage::Unproven(_));
            ending && lease.issued.is_some() && lease.revocability == Revocability::Revocable
        };
        let Some(lease) = self.leases.get(&gone.lease).filter(dying) else {
            return Ok(Decided::nothing(Reply::Done));
        };
        let assurance = if gone.backend_confirmed { Assurance::EffectConfirmed } else { Assurance::AuthorityConfirmed };
        let body = body::Revoked {
            assurance,
            crl: gone.crl.clone(),
            engine_request: gone.engine_request.clone(),
            known_before: gone.known_before,
            lease: gone.lease,
        };
        Ok(Decided::one(Draft::new(body).caused_by(lease.changed), Reply::Done))
    }

    pub(super) fn decide_unproven(&self, id: LeaseId, missing: &str) -> Result<Decided, Denial> {
        let overdue = |lease: &&Lease| matches!(lease.stage, Stage::Ending(..) | Stage::Intended(_));
        let Some(lease) = self.leases.get(&id).filter(overdue) else { return Ok(Decided::nothing(Reply::Done)) };
        let body = body::Unproven { lease: id, missing: missing.into() };
        Ok(Decided::one(Draft::new(body).caused_by(lease.changed), Reply::Done))
    }

    /// An issued lease has one account: that it lives on is said once, however often its end is tried.
    pub(super) fn decide_orphan(&self, orphan: &OrphanFacts) -> Decided {
        let lease = self.leases.get(&orphan.lease);
        if lease.is_some_and(|lease| lease.outlived) {
            return Decided::nothing(Reply::Done);
        }
        let body = OrphanFound { credential: orphan.credential.clone(), kind: orphan.kind.into(), lease: orphan.lease };
        let field = if orphan.kind == "lease" { "engine_lease" } else { "account" };
        let draft = Draft::new(body).committing(field, Some(orphan.name));
        let cause = lease.map(|lease| lease.facts.index);
        Decided::one(Draft { cause, ..draft }, Reply::Done)
    }

    /// Everything under an ended task turns to ending. An intent stays: its walk or its closing
    /// will tell what came of it.
    pub(super) fn end_lease_with_task(&mut self, id: LeaseId, about: &About<'_>) {
        self.change_lease(id, |lease| {
            if lease.stage == Stage::Issued {
                lease.end(about);
            }
        });
    }

    /// What an intent may have left behind can be several things: each of them is said.
    pub(super) fn apply_orphan(&mut self, found: &OrphanFound) {
        self.change_lease(found.lease, |lease| lease.outlived |= lease.issued.is_some());
    }

    pub(super) fn apply_revocation_requested(
        &mut self,
        about: &About<'_>,
        asked: &body::RevocationRequested,
    ) -> Result<(), Broken> {
        let lease = self.lease(asked.lease)?;
        if lease.stage != Stage::Issued {
            return Err(Broken::new("revocation", "asked for a lease that is not issued"));
        }
        let outcome = Outcome::Lease(lease.facts.task, asked.lease);
        self.change_lease(asked.lease, |lease| lease.end(about));
        self.remember(about, outcome);
        Ok(())
    }

    pub(super) fn apply_accepted(
        &mut self,
        about: &About<'_>,
        accepted: &body::RevocationAccepted,
    ) -> Result<(), Broken> {
        let Stage::Ending(since, _) = self.lease(accepted.lease)?.stage else {
            return Err(Broken::new("revocation", "accepted without being asked for"));
        };
        self.change_lease(accepted.lease, |lease| {
            lease.stage = Stage::Ending(since, true);
            lease.changed = about.index;
        });
        Ok(())
    }

    pub(super) fn apply_revoked(&mut self, revoked: &body::Revoked) -> Result<(), Broken> {
        let lease = self.lease(revoked.lease)?;
        if !matches!(lease.stage, Stage::Ending(..) | Stage::Unproven(_)) {
            return Err(Broken::new("revocation", "revoked without being asked for"));
        }
        if lease.issued.is_none() {
            return Err(Broken::new("revocation", "revoked although no secret is known of"));
        }
        if revoked.assurance < Assurance::AuthorityConfirmed {
            return Err(Broken::new("proof", "called revoked below authority-confirmed"));
        }
        if lease.revocability != Revocability::Revocable {
            return Err(Broken::new("proof", "called revoked although it ends only by rotation or expiry"));
        }
        let certificate = lease.issued.as_ref().is_some_and(|issued| issued.serial.is_some());
        if certificate && revoked.crl.as_ref().is_none_or(|crl| crl.number < crl.number_before) {
            return Err(Broken::new("proof", "a certificate was called revoked without a revocation list"));
        }
        let scope = &self.task(lease.facts.task)?.facts.scope;
        let probed = scope.get(&lease.facts.credential).is_some_and(|credential| credential.probe.is_some());
        if revoked.assurance == Assurance::EffectConfirmed && !probed {
            return Err(Broken::new("proof", "seen gone at a backend that nobody looks at"));
        }
        self.settle_lease(revoked.lease);
        Ok(())
    }

    pub(super) fn apply_unproven(&mut self, about: &About<'_>, unproven: &body::Unproven) -> Result<(), Broken> {
        let since = match self.lease(unproven.lease)?.stage {
            Stage::Ending(since, _) | Stage::Intended(since) => since,
            Stage::Issued | Stage::Unproven(_) => {
                return Err(Broken::new("revocation", "unproven without being asked for"));
            }
        };
        self.change_lease(unproven.lease, |lease| {
            lease.stage = Stage::Unproven(since);
            lease.changed = about.index;
        });
        Ok(())
    }

    pub(super) fn apply_lease_expired(&mut self, about: &About<'_>, expired: &body::Expired) -> Result<(), Broken> {
        let lease = self.lease(expired.lease)?;
        if lease.revocability == Revocability::Revocable {
            return Err(Broken::new("proof", "a revocable lease was let expire without proof"));
        }
        let due = matches!(lease.duty(), Some((when, Duty::SettleLease(_))) if when <= about.entry.time);
        if !due || expired.revocability != lease.revocability {
            return Err(Broken::new("proof", "a lease was called over while its secret was alive"));
        }
        self.settle_lease(expired.lease);
        Ok(())
    }
}

impl Lease {
    /// Its end is asked for by this entry.
    fn end(&mut self, about: &About<'_>) {
        self.stage = Stage::Ending(about.entry.time, false);
        self.changed = about.index;
    }
}

fn asked(lease: &Lease, why: EndCause) -> Draft {
    Draft::new(body::RevocationRequested { lease: lease.facts.id, why }).caused_by(lease.changed)
}
