//! The simulated OpenBao with its PostgreSQL, as measured (`design/vault.md`; each fact has a test in
//! `real/engine_facts` or in the contract suite): one call of its API is one method here.
//!
//! Ordered maps and counters only: the same calls at the same times give the same answers. Whoever holds
//! it says what time it is ([`Peers::settle`]) before asking anything.

mod authority;

use super::postgres::{Failed, Postgres};
use authority::Authority;
use leasehold::domain::base::{Digest, Span, Time};
use leasehold::ports::{Fault, FaultKind, TokenSpec};
use std::collections::{BTreeMap, BTreeSet};

/// What stands outside of the broker, and outlives it.
#[derive(Default)]
pub(crate) struct Peers {
    pub(crate) postgres: Postgres,
    pub(crate) standing: Standing,
    /// The client of the mint that is carried out has hung up: the account stays without a lease.
    pub(crate) hung_up: bool,
    now: Option<Time>,
    /// Paths that a policy opens.
    policies: BTreeMap<String, BTreeSet<String>>,
    roles: BTreeMap<String, Role>,
    /// By accessor.
    tokens: BTreeMap<String, Token>,
    leases: BTreeMap<String, Lease>,
    authority: Authority,
    crl: (u64, BTreeSet<String>),
    count: u64,
}

/// Whether it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Ready,
    /// It answers 503.
    Sealed,
    /// Nobody can connect.
    Away,
}

/// What lies behind a path.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Database {
        default_ttl: Span,
        max_ttl: Span,
    },
    Certificate {
        max_ttl: Span,
    },
    /// JSON objects, version 1 first.
    KeyValue(Vec<String>),
}

#[derive(Debug)]
struct Token {
    value: String,
    policies: Vec<String>,
    display_name: String,
    expires: Time,
}

#[derive(Debug)]
struct Lease {
    /// Accessor of the token that drew it.
    token: String,
    thing: Thing,
    latest: Time,
    /// When the engine ends it, or tries again to; `None`: it gave up.
    due: Option<Time>,
    failures: u32,
}

#[derive(Debug)]
enum Thing {
    Account(String),
    Serial(String),
}

/// A yes of the engine's.
#[derive(Debug, Clone)]
pub(crate) struct Yes<T> {
    pub(crate) data: T,
    pub(crate) request: String,
}

/// Credentials as the engine gives them: user or serial, password or PEM, issuer, lease, its life in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) issuer: String,
    pub(crate) lease: Option<String>,
    pub(crate) seconds: u64,
}

impl Peers {
    pub(crate) fn write_policy(&mut self, name: &str, paths: &[&str]) {
        self.policies.insert(name.into(), paths.iter().map(|path| (*path).to_owned()).collect());
    }

    pub(crate) fn write_role(&mut self, path: &str, role: Role) {
        self.roles.insert(path.into(), role);
    }

    /// Does what was due until now, in the order of time.
    pub(crate) fn settle(&mut self, now: Time) {
        while let Some(next) = self.next_due().filter(|next| *next <= now) {
            self.now = self.now.max(Some(next));
            self.end_what_is_over();
        }
        self.now = self.now.max(Some(now));
    }

    /// When it will do something by itself.
    pub(crate) fn next_due(&self) -> Option<Time> {
        // Sealed or away it does nothing, and catches up afterwards.
        let tokens = self.tokens.values().map(|token| token.expires);
        let leases = self.leases.values().filter_map(|lease| lease.due);
        tokens.chain(leases).min().filter(|_| self.standing == Standing::Ready)
    }

    fn end_what_is_over(&mut self) {
        let now = self.now();
        let over: Vec<String> =
            self.tokens.iter().filter(|(_, token)| token.expires <= now).map(|(it, _)| it.clone()).collect();
        over.iter().for_each(|accessor| self.drop_token(accessor));
        let due = |lease: &Lease| lease.due.is_some_and(|due| due <= now);
        let due: Vec<String> = self.leases.iter().filter(|(_, lease)| due(lease)).map(|(id, _)| id.clone()).collect();
        for id in due {
            if self.end_lease(&id).is_err() {
                let lease = self.leases.get_mut(&id).unwrap();
                lease.failures += 1;
                // Seen: irrevocable after 533–714 s.
                let wait = Span::from_seconds(10 << lease.failures);
                lease.due = (lease.failures < TRIES_MAX).then(|| now.plus(wait));
            }
        }
    }

    fn end_lease(&mut self, id: &str) -> Result<(), Failed> {
        match self.leases.get(id).map(|lease| &lease.thing) {
            Some(Thing::Account(name)) => self.postgres.revoke(name)?,
            Some(Thing::Serial(serial)) => {
                self.crl.0 += 1;
                self.crl.1.insert(serial.clone());
            }
            None => {}
        }
        self.leases.remove(id);
        Ok(())
    }

