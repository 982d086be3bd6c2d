//! What the log says of calls to the engine: which entries tell of one, which lead to some, and what the
//! estate declared of paths. Grows with the ids in the log, never with its bytes.

use super::Deed;
use super::line::{Line, What};
use domain::base::{LeaseId, Name, Time};
use domain::entry::bodies::estate;
use domain::entry::{Body, Entry};
use domain::estate::{Credential, Kind, Probe};
use std::collections::{BTreeMap, BTreeSet};

/// The log, as far as it speaks of the engine.
#[derive(Default)]
pub(super) struct Ledger {
    /// Entries that tell of a call, by index.
    expected: BTreeMap<u64, (Time, Expected)>,
    /// The same by the engine's id of the call.
    requests: BTreeMap<Box<str>, u64>,
    roles: BTreeMap<u64, Role>,
    leases: BTreeMap<LeaseId, Lease>,
    /// By the index of `lease.issued`: how many renewals, and the last one's index.
    renewals: BTreeMap<u64, (u64, u64)>,
    /// Credentials as declared now.
    declared: BTreeMap<Name, Credential>,
    /// Every path that was ever declared.
    paths: BTreeMap<String, Path>,
    /// Credentials whose value the broker reads for itself.
    probes: BTreeSet<Name>,
    times: BTreeMap<u64, Time>,
}

struct Path {
    kind: Kind,
    exclusive: bool,
    names: BTreeSet<Name>,
}

struct Lease {
    path: Option<String>,
    kind: Option<Kind>,
    intent: u64,
    issued: Option<u64>,
    not_issued: bool,
}

/// A call that an entry tells of.
pub(super) enum Expected {
    TokenMade { request: Box<str> },
    TokenRevoked { token: u64 },
    Issued { request: Box<str>, path: String },
    Revoked { request: Option<Box<str>>, made_for: Vec<u64> },
}

/// What an entry leads to at the engine.
pub(super) enum Role {
    /// `task.requested`: its token.
    Request,
    /// `token.made`: its end.
    Token,
    /// `lease.intended`: the secret, its shortening, its end if it cannot be sealed.
    Intent { lease: LeaseId },
    /// `lease.issued`: renewals and the end.
    Issued { lease: LeaseId },
}

/// What became of an intent.
pub(super) enum Purpose {
    Issued,
    /// `leased`: what the engine made would have to be ended.
    NotIssued {
        leased: bool,
    },
}

impl Ledger {
    pub(super) fn take(&mut self, index: u64, bytes: &[u8]) -> Result<(), String> {
        let entry = Entry::read(bytes).map_err(|error| error.to_string())?;
        match entry.body {
            Body::EstateItemSet(body) => self.declare(&body),
            Body::EstateItemRemoved(body) if body.kind == "credential" => {
                self.declared.retain(|name, _| name.as_str() != body.name);
            }
            Body::TaskRequested(_) => _ = self.roles.insert(index, Role::Request),
            Body::TokenMade(body) => {
                self.roles.insert(index, Role::Token);
                self.expect(index, entry.time, Expected::TokenMade { request: body.engine_request.into() });
            }
            Body::TokenRevoked(body) => self.expect(index, entry.time, Expected::TokenRevoked { token: body.token }),
            Body::LeaseIntended(body) => {
                self.roles.insert(index, Role::Intent { lease: body.lease });
                let declared = self.declared.get(&body.credential);
                let path = declared.map(|credential| credential.path.as_str().to_owned());
                let kind = declared.map(|credential| credential.kind);
                let lease = Lease { path, kind, intent: index, issued: None, not_issued: false };
                self.leases.insert(body.lease, lease);
            }
            Body::LeaseIssued(body) => {
                self.roles.insert(index, Role::Issued { lease: body.lease });
                let path = self.path_of(body.lease).unwrap_or_default().to_owned();
                if let Some(lease) = self.leases.get_mut(&body.lease) {
                    lease.issued = Some(index);
                }
                self.expect(index, entry.time, Expected::Issued { request: body.engine_request.into(), path });
            }
            Body::LeaseNotIssued(body) => {
                if let Some(lease) = self.leases.get_mut(&body.lease) {
                    lease.not_issued = true;
                }
            }
            Body::LeaseRenewed(body) => {
                if let Some(issued) = self.leases.get(&body.lease).and_then(|lease| lease.issued) {
                    let renewals = self.renewals.entry(issued).or_default();
                    *renewals = (renewals.0 + 1, index);
                    self.times.insert(index, entry.time);
                }
            }
            Body::LeaseRevoked(body) => {
                let made_for = self.leases.get(&body.lease).map(Lease::indices).unwrap_or_default();
                let request = body.engine_request.map(Into::into);
                self.expect(index, entry.time, Expected::Revoked { request, made_for });
            }
            _ => {}
        }
        Ok(())
    }

