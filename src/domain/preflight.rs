//! What `leasehold doctor` checks: whether the engine is set up as Leasehold needs it
//! (design/vault.md), with the exact command that mends each trouble.
//!
//! Pure: an adapter reads the facts into a [`Survey`], [`examine`] judges them against the estate.
//! The broker's own side is judged by [`examine_broker`], its witnesses and its public log by
//! [`examine_witnesses`] and [`examine_public_log`]. A fact that could not be read is a finding
//! too, never a pass in silence.

mod broker;
mod certificates;
mod check;
mod database;
mod inputs;
mod login;
mod policies;
mod public_log;
mod server;
mod statements;
mod survey;
mod tokens;
mod witnesses;

pub use broker::{BrokerExpected, BrokerSurvey, examine_broker};
pub use check::{CHECKS, Finding, Severity};
pub use inputs::{examine_reach, examine_text};
pub use public_log::{PublicLogSeen, examine_public_log};
pub use statements::REVOCATION_STATEMENTS;
pub use survey::{
    AuditDevice, ConnectionDetails, CrlConfig, DatabaseConnection, DatabaseRole, DatabaseSurvey, JwtConfig, JwtRole,
    KvMount, PkiRole, PkiSurvey, Seen, ServerState, Survey, TokenRole,
};
pub use witnesses::{Stance, WitnessSurvey, examine_witnesses};

use crate::base::{Name, SpiffeId};
use crate::estate::{Credential, Estate, Kind};
use check::Checks;

/// What the engine's set-up is held against.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// The estate in force.
    pub estate: &'a Estate,
    /// How the file of the estate is named on this command line, for mends that read it.
    pub estate_file: &'a str,
    /// The broker's own SPIFFE ID, if it is known.
    pub broker_id: Option<&'a SpiffeId>,
    /// Audience of the broker's JWT-SVIDs for this engine.
    pub audience: &'a str,
    /// Mount of the JWT login, such as `jwt`.
    pub login_mount: &'a str,
    /// Role of the JWT login, such as `leasehold`.
    pub login_role: &'a str,
    /// How long the broker takes a request to live at the engine, before it closes an intent.
    pub request_seconds_max: u64,
}

/// Every check with its outcome, the good ones too: server, login, tokens, policies, credentials.
#[must_use]
pub fn examine(expected: &Expected<'_>, survey: &Survey) -> Vec<Finding> {
    let mut findings = server::examine(expected, survey);
    findings.extend(login::examine(expected, survey));
    findings.extend(tokens::examine(survey));
    findings.extend(policies::examine(expected, survey));
    for (name, credential) in expected.estate.credentials() {
        findings.extend(match credential.kind {
            Kind::Database => database::examine(name, credential, survey.databases.get(name)),
            Kind::Kv => examine_store(name, credential, survey.stores.get(name)),
            Kind::Pki => certificates::examine(name, credential, survey.authorities.get(name)),
        });
    }
    findings
}

fn examine_store(name: &Name, credential: &Credential, seen: Option<&Seen<KvMount>>) -> Vec<Finding> {
    let mut checks = Checks::of(format!("kv.{name}"));
    let (mount, _) = credential.path.of_kind(Kind::Kv).unwrap_or_default();
    if let Some(store) = checks.seen("mount", &format!("sys/mounts/{mount}"), seen) {
        checks.fail_unless("version", store.is_version_2(), || {
            (
                format!("{mount} keeps versions (KV engine, version 2)"),
                format!("{mount} is not a KV engine of version 2: the path {} does not exist there", credential.path),
                format!("bao kv enable-versioning {mount}"),
            )
        });
    }
    checks.done()
}

/// Names in the engine differ from names in the estate: `database/creds/ledger-ro` is role
/// `ledger-ro` at mount `database`.
fn engine_names(credential: &Credential) -> (&str, &str) {
    credential.path.of_kind(credential.kind).unwrap_or_default()
}

#[cfg(test)]
mod tests;