    /// Its leases are only queued.
    fn drop_token(&mut self, accessor: &str) {
        let now = self.now();
        self.tokens.remove(accessor);
        for lease in self.leases.values_mut().filter(|lease| lease.token == accessor) {
            lease.due = lease.due.map(|due| due.min(now));
        }
    }

    pub(crate) fn policy(&mut self, name: &str) -> Result<Yes<()>, Fault> {
        self.answering()?;
        if self.policies.contains_key(name) { Ok(self.yes(())) } else { Err(no(FaultKind::NotFound, 404)) }
    }

    /// Token and accessor. The role takes names of policies that do not exist.
    pub(crate) fn make_token(&mut self, spec: &TokenSpec) -> Result<Yes<(String, String)>, Fault> {
        self.answering()?;
        let number = self.number();
        let (value, accessor) = (format!("s.simulated{number:015}"), format!("accessor{number:016}"));
        let expires = self.now().plus(Span::from_seconds(spec.max_ttl.seconds()));
        let (policies, display_name) = (spec.policies.clone(), spec.display_name.clone());
        self.tokens.insert(accessor.clone(), Token { value: value.clone(), policies, display_name, expires });
        Ok(self.yes((value, accessor)))
    }

    pub(crate) fn look_up_token(&mut self, accessor: &str) -> Result<Yes<Time>, Fault> {
        self.answering()?;
        let expires = self.tokens.get(accessor).map(|token| token.expires);
        expires.map(|expires| self.yes(expires)).ok_or_else(|| no(FaultKind::NotFound, 403))
    }

    pub(crate) fn revoke_token(&mut self, accessor: &str) -> Result<(), Fault> {
        self.look_up_token(accessor)?;
        self.drop_token(accessor);
        Ok(())
    }

    /// Whether the token may draw there: the engine asks that once, before it begins. Gives its accessor.
    pub(crate) fn admit(&self, token: &str, path: &str) -> Result<String, Fault> {
        self.answering()?;
        let found = self.tokens.iter().find(|(_, known)| known.value == token);
        let opens = |name: &String| self.policies.get(name).is_some_and(|paths| paths.contains(path));
        let admitted = found.filter(|(_, token)| token.policies.iter().any(opens));
        admitted.map(|(accessor, _)| accessor.clone()).ok_or_else(|| no(FaultKind::Permanent, 403))
    }

    /// `database/creds`: the account comes first and the lease after it, and the token may end meanwhile.
    pub(crate) fn make_account(&mut self, accessor: &str, tag: &str, path: &str) -> Result<Yes<Drawn>, Fault> {
        self.answering()?;
        let Some(Role::Database { default_ttl, max_ttl }) = self.roles.get(path).cloned() else {
            return Err(no(FaultKind::NotFound, 404));
        };
        let number = self.number();
        let name = format!("{}-{number:08}", &tag[..tag.len().min(TAG_BYTES_MAX)]);
        let secret = format!("simulated-password-{number:08}");
        let end = self.now().plus(default_ttl);
        self.postgres.create(&name, &secret, Some(end.plus(PADDING))).map_err(|_| no_backend())?;
        if std::mem::take(&mut self.hung_up) {
            return Err(no(FaultKind::Ambiguous, 500));
        }
        let lease = self.lease(accessor, path, Thing::Account(name.clone()), default_ttl, max_ttl);
        let (issuer, seconds) = (String::new(), default_ttl.seconds());
        Ok(self.yes(Drawn { name, secret, issuer, lease: Some(lease), seconds }))
    }

    /// `pki/sign`.
    pub(crate) fn sign(
        &mut self,
        accessor: &str,
        path: &str,
        csr: &str,
        uri: &str,
        ttl: Span,
    ) -> Result<Yes<(Drawn, Time)>, Fault> {
        self.answering()?;
        let Some(Role::Certificate { max_ttl }) = self.roles.get(path).cloned() else {
            return Err(no(FaultKind::NotFound, 404));
        };
        let (number, now) = (self.number(), self.now());
        let end = Time::from_unix_seconds(now.plus(ttl.min(max_ttl)).unix_seconds());
        let signed = self.authority.sign(csr, uri, number, now, end).ok_or_else(|| no(FaultKind::Permanent, 400))?;
        let ttl = Span::from_seconds(end.since(now).seconds());
        let lease = self.lease(accessor, path, Thing::Serial(signed.serial.clone()), ttl, ttl);
        let issuer = self.authority.pem();
        let drawn =
            Drawn { name: signed.serial, secret: signed.pem, issuer, lease: Some(lease), seconds: ttl.seconds() };
        Ok(self.yes((drawn, end)))
    }

