//! The closed list of reason codes: one row each with its class, whether asking again can help,
//! and the next step. The gRPC surface, the CLI, the docs and the golden table all print from here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The class of an answer; the gRPC surface maps it one to one to a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// No or bad identity.
    Unauthenticated,
    /// Malformed or out of bounds.
    InvalidArgument,
    /// Unknown, or not the caller's: one face for both.
    NotFound,
    /// Refused by role, rule, approval or fence.
    PermissionDenied,
    /// The thing is in a state that does not allow this.
    FailedPrecondition,
    /// Done before.
    AlreadyExists,
    /// A race was lost; nothing usable is left.
    Aborted,
    /// Over a limit.
    ResourceExhausted,
    /// A backend or the log cannot be reached; nothing was issued.
    Unavailable,
    /// A bug of ours.
    Internal,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $class:ident $retry:literal $next:literal)*) => {
        /// A stable code: why a call was not served.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = concat!("`", $code, "`: ", $next)] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code, `UPPER_SNAKE`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The class.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),* }
            }

            /// Seconds after which the same call may be tried again; 0: not without a change.
            #[must_use]
            pub const fn retry_after_seconds(self) -> u32 {
                match self { $(Self::$variant => $retry),* }
            }

            /// What to do next, one sentence.
            #[must_use]
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next),* }
            }
        }
    };
}

