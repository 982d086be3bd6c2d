//! Who stands behind an entry: the broker alone for what it found and did, a caller for what only callers
//! ask for. Some things both do: a lease is prolonged or ended by either.
//!
//! Judged by the entry alone, before its own laws: in the fold, and of parts that nobody can fold.

use super::Broken;
use crate::entry::{Actor, Body, Entry};

enum Hand {
    Broker,
    Caller,
    Either,
}

/// The law of the actor of an entry.
///
/// # Errors
/// [`Broken`] under `actor`, if the wrong hand wrote it.
pub fn check_actor(entry: &Entry) -> Result<(), Broken> {
    let Actor { connection, id, issuer_key, key_id, serial } = &entry.actor;
    let by_broker = id == Actor::BROKER;
    let proven = connection.is_some() || issuer_key.is_some() || key_id.is_some() || serial.is_some();
    if by_broker && proven {
        return Err(Broken::new("actor", "the broker is named with what proves a caller"));
    }
    match hand(&entry.body) {
        Hand::Broker if !by_broker => Err(Broken::new("actor", "a caller wrote what only the broker writes")),
        Hand::Caller if by_broker => Err(Broken::new("actor", "the broker wrote what only callers write")),
        _ => Ok(()),
    }
}

const fn hand(body: &Body) -> Hand {
    match body {
        Body::TaskApproved(approved) if approved.rule.is_some() => Hand::Broker,
        Body::LogStarted(_)
        | Body::LogCounted(_)
        | Body::BrokerActivated(_)
        | Body::BrokerStopped(_)
        | Body::TaskActivated(_)
        | Body::TaskExpired(_)
        | Body::TokenMade(_)
        | Body::TokenRevoked(_)
        | Body::LeaseIssued(_)
        | Body::LeaseNotIssued(_)
        | Body::LeaseRevocationAccepted(_)
        | Body::LeaseRevoked(_)
        | Body::LeaseUnproven(_)
        | Body::LeaseExpired(_)
        | Body::AccessRefused(_)
        | Body::OrphanFound(_) => Hand::Broker,
        Body::EstateItemSet(_)
        | Body::EstateItemRemoved(_)
        | Body::EstateApplied(_)
        | Body::TaskRequested(_)
        | Body::TaskApproved(_)
        | Body::TaskDenied(_)
        | Body::TaskCompleted(_)
        | Body::TaskCancelled(_)
        | Body::LeaseIntended(_)
        | Body::AccessDenied(_)
        | Body::EvidenceRead(_)
        | Body::EvidenceErasureRequested(_)
        | Body::EvidenceErased(_) => Hand::Caller,
        Body::LeaseRenewed(_) | Body::LeaseRevocationRequested(_) => Hand::Either,
    }
}