    /// A value and its version.
    pub(crate) fn read_value(&mut self, path: &str, version: Option<u64>) -> Result<Yes<(String, u64)>, Fault> {
        self.answering()?;
        let Some(Role::KeyValue(versions)) = self.roles.get(path) else { return Err(no(FaultKind::NotFound, 404)) };
        let version = version.unwrap_or(versions.len() as u64);
        let index = usize::try_from(version).unwrap().wrapping_sub(1);
        let value = versions.get(index).cloned().ok_or_else(|| no(FaultKind::NotFound, 404))?;
        Ok(self.yes((value, version)))
    }

    /// Sets the life that is left; gives it back in seconds.
    pub(crate) fn renew(&mut self, id: &str, increment: Span) -> Result<Yes<u64>, Fault> {
        self.answering()?;
        let now = self.now();
        let live =
            self.leases.get_mut(id).filter(|lease| lease.due.is_some_and(|due| due > now) && lease.failures == 0);
        let lease = live.ok_or_else(|| no(FaultKind::NotFound, 400))?;
        let end = now.plus(increment).min(lease.latest);
        if let Thing::Account(name) = &lease.thing {
            self.postgres.set_end(name, end.plus(PADDING)).map_err(|_| no(FaultKind::Ambiguous, 500))?;
        }
        lease.due = Some(end);
        Ok(self.yes(end.since(now).seconds()))
    }

    /// Also one that waits in the queue, or that the engine gave up, is known.
    pub(crate) fn look_up(&mut self, id: &str) -> Result<Yes<()>, Fault> {
        self.answering()?;
        if self.leases.contains_key(id) { Ok(self.yes(())) } else { Err(no(FaultKind::NotFound, 400)) }
    }

    /// With `sync`: a yes for a lease that lived, for a gone one, and for one that never was.
    pub(crate) fn revoke(&mut self, id: &str) -> Result<(), Fault> {
        self.answering()?;
        self.end_lease(id).map_err(|_| Fault::new(FaultKind::Transient, "the engine answered 400: failed to revoke"))
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Fault> {
        self.answering()?;
        let below = |id: &String| id.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let tokens = self.tokens.keys().map(|accessor| format!("{TOKENS}/h{accessor}"));
        Ok(self.leases.keys().cloned().chain(tokens).filter(below).collect())
    }

    /// Number, digest, and whether the serial stands on it.
    pub(crate) fn crl(&self, serial: &str) -> Result<(u64, Digest, bool), Fault> {
        self.answering()?;
        let (number, serials) = &self.crl;
        let list: Vec<&str> = serials.iter().map(String::as_str).collect();
        let digest = Digest::of(&[&number.to_be_bytes(), list.join(",").as_bytes()]);
        Ok((*number, digest, serials.contains(serial)))
    }

    /// What its users are called that this token makes.
    pub(crate) fn tag_of(&self, accessor: &str) -> String {
        self.tokens.get(accessor).map(|token| token.display_name.clone()).unwrap_or_default()
    }

    pub(crate) fn holds_lease(&self, id: &str) -> bool {
        self.leases.contains_key(id)
    }

    pub(crate) fn holds_token(&self, accessor: &str) -> bool {
        self.tokens.contains_key(accessor)
    }

    /// Leases that it gave up.
    pub(crate) fn irrevocable(&self) -> usize {
        self.leases.values().filter(|lease| lease.due.is_none()).count()
    }

    fn lease(&mut self, accessor: &str, path: &str, thing: Thing, ttl: Span, max_ttl: Span) -> String {
        let id = format!("{path}/lease{:019}", self.number());
        let (due, latest) = (Some(self.now().plus(ttl)), self.now().plus(max_ttl));
        self.leases.insert(id.clone(), Lease { token: accessor.to_owned(), thing, latest, due, failures: 0 });
        id
    }

    fn answering(&self) -> Result<(), Fault> {
        match self.standing {
            Standing::Ready => Ok(()),
            Standing::Sealed => Err(no(FaultKind::Transient, 503)),
            Standing::Away => Err(Fault::new(FaultKind::Transient, "the engine cannot be reached")),
        }
    }

    fn yes<T>(&mut self, data: T) -> Yes<T> {
        Yes { data, request: format!("00000000-0000-4000-8000-{:012x}", self.number()) }
    }

    const fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn now(&self) -> Time {
        self.now.unwrap()
    }
}

fn no(kind: FaultKind, status: u16) -> Fault {
    Fault::new(kind, format!("the engine answered {status}"))
}

fn no_backend() -> Fault {
    Fault::new(FaultKind::Transient, "the engine answered 500: it cannot reach the backend")
}

/// Where leases of task tokens stand.
const TOKENS: &str = "auth/token/create/leasehold-task/leasehold";
/// From then on a lease is irrevocable.
const TRIES_MAX: u32 = 6;
/// `VALID UNTIL` is the end of the lease and this.
const PADDING: Span = Span::from_seconds(5);
/// What the template of user names keeps of a display name.
const TAG_BYTES_MAX: usize = 18;