reasons! {
    // Identity.
    SvidMissing "SVID_MISSING" Unauthenticated 0 "present an X.509-SVID over mTLS or a JWT-SVID in the authorization metadata"
    SvidMalformed "SVID_MALFORMED" Unauthenticated 0 "present a document that follows the SPIFFE standards"
    SvidIdInvalid "SVID_ID_INVALID" Unauthenticated 0 "present exactly one well-formed SPIFFE ID with a path"
    SvidNotALeaf "SVID_NOT_A_LEAF" Unauthenticated 0 "authenticate with a leaf, never with a signing certificate"
    SvidKeyUsage "SVID_KEY_USAGE" Unauthenticated 0 "have the SVID issued with a critical key usage of digitalSignature only"
    SvidExpired "SVID_EXPIRED" Unauthenticated 0 "fetch a fresh SVID from the Workload API"
    SvidNotYetValid "SVID_NOT_YET_VALID" Unauthenticated 0 "check the clocks of issuer and broker"
    SvidUntrusted "SVID_UNTRUSTED" Unauthenticated 0 "check that the bundle of the SVID's trust domain holds its issuer"
    TrustDomainUnknown "TRUST_DOMAIN_UNKNOWN" Unauthenticated 0 "federate the trust domain, or use an identity of a known one"
    JwtAlgorithm "JWT_ALGORITHM" Unauthenticated 0 "sign with RS, ES or PS 256 to 512, and name the key by kid"
    JwtHeader "JWT_HEADER" Unauthenticated 0 "send only the headers alg, kid and typ"
    JwtAudience "JWT_AUDIENCE" Unauthenticated 0 "fetch the JWT-SVID for exactly one audience: the broker's SPIFFE ID"
    JwtClaims "JWT_CLAIMS" Unauthenticated 0 "fetch the JWT-SVID from the Workload API; sub, aud and exp are required"
    JwtSignature "JWT_SIGNATURE" Unauthenticated 0 "fetch a fresh JWT-SVID; its key must be in the trust domain's bundle"
    IdentityMismatch "IDENTITY_MISMATCH" Unauthenticated 0 "present one identity: certificate and token name different ones"
    HandshakeFailed "HANDSHAKE_FAILED" Unauthenticated 0 "complete a TLS 1.3 handshake within five seconds"
    // Input.
    FieldInvalid "FIELD_INVALID" InvalidArgument 0 "correct the named field"
    RequestIdInvalid "REQUEST_ID_INVALID" InvalidArgument 0 "send a random UUID as request_id"
    EstateInvalid "ESTATE_INVALID" InvalidArgument 0 "correct the named line of the estate"
    MessageTooLarge "MESSAGE_TOO_LARGE" InvalidArgument 0 "send less in one message"
    // One face for unknown and foreign.
    NotFound "NOT_FOUND" NotFound 0 "check the id; what is not yours looks as if it did not exist"
    // Roles, rules, approvals.
    RoleMissing "ROLE_MISSING" PermissionDenied 0 "ask an operator to name your SPIFFE ID in the estate's role for this call"
    AgentUnknown "AGENT_UNKNOWN" PermissionDenied 0 "ask an operator to declare the agent in the estate"
    AgentWithoutOwner "AGENT_WITHOUT_OWNER" PermissionDenied 0 "ask an operator to give the agent an owner team with at least one member"
    CredentialWithoutOwner "CREDENTIAL_WITHOUT_OWNER" PermissionDenied 0 "ask an operator to give the credential an owner team: nobody can approve its use"
    CredentialNotAllowed "CREDENTIAL_NOT_ALLOWED" PermissionDenied 0 "request a task whose scope holds this credential"
    SelfApproval "SELF_APPROVAL" PermissionDenied 0 "ask another person who may decide on it: nobody decides on their own request"
    NotAnApprover "NOT_AN_APPROVER" PermissionDenied 0 "ask a member of the credential's owner team"
    JwtNotEnough "JWT_NOT_ENOUGH" PermissionDenied 0 "present an X.509-SVID: a JWT-SVID alone does not suffice for this"
    TtlTooShort "TTL_TOO_SHORT" PermissionDenied 0 "request a new task, or fetch a fresh SVID: less than the shortest useful life is left"
    ClockUncertain "CLOCK_UNCERTAIN" Unavailable 5 "wait until the broker's clock agrees again; ending goes on meanwhile"
    // States.
    TaskNotApproved "TASK_NOT_APPROVED" FailedPrecondition 0 "wait for the approval named in the task"
    TaskNotActive "TASK_NOT_ACTIVE" FailedPrecondition 0 "request a new task: this one has ended"
    TaskDecided "TASK_DECIDED" FailedPrecondition 0 "nothing is left to decide on this task"
    TaskWindowOver "TASK_WINDOW_OVER" FailedPrecondition 0 "request a new task: the window of this one is over"
    TaskSpent "TASK_SPENT" FailedPrecondition 0 "complete this task and request a new one: a task may make no more requests than that"
    LeaseEnded "LEASE_ENDED" FailedPrecondition 0 "ask for a new secret inside an active task"
    LeaseNotRenewable "LEASE_NOT_RENEWABLE" FailedPrecondition 0 "ask for a new secret: this kind cannot be prolonged"
    CredentialUnknown "CREDENTIAL_UNKNOWN" FailedPrecondition 0 "declare the credential in the estate, or correct its name"
    DigestMismatch "DIGEST_MISMATCH" FailedPrecondition 0 "show the task again and approve the digest that it shows now"
    CredentialChanged "CREDENTIAL_CHANGED" FailedPrecondition 0 "request a new task: the credential changed in the estate since this one was requested"
    OpeningInUse "OPENING_IN_USE" FailedPrecondition 0 "erase it when the task and its leases are settled: until then the broker needs it"
    EstateMoved "ESTATE_MOVED" FailedPrecondition 0 "plan again: the estate changed since"
    // Repeats.
    AlreadyIssued "ALREADY_ISSUED" AlreadyExists 0 "the secret is given once; name the lease in supersedes to get a new one"
    RequestIdReused "REQUEST_ID_REUSED" AlreadyExists 0 "use a fresh request_id for another request"
    // Races, limits, outages.
    EndedMeanwhile "ENDED_MEANWHILE" Aborted 0 "request a new task: this one ended while the secret was made; nothing usable is left"
    TooManyTasks "TOO_MANY_TASKS" ResourceExhausted 30 "complete open tasks first"
    TasksTooFast "TASKS_TOO_FAST" ResourceExhausted 8 "request fewer tasks: draw what belongs together within one task"
    TooManyLeases "TOO_MANY_LEASES" ResourceExhausted 30 "end leases that are no longer needed"
    Overloaded "OVERLOADED" ResourceExhausted 1 "try again shortly"
    ReaderTooSlow "READER_TOO_SLOW" ResourceExhausted 1 "resume from the last index you have"
    StillIntended "STILL_INTENDED" Unavailable 2 "repeat with the same request_id: the first attempt is not decided yet"
    EngineUnavailable "ENGINE_UNAVAILABLE" Unavailable 5 "repeat with the same request_id when Vault is back; nothing usable was issued"
    EngineRefused "ENGINE_REFUSED" Unavailable 30 "have an operator run leasehold doctor: Vault refused what the estate declares"
    LogUnavailable "LOG_UNAVAILABLE" Unavailable 5 "repeat with the same request_id; without the log nothing is issued"
    IndexBehind "INDEX_BEHIND" Unavailable 5 "ask again in a moment: the index over the log is being filled"
    Stopping "STOPPING" Unavailable 2 "repeat with the same request_id after the restart"
    Internal "INTERNAL" Internal 0 "report the incident id; it is in the broker's logs"
}

impl Reason {
    /// Reads a code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::from_code(&text).ok_or_else(|| serde::de::Error::custom("unknown reason code"))
    }
}

/// A refusal that is data, not an error: the code, one sentence, and the field it concerns. It
/// implements `Error` only to travel through a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Denial {
    /// The stable code.
    pub reason: Reason,
    /// One lower-case sentence with the particulars; ids only, never a payload.
    pub sentence: String,
    /// Path of the offending field, for `InvalidArgument`.
    pub field: Option<String>,
    /// Ids that help the caller on, such as (`lease`, `lease-…`).
    pub ids: Vec<(&'static str, String)>,
}

impl Denial {
    /// A denial that concerns no single field.
    #[must_use]
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, sentence: sentence.into(), field: None, ids: Vec::new() }
    }

    /// A denial of one field.
    #[must_use]
    pub fn of_field(field: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Reason::FieldInvalid, sentence) }
    }

    /// The same denial with an id that helps the caller on.
    #[must_use]
    pub fn naming(mut self, key: &'static str, id: impl fmt::Display) -> Self {
        self.ids.push((key, id.to_string()));
        self
    }

    /// The one face of unknown and foreign things.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound, "no such thing, or not yours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(!reason.next_step().ends_with('.') && !reason.next_step().is_empty());
        }
    }
}
