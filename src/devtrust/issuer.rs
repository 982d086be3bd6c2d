//! The whole state of the development trust domain: authorities by trust domain, identities with
//! their current SVIDs, and which bundles are shown. Pure but for fresh keys: time is an argument.
//!
//! It lives in one `watch` channel, so every stream of the Workload API sees every change and
//! always a complete state.

use super::authority::{Validity, X509Svid};
use super::domain_keys::DomainKeys;
use super::{DevTrustError, Identity, Lifetimes};
use domain::base::{Span, Time, TrustDomain};
use std::collections::BTreeMap;

/// Everything that is issued, and everything that issues.
pub(super) struct Issuer {
    lifetimes: Lifetimes,
    domains: BTreeMap<TrustDomain, Domain>,
    holders: BTreeMap<String, Holder>,
}

struct Domain {
    keys: DomainKeys,
    /// Whether members of other trust domains see its bundle.
    shown: bool,
}

struct Holder {
    identity: Identity,
    svid: X509Svid,
    renew_at: Time,
}

/// What one identity is served at this instant.
pub(super) struct Served<'a> {
    pub(super) identity: &'a Identity,
    pub(super) svid: &'a X509Svid,
    pub(super) own: &'a DomainKeys,
    /// Bundles of other trust domains.
    pub(super) federated: Vec<(&'a TrustDomain, &'a DomainKeys)>,
}

impl Issuer {
    /// An issuer for one trust domain that holds no identity yet.
    pub(super) fn new(domain: &TrustDomain, lifetimes: Lifetimes, now: Time) -> Result<Self, DevTrustError> {
        let mut issuer = Self { lifetimes, domains: BTreeMap::new(), holders: BTreeMap::new() };
        issuer.federate(domain, now)?;
        Ok(issuer)
    }

    /// Issues for one more trust domain, or shows the bundle of a known one again.
    pub(super) fn federate(&mut self, domain: &TrustDomain, now: Time) -> Result<(), DevTrustError> {
        if let Some(known) = self.domains.get_mut(domain) {
            known.shown = true;
            return Ok(());
        }
        let keys = DomainKeys::generate(domain, now)?;
        self.domains.insert(domain.clone(), Domain { keys, shown: true });
        Ok(())
    }

    /// Hides a trust domain's bundle from the members of all others.
    pub(super) fn withdraw_bundle(&mut self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.domain_mut(domain)?.shown = false;
        Ok(())
    }

    /// Gives an identity its SVID; one of the same name is replaced.
    pub(super) fn declare(&mut self, identity: Identity, now: Time) -> Result<(), DevTrustError> {
        if self.holders.len() >= IDENTITIES_MAX && !self.holders.contains_key(identity.name()) {
            return Err(DevTrustError::TooMany { max: IDENTITIES_MAX });
        }
        let (svid, renew_at) = self.issue(&identity, now)?;
        self.holders.insert(identity.name().to_owned(), Holder { identity, svid, renew_at });
        Ok(())
    }

    /// Takes an identity's SVID away; its socket says so.
    pub(super) fn undeclare(&mut self, name: &str) -> Result<(), DevTrustError> {
        self.holders.remove(name).map(drop).ok_or_else(|| DevTrustError::UnknownIdentity(name.to_owned()))
    }

    /// Puts a new authority into the domain's bundle; the next rotation of SVIDs signs with it.
    pub(super) fn prepare_authority(&mut self, domain: &TrustDomain, now: Time) -> Result<(), DevTrustError> {
        self.domain_mut(domain)?.keys.prepare(now)
    }

    /// Drops retired authorities, needed or not.
    pub(super) fn drop_retired_authorities(&mut self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.domain_mut(domain)?.keys.drop_retired();
        Ok(())
    }

    /// Activates prepared authorities and replaces every SVID.
    pub(super) fn rotate_svids(&mut self, now: Time) -> Result<(), DevTrustError> {
        let needed_until = now.plus(self.lifetimes.longest()).plus(RETIREMENT_SLACK);
        for domain in self.domains.values_mut() {
            domain.keys.activate(needed_until);
        }
        let identities: Vec<_> = self.holders.values().map(|holder| holder.identity.clone()).collect();
        identities.into_iter().try_for_each(|identity| self.declare(identity, now))
    }

    /// What time alone brings about: SVIDs renewed before half of their life, unneeded authorities
    /// dropped. Says whether anything changed.
    pub(super) fn keep_fresh(&mut self, now: Time) -> Result<bool, DevTrustError> {
        let mut changed = false;
        for domain in self.domains.values_mut() {
            changed |= domain.keys.drop_unneeded(now);
        }
        if self.holders.values().any(|holder| holder.renew_at <= now) {
            self.rotate_svids(now)?;
            changed = true;
        }
        Ok(changed)
    }

    /// What the identity of this name is served, if it is declared.
    pub(super) fn served(&self, name: &str) -> Option<Served<'_>> {
        let holder = self.holders.get(name)?;
        let home = holder.identity.spiffe_id().trust_domain();
        let others = self.domains.iter().filter(|(domain, known)| **domain != home && known.shown);
        Some(Served {
            identity: &holder.identity,
            svid: &holder.svid,
            own: &self.domains.get(&home)?.keys,
            federated: others.map(|(domain, known)| (domain, &known.keys)).collect(),
        })
    }

    /// The keys of one trust domain.
    pub(super) fn keys(&self, domain: &TrustDomain) -> Option<&DomainKeys> {
        self.domains.get(domain).map(|known| &known.keys)
    }

    /// How long what is issued lives.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    fn issue(&self, identity: &Identity, now: Time) -> Result<(X509Svid, Time), DevTrustError> {
        let home = identity.spiffe_id().trust_domain();
        let keys = self.keys(&home).ok_or(DevTrustError::UnknownDomain(home))?;
        let svid = keys.active().issue_x509(identity, &Validity::beginning(now, self.lifetimes.x509()))?;
        Ok((svid, now.plus(self.lifetimes.renew_after())))
    }

    fn domain_mut(&mut self, domain: &TrustDomain) -> Result<&mut Domain, DevTrustError> {
        self.domains.get_mut(domain).ok_or_else(|| DevTrustError::UnknownDomain(domain.clone()))
    }
}

impl Served<'_> {
    /// Signs a JWT-SVID for an audience.
    pub(super) fn jwt_svid(&self, audience: &[String], now: Time, ttl: Span) -> Result<String, DevTrustError> {
        self.own.active().sign_jwt(self.identity.spiffe_id(), audience, now, ttl)
    }

    /// Every bundle that the identity may see, its own first.
    pub(super) fn bundles(&self) -> impl Iterator<Item = (TrustDomain, &DomainKeys)> {
        let own = (self.identity.spiffe_id().trust_domain(), self.own);
        std::iter::once(own).chain(self.federated.iter().map(|(domain, keys)| ((*domain).clone(), *keys)))
    }
}

/// Each identity costs a socket and an SVID per rotation.
pub(super) const IDENTITIES_MAX: usize = 1_000;
/// Lifetimes are rounded up to whole seconds, and verifiers allow some leeway.
const RETIREMENT_SLACK: Span = Span::from_seconds(2);

#[cfg(test)]
mod tests;
