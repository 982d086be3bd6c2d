//! The authorities of one trust domain over time: one prepared, one active, some retired.
//!
//! A new authority is in the bundle before anything is signed with it, and an old one stays in the
//! bundle until nothing that it signed can still be valid. So rotation breaks no verification.

use super::DevTrustError;
use super::authority::Authority;
use domain::base::{Time, TrustDomain};
use jsonwebtoken::jwk::JwkSet;

/// All generations of one trust domain's authorities.
pub(super) struct DomainKeys {
    domain: TrustDomain,
    prepared: Option<Authority>,
    active: Authority,
    retired: Vec<Retired>,
}

struct Retired {
    authority: Authority,
    /// When the last thing it signed expires.
    needed_until: Time,
}

impl DomainKeys {
    /// Makes a trust domain with one active authority.
    pub(super) fn generate(domain: &TrustDomain, now: Time) -> Result<Self, DevTrustError> {
        let active = Authority::generate(domain, now)?;
        Ok(Self { domain: domain.clone(), prepared: None, active, retired: Vec::new() })
    }

    /// The authority that signs.
    pub(super) fn active(&self) -> &Authority {
        &self.active
    }

    /// Puts a new authority into the bundle. One that is prepared already stays.
    pub(super) fn prepare(&mut self, now: Time) -> Result<(), DevTrustError> {
        if self.prepared.is_none() {
            self.prepared = Some(Authority::generate(&self.domain, now)?);
        }
        Ok(())
    }

    /// Signs with the prepared authority from now on, if there is one.
    pub(super) fn activate(&mut self, needed_until: Time) {
        if let Some(prepared) = self.prepared.take() {
            let authority = std::mem::replace(&mut self.active, prepared);
            self.retired.push(Retired { authority, needed_until });
        }
    }

    /// Drops the authorities that nothing valid needs; says whether there were any.
    pub(super) fn drop_unneeded(&mut self, now: Time) -> bool {
        let before = self.retired.len();
        self.retired.retain(|old| now < old.needed_until);
        self.retired.len() != before
    }

    /// Drops all retired authorities now, also where SVIDs still need them.
    pub(super) fn drop_retired(&mut self) {
        self.retired.clear();
    }

    /// The X.509 bundle: certificates in DER, one after the other.
    pub(super) fn x509_bundle(&self) -> Vec<u8> {
        self.authorities().flat_map(Authority::certificate).copied().collect()
    }

    /// The JWT bundle.
    pub(super) fn jwt_bundle(&self) -> JwkSet {
        JwkSet { keys: self.authorities().map(|authority| authority.jwk().clone()).collect() }
    }

    fn authorities(&self) -> impl Iterator<Item = &Authority> {
        let retired = self.retired.iter().map(|old| &old.authority);
        std::iter::once(&self.active).chain(&self.prepared).chain(retired)
    }
}
