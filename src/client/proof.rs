//! Waiting until the end of leases is proven, and saying how long that took.
//!
//! Nothing here calls a lease revoked unless the broker does.

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use super::{lease, stopwatch, view};
use domain::reason::Reason;
use proto::v1::{Lease, LeaseState};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// The clock of a proof, started just before the end is asked for.
pub(crate) struct Watch {
    began: Instant,
}

/// A lease and what it is for.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) credential: String,
}

impl From<&Lease> for Named {
    fn from(lease: &Lease) -> Self {
        Self { id: lease.id.clone(), credential: lease.credential.clone() }
    }
}

/// How a lease ended, as far as this program saw.
#[derive(Debug, Serialize)]
pub(crate) struct Proven {
    pub(crate) lease_id: String,
    pub(crate) credential: String,
    /// As the broker says, `forgotten` if it no longer keeps the record.
    pub(crate) state: String,
    pub(crate) assurance: String,
    pub(crate) revocability: String,
    /// From asking for the end until this was seen.
    pub(crate) proof_seconds: f64,
    #[serde(skip)]
    settled: bool,
}

impl Watch {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self { began: stopwatch::now() }
    }

    /// Waits for all of these leases and says of each, as soon as it is known, how it ended.
    pub(crate) async fn leases(&self, broker: &mut Broker<'_>, leases: &[Named]) -> Result<Vec<Proven>> {
        let mut waiting: Vec<&Named> = leases.iter().collect();
        let mut proven = Vec::with_capacity(leases.len());
        let mut pause = FIRST_PAUSE;
        loop {
            let mut still = Vec::new();
            for lease in waiting {
                let now = self.look(broker, lease).await?;
                if now.settled || self.began.elapsed() > PROOF_WITHIN {
                    broker.terminal.say(&now.sentence());
                    proven.push(now);
                } else {
                    still.push(lease);
                }
            }
            if still.is_empty() {
                return Ok(proven);
            }
            waiting = still;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn look(&self, broker: &mut Broker<'_>, lease: &Named) -> Result<Proven> {
        match lease::read(broker, &lease.id).await {
            Ok(lease) => Ok(Proven::of(&lease, self.began.elapsed())),
            Err(complaint) if complaint.reason() == Some(Reason::NotFound) => {
                Ok(Proven::forgotten(lease, self.began.elapsed()))
            }
            Err(complaint) => Err(complaint),
        }
    }
}

impl Proven {
    fn of(lease: &Lease, after: Duration) -> Self {
        let settled = matches!(
            LeaseState::try_from(lease.state),
            Ok(LeaseState::Revoked | LeaseState::NotIssued | LeaseState::Expired)
        );
        Self {
            lease_id: lease.id.clone(),
            credential: lease.credential.clone(),
            state: view::lease_state(lease),
            assurance: view::assurance(lease),
            revocability: view::revocability(lease),
            proof_seconds: seconds(after),
            settled,
        }
    }

    fn forgotten(lease: &Named, after: Duration) -> Self {
        Self {
            lease_id: lease.id.clone(),
            credential: lease.credential.clone(),
            state: FORGOTTEN.into(),
            assurance: "none".into(),
            revocability: "unspecified".into(),
            proof_seconds: seconds(after),
            settled: true,
        }
    }

    /// One sentence for a person.
    pub(crate) fn sentence(&self) -> String {
        let Self { lease_id, credential, state, assurance, revocability, proof_seconds, .. } = self;
        match state.as_str() {
            "revoked" => format!("{credential}: revoked, {assurance} in {proof_seconds:.2} s ({lease_id})"),
            "not-issued" => format!("{credential}: never came to a secret ({lease_id})"),
            "expired" if revocability == "rotate-only" => {
                format!(
                    "{credential}: over for the task; rotate-only, so the value lives on until it is rotated ({lease_id})"
                )
            }
            "expired" => format!("{credential}: over for the task; {revocability} ({lease_id})"),
            FORGOTTEN => format!(
                "{credential}: settled, but the broker no longer keeps its record; how surely it ended is in the log ({lease_id})"
            ),
            _ => format!(
                "{credential}: not proven after {proof_seconds:.0} s ({state}, {assurance}); the broker goes on until \
                 it is: leasehold lease show {lease_id}"
            ),
        }
    }

    /// Nothing left to prove, or a complaint.
    pub(crate) fn or_complaint(&self) -> Result<()> {
        if self.settled {
            return Ok(());
        }
        let what = format!("the end of {} is not proven yet", self.lease_id);
        Err(Complaint::failed(what, format!("look again later: leasehold lease show {}", self.lease_id)))
    }
}

fn seconds(after: Duration) -> f64 {
    (after.as_secs_f64() * 1_000.0).round() / 1_000.0
}

const FORGOTTEN: &str = "forgotten";
/// Waiting longer than this is the broker's work; it never gives up.
const PROOF_WITHIN: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use proto::v1::{Revocability, RevocationAssurance};

    fn seen(state: LeaseState, assurance: RevocationAssurance, revocability: Revocability) -> Proven {
        let mut lease = Lease { id: "lease-1".into(), credential: "ledger-ro".into(), ..Lease::default() };
        lease.set_state(state);
        lease.set_assurance(assurance);
        lease.set_revocability(revocability);
        Proven::of(&lease, Duration::from_millis(412))
    }

    #[test]
    fn nothing_is_called_revoked_that_is_not() {
        use {LeaseState as S, Revocability as R, RevocationAssurance as A};
        let revoked = seen(S::Revoked, A::EffectConfirmed, R::Revocable);
        assert_eq!(revoked.sentence(), "ledger-ro: revoked, effect-confirmed in 0.41 s (lease-1)");
        assert!(revoked.or_complaint().is_ok());
        let unproven = seen(S::Unproven, A::Accepted, R::Revocable);
        assert!(unproven.sentence().starts_with("ledger-ro: not proven after 0 s (unproven, accepted)"));
        assert!(unproven.or_complaint().is_err());
        for (state, revocability) in
            [(S::Expired, R::RotateOnly), (S::Expired, R::ExpiryBounded), (S::NotIssued, R::Revocable)]
        {
            let sentence = seen(state, A::Unspecified, revocability).sentence();
            assert!(!sentence.contains("revoked") && !sentence.contains("confirmed"), "{sentence}");
        }
    }
}