    fn declare(&mut self, body: &estate::ItemSet) {
        if body.kind != "credential" {
            return;
        }
        let (Ok(name), Ok(credential)) = (Name::parse(&body.name), serde_json::from_str::<Credential>(&body.item.0))
        else {
            return;
        };
        if let Some(Probe::Postgres { dsn_credential }) = &credential.probe {
            self.probes.insert(dsn_credential.clone());
        }
        let fresh = || Path { kind: credential.kind, exclusive: false, names: BTreeSet::new() };
        let path = self.paths.entry(credential.path.as_str().to_owned()).or_insert_with(fresh);
        path.exclusive |= credential.exclusive;
        path.names.insert(name.clone());
        self.declared.insert(name, credential);
    }

    fn expect(&mut self, index: u64, time: Time, expected: Expected) {
        if let Some(request) = expected.request() {
            self.requests.insert(request.into(), index);
        }
        self.expected.insert(index, (time, expected));
    }

    /// The entry that tells of a call.
    pub(super) fn expected(&self, request: &str) -> Option<(&u64, &Expected)> {
        let index = self.requests.get(request)?;
        self.expected.get_key_value(index).map(|(index, (_, expected))| (index, expected))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, Time, &Expected)> {
        self.expected.iter().map(|(index, (time, expected))| (*index, *time, expected))
    }

    pub(super) fn role(&self, index: u64) -> Option<&Role> {
        self.roles.get(&index)
    }

    pub(super) fn renewals(&self) -> impl Iterator<Item = (u64, u64)> {
        self.renewals.iter().map(|(issued, (count, _))| (*issued, *count))
    }

    pub(super) fn last_renewal(&self, issued: u64) -> u64 {
        self.renewals.get(&issued).map_or(issued, |(_, last)| *last)
    }

    pub(super) fn time(&self, index: u64) -> Option<Time> {
        self.times.get(&index).copied()
    }

    /// The path from which the secret of a lease was drawn, as declared when it was intended.
    pub(super) fn path_of(&self, lease: LeaseId) -> Option<&str> {
        self.leases.get(&lease)?.path.as_deref()
    }

    pub(super) fn is_exclusive(&self, path: &str) -> bool {
        self.paths.get(path).is_some_and(|path| path.exclusive)
    }

    /// Whether the broker reads the value at this path for its probes.
    pub(super) fn is_own_value(&self, path: &str) -> bool {
        self.paths.get(path).is_some_and(|path| path.names.iter().any(|name| self.probes.contains(name)))
    }

    /// What became of the intent at an index; `None` while it is open.
    pub(super) fn outcome(&self, intent: u64) -> Option<Purpose> {
        let Some(Role::Intent { lease }) = self.roles.get(&intent) else { return None };
        let lease = self.leases.get(lease)?;
        match (lease.issued, lease.not_issued) {
            (Some(_), _) => Some(Purpose::Issued),
            (None, true) => Some(Purpose::NotIssued { leased: lease.kind != Some(Kind::Kv) }),
            (None, false) => None,
        }
    }

    /// What a line of the audit file is, by the paths of the estate.
    pub(super) fn what(&self, line: &Line<'_>) -> What {
        let what = line.what(|path| self.paths.get(path).map(|path| draws(path.kind)));
        match what {
            // Leases of others are their own affair.
            What::Renewed { under } if !self.is_below_ours(&under) => What::Foreign,
            What::Revoked { under } if !self.is_below_ours(&under) => What::Foreign,
            what => what,
        }
    }

    fn is_below_ours(&self, under: &str) -> bool {
        let ends = under.match_indices('/').map(|(at, _)| at);
        let prefixes = ends.filter_map(|at| under.get(..at));
        let whole = under.trim_end_matches('/');
        // Ending all leases below a path that stands above ours ends ours too.
        let above = || self.paths.range(whole.to_owned()..).next().is_some_and(|(path, _)| path.starts_with(whole));
        prefixes.chain([whole]).any(|prefix| self.paths.contains_key(prefix)) || above()
    }
}

impl Lease {
    /// Entries that a call on it may name.
    fn indices(&self) -> Vec<u64> {
        self.issued.into_iter().chain([self.intent]).collect()
    }
}

impl Expected {
    pub(super) fn request(&self) -> Option<&str> {
        match self {
            Self::TokenMade { request } | Self::Issued { request, .. } => Some(request),
            Self::Revoked { request, .. } => request.as_deref(),
            Self::TokenRevoked { .. } => None,
        }
    }

    /// The call that must stand in the audit file for it, and the entries that it may name.
    pub(super) fn deed(&self) -> Option<(Vec<u64>, Deed)> {
        match self {
            Self::Revoked { made_for, .. } => Some((made_for.clone(), Deed::Revoked)),
            Self::TokenRevoked { token } => Some((vec![*token], Deed::TokenEnded)),
            Self::TokenMade { .. } | Self::Issued { .. } => None,
        }
    }

    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::TokenMade { .. } => "making a task token",
            Self::TokenRevoked { .. } => "ending a task token",
            Self::Issued { .. } => "making the secret",
            Self::Revoked { .. } => "looking up the lease at its end",
        }
    }
}

/// By which operation a secret of a kind is drawn.
const fn draws(kind: Kind) -> &'static str {
    match kind {
        Kind::Database | Kind::Kv => "read",
        Kind::Pki => "update",
    }
}
