//! The closed list of entry types, version 1. One macro makes the enum, the names, the writer and
//! the reader, so that none of them can forget a type.

use super::bodies::{access, estate, evidence, lease, log, task, token};
use super::{Entry, NotAnEntry};
use crate::base::{LeaseId, TaskId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

macro_rules! types {
    ($($(#[$doc:meta])* $variant:ident $name:literal $body:path,)*) => {
        /// What happened, by type.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $variant($body),)*
        }

        /// The types alone.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Type {
            $($(#[$doc])* $variant,)*
        }

        impl Type {
            /// Every type, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, such as `lease.issued`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl Body {
            /// Every type name, in the order of the list.
            pub const TYPES: &'static [&'static str] = &[$($name),*];

            /// The type's name, such as `lease.issued`.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),* }
            }

            /// The type alone.
            #[must_use]
            pub const fn kind(&self) -> Type {
                match self { $(Self::$variant(_) => Type::$variant),* }
            }

            /// Reads the fields of a type; `None`, and they are passed over, for a type that is not in the list.
            pub(super) fn read<'de, D: Deserializer<'de>>(name: &str, what: D) -> Result<Option<Self>, D::Error> {
                Ok(Some(match name {
                    $($name => Self::$variant(Deserialize::deserialize(what)?),)*
                    _ => return IgnoredAny::deserialize(what).map(|_| None),
                }))
            }

            pub(super) fn write_in(&self, entry: &Entry) -> Result<Vec<u8>, NotAnEntry> {
                Ok(match self { $(Self::$variant(what) => entry.write_what($name, what)?),* })
            }
        }

        $(impl From<$body> for Body {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })*
    };
}

types! {
    /// The log begins.
    LogStarted "log.started" log::LogStarted,
    /// How many entries of each type there are.
    LogCounted "log.counted" log::Counted,
    /// A broker took the log over.
    BrokerActivated "broker.activated" log::BrokerActivated,
    /// A broker laid the log down in order.
    BrokerStopped "broker.stopped" log::BrokerStopped,
    /// One item of an estate group was set.
    EstateItemSet "estate.item_set" estate::ItemSet,
    /// One item of an estate group was removed.
    EstateItemRemoved "estate.item_removed" estate::ItemRemoved,
    /// An estate group is complete and in force.
    EstateApplied "estate.applied" estate::Applied,
    /// A task was asked for.
    TaskRequested "task.requested" task::Requested,
    /// One yes.
    TaskApproved "task.approved" task::Approved,
    /// A no.
    TaskDenied "task.denied" task::Denied,
    /// The window began.
    TaskActivated "task.activated" task::Activated,
    /// The work is done.
    TaskCompleted "task.completed" task::Completed,
    /// The work is not wanted any more.
    TaskCancelled "task.cancelled" task::Cancelled,
    /// A deadline of the task passed.
    TaskExpired "task.expired" task::Expired,
    /// The task's engine token exists.
    TokenMade "token.made" token::Made,
    /// The task's engine token is gone.
    TokenRevoked "token.revoked" token::Revoked,
    /// A secret may come to exist from here on.
    LeaseIntended "lease.intended" lease::Intended,
    /// The secret exists and was sealed.
    LeaseIssued "lease.issued" lease::Issued,
    /// No secret came of the intent.
    LeaseNotIssued "lease.not_issued" lease::NotIssued,
    /// The lease was prolonged.
    LeaseRenewed "lease.renewed" lease::Renewed,
    /// The end of this lease alone was asked for.
    LeaseRevocationRequested "lease.revocation_requested" lease::RevocationRequested,
    /// The engine took the revocation on, and does not say gone yet.
    LeaseRevocationAccepted "lease.revocation_accepted" lease::RevocationAccepted,
    /// The lease is dead, with proof.
    LeaseRevoked "lease.revoked" lease::Revoked,
    /// The end could not be proven in time.
    LeaseUnproven "lease.unproven" lease::Unproven,
    /// Over for the task; the value itself was not ended.
    LeaseExpired "lease.expired" lease::Expired,
    /// A decision against a verified caller.
    AccessDenied "access.denied" access::Denied,
    /// Failed authentications, summed up.
    AccessRefused "access.refused" access::Refused,
    /// A backend credential with our tag that the log did not account for.
    OrphanFound "orphan.found" access::OrphanFound,
    /// Someone read the log.
    EvidenceRead "evidence.read" evidence::Read,
    /// One of two people wants openings erased.
    EvidenceErasureRequested "evidence.erasure_requested" evidence::ErasureRequested,
    /// Openings were erased.
    EvidenceErased "evidence.erased" evidence::Erased,
}

impl Body {
    /// Whether this entry carries the mark of the request that it answers: one entry of each
    /// decision does.
    #[must_use]
    pub const fn answers_a_request(&self) -> bool {
        matches!(
            self,
            Self::EstateApplied(_)
                | Self::TaskRequested(_)
                | Self::TaskApproved(_)
                | Self::TaskDenied(_)
                | Self::TaskCompleted(_)
                | Self::TaskCancelled(_)
                | Self::LeaseIntended(_)
                | Self::LeaseRenewed(_)
                | Self::LeaseRevocationRequested(_)
                | Self::EvidenceErasureRequested(_)
                | Self::EvidenceErased(_)
        )
    }

    /// The lease that an entry names as its own subject.
    #[must_use]
    pub const fn lease(&self) -> Option<LeaseId> {
        Some(match self {
            Self::LeaseIntended(body) => body.lease,
            Self::LeaseIssued(body) => body.lease,
            Self::LeaseNotIssued(body) => body.lease,
            Self::LeaseRenewed(body) => body.lease,
            Self::LeaseRevocationRequested(body) => body.lease,
            Self::LeaseRevocationAccepted(body) => body.lease,
            Self::LeaseRevoked(body) => body.lease,
            Self::LeaseUnproven(body) => body.lease,
            Self::LeaseExpired(body) => body.lease,
            Self::OrphanFound(body) => body.lease,
            _ => return None,
        })
    }

    /// The task that an entry names as its own subject.
    #[must_use]
    pub const fn task(&self) -> Option<TaskId> {
        Some(match self {
            Self::TaskRequested(body) => body.task,
            Self::TaskApproved(body) => body.task,
            Self::TaskDenied(body) => body.task,
            Self::TaskActivated(body) => body.task,
            Self::TaskCompleted(body) => body.task,
            Self::TaskCancelled(body) => body.task,
            Self::TaskExpired(body) => body.task,
            Self::TokenMade(body) => body.task,
            Self::TokenRevoked(body) => body.task,
            Self::LeaseIntended(body) => body.task,
            _ => return None,
        })
    }
}
