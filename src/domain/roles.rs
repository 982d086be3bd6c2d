//! Who may call what: one table, role × call. A call that is not in it is refused. The table says
//! only who may knock; whose task or lease it is, `domain/state` decides.
//!
//! `docs/roles.md` is printed from here. Health and reflection are not calls of this table: they
//! need no SVID and tell nothing.

use crate::base::SpiffeId;
use crate::estate::{Estate, RoleName};
use std::fmt;

/// What a verified caller is, by the estate in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerRole {
    /// Any identity that was verified, declared or not.
    Anyone,
    /// Matches an agent of the estate.
    Workload,
    /// Member of a team.
    Approver,
    /// Named as operator, or a bootstrap operator while nobody is named.
    Operator,
    /// Named as auditor.
    Auditor,
    /// Named as scorer.
    Scorer,
}

/// What must have proven the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededProof {
    /// An X.509-SVID or a JWT-SVID.
    AnySvid,
    /// An X.509-SVID: a bearer token is not enough to decide or to change the estate.
    X509Svid,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Full name, such as `leasehold.v1.TaskService/RequestTask`.
    pub name: &'static str,
    /// Roles of which one suffices.
    pub roles: &'static [CallerRole],
    /// What must have proven the identity.
    pub proof: NeededProof,
}

/// The roles that one caller holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeldRoles(u8);

use CallerRole::{Anyone, Approver, Auditor, Operator, Scorer, Workload};

/// The table, ascending by name.
pub const CALLS: &[Call] = &[
    x509("leasehold.v1.EstateService/ApplyEstate", &[Operator]),
    call("leasehold.v1.EstateService/GetEstate", &[Operator, Auditor, Scorer]),
    call("leasehold.v1.EstateService/PlanEstate", &[Operator]),
    x509("leasehold.v1.EvidenceService/EraseOpening", &[Operator]),
    call("leasehold.v1.EvidenceService/Export", &[Operator, Auditor]),
    call("leasehold.v1.EvidenceService/GetCheckpoint", &[Anyone]),
    call("leasehold.v1.EvidenceService/GetConsistencyProof", &[Anyone]),
    call("leasehold.v1.EvidenceService/GetReceipt", &[Workload, Approver, Operator, Auditor, Scorer]),
    x509("leasehold.v1.EvidenceService/RebuildIndex", &[Operator]),
    call("leasehold.v1.EvidenceService/StreamEntries", &[Operator, Auditor, Scorer]),
    call("leasehold.v1.EvidenceService/Trace", &[Operator, Auditor]),
    call("leasehold.v1.IssuanceService/GetLease", &[Workload, Approver, Operator, Auditor]),
    call("leasehold.v1.IssuanceService/IssueSecret", &[Workload]),
    call("leasehold.v1.IssuanceService/ListLeases", &[Workload, Approver, Operator, Auditor]),
    call("leasehold.v1.IssuanceService/RenewLease", &[Workload]),
    call("leasehold.v1.IssuanceService/RevokeLease", &[Workload, Approver, Operator]),
    call("leasehold.v1.SignalService/Subscribe", &[Operator, Auditor, Scorer]),
    call("leasehold.v1.StatusService/GetStatus", &[Anyone]),
    x509("leasehold.v1.TaskService/ApproveTask", &[Approver]),
    call("leasehold.v1.TaskService/CancelTask", &[Workload, Approver, Operator]),
    call("leasehold.v1.TaskService/CompleteTask", &[Workload]),
    call("leasehold.v1.TaskService/DenyTask", &[Approver]),
    call("leasehold.v1.TaskService/GetTask", &[Workload, Approver, Operator, Auditor]),
    call("leasehold.v1.TaskService/ListTasks", &[Workload, Approver, Operator, Auditor]),
    call("leasehold.v1.TaskService/RequestTask", &[Workload]),
    call("leasehold.v1.TaskService/WatchTask", &[Workload, Approver, Operator, Auditor]),
];

const fn call(name: &'static str, roles: &'static [CallerRole]) -> Call {
    Call { name, roles, proof: NeededProof::AnySvid }
}

const fn x509(name: &'static str, roles: &'static [CallerRole]) -> Call {
    Call { name, roles, proof: NeededProof::X509Svid }
}

impl CallerRole {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 6] = [Anyone, Workload, Approver, Operator, Auditor, Scorer];

    /// The role's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Anyone => "anyone verified",
            Workload => "workload",
            Approver => "approver",
            Operator => "operator",
            Auditor => "auditor",
            Scorer => "scorer",
        }
    }
}

impl Call {
    /// The row of a call, by its full name without a leading slash.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CALLS.iter().find(|call| call.name == name)
    }
}

impl HeldRoles {
    /// What every verified caller holds.
    pub const ANYONE: Self = Self(1 << Anyone as u8);

    /// These and one more.
    #[must_use]
    pub const fn with(self, role: CallerRole) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// Whether the caller holds it.
    #[must_use]
    pub const fn holds(self, role: CallerRole) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Those that are held, in the order of the table's columns.
    pub fn iter(self) -> impl Iterator<Item = CallerRole> {
        CallerRole::ALL.into_iter().filter(move |role| self.holds(*role))
    }
}

impl fmt::Debug for HeldRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Whether one of the held roles may make the call. False for a call that is not in the table.
#[must_use]
pub fn may(call: &str, held: HeldRoles) -> bool {
    Call::named(call).is_some_and(|call| call.roles.iter().any(|role| held.holds(*role)))
}

/// The roles of a verified identity. Bootstrap operators count until the estate names operators. An
/// agent holds no person's role, whatever the lists say: nobody has two identities in one hand.
#[must_use]
pub fn held_roles(estate: &Estate, id: &SpiffeId, bootstrap: &[SpiffeId]) -> HeldRoles {
    let held = HeldRoles::ANYONE;
    if estate.agent_of(id).is_some() {
        return held.with(Workload);
    }
    let names_operators = estate.roles().get(&RoleName::Operator).is_some_and(|role| !role.members.is_empty());
    let holds = [
        (Approver, estate.teams_of(id).next().is_some()),
        (Operator, estate.holds_role(id, RoleName::Operator) || (!names_operators && bootstrap.contains(id))),
        (Auditor, estate.holds_role(id, RoleName::Auditor)),
        (Scorer, estate.holds_role(id, RoleName::Scorer)),
    ];
    holds.into_iter().filter(|(_, holds)| *holds).fold(held, |held, (role, _)| held.with(role))
}

#[cfg(test)]
mod tests;
