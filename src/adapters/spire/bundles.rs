//! The bundle set at one instant: roots by trust domain, never pooled, and the own SVID.
//! Immutable; [`BundleSet::next`] makes the following one when something changed.

use super::TrustPolicy;
use super::chain;
use domain::base::{Digest, SpiffeId, Time, TrustDomain};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, TrustAnchor};
use rustls::sign::CertifiedKey;
use spiffe::x509_source::X509SourceState;
use spiffe::{JwtBundleSet, X509Bundle, X509Svid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is trusted, and who we are.
#[derive(Default)]
pub(super) struct BundleSet {
    epoch: u64,
    own: Option<Own>,
    x509: BTreeMap<TrustDomain, Arc<Roots>>,
    jwt: JwtBundleSet,
}

/// The own SVID as last issued.
struct Own {
    id: SpiffeId,
    chain: Vec<Vec<u8>>,
    key: Arc<CertifiedKey>,
    ends: Option<Time>,
}

/// The roots of one trust domain.
pub(super) struct Roots {
    since: u64,
    delivered: Vec<Vec<u8>>,
    anchors: Vec<TrustAnchor<'static>>,
    keys: Vec<Digest>,
    ends: Time,
}

impl BundleSet {
    /// The set after a change of the sources; `None` if nothing changed. A source that is closed or
    /// was told that permission is withdrawn vouches for nobody.
    pub(super) fn next(
        &self,
        x509: Option<&X509SourceState>,
        jwt: Option<&JwtBundleSet>,
        policy: &TrustPolicy,
    ) -> Option<Self> {
        let epoch = self.epoch + 1;
        let context = x509.filter(|state| !state.is_closed()).and_then(|state| state.context().ok());
        let own = context.is_some().then(|| x509.and_then(|state| state.svid().ok())).flatten();
        let mut roots = BTreeMap::new();
        for (_, bundle) in context.iter().flat_map(|context| context.bundle_set().iter()) {
            if let Some((domain, found)) = self.roots_of(bundle, epoch, policy) {
                roots.insert(domain, found);
            }
        }
        let next = Self { epoch, own: own.and_then(|svid| self.own_of(&svid)), x509: roots, jwt: allowed(jwt, policy) };
        (!self.same_as(&next)).then_some(next)
    }

    /// Grows with each change.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The roots that vouch for a trust domain.
    pub(super) fn roots(&self, domain: &TrustDomain) -> Option<&Roots> {
        self.x509.get(domain).map(Arc::as_ref)
    }

    /// The JWT bundles of the believed trust domains.
    pub(super) fn jwt(&self) -> &JwtBundleSet {
        &self.jwt
    }

    /// The own certificate chain and key, unless withdrawn.
    pub(super) fn own_key(&self) -> Option<Arc<CertifiedKey>> {
        self.own.as_ref().map(|own| Arc::clone(&own.key))
    }

    /// The own identity, unless withdrawn.
    pub(super) fn own_id(&self) -> Option<&SpiffeId> {
        self.own.as_ref().map(|own| &own.id)
    }

    /// When the own certificate ends, unless withdrawn.
    pub(super) fn own_ends(&self) -> Option<Time> {
        self.own.as_ref().and_then(|own| own.ends)
    }

    fn roots_of(&self, bundle: &X509Bundle, epoch: u64, policy: &TrustPolicy) -> Option<(TrustDomain, Arc<Roots>)> {
        let domain = TrustDomain::parse(bundle.trust_domain().as_str()).ok()?;
        if !policy.believes(&domain) {
            return None;
        }
        let delivered: Vec<_> = bundle.authorities().iter().map(|authority| authority.as_bytes().to_vec()).collect();
        let known = self.x509.get(&domain).filter(|roots| roots.delivered == delivered);
        let roots = match known {
            Some(roots) => Arc::clone(roots),
            None => Arc::new(Roots::new(delivered, epoch, &domain)?),
        };
        Some((domain, roots))
    }

    fn own_of(&self, svid: &X509Svid) -> Option<Own> {
        let chain: Vec<_> = svid.cert_chain().iter().map(|cert| cert.as_bytes().to_vec()).collect();
        let id = SpiffeId::parse(&svid.spiffe_id().to_string()).ok()?;
        let key = match &self.own {
            Some(own) if own.chain == chain => Arc::clone(&own.key),
            _ => {
                certified_key(svid).inspect_err(|error| tracing::error!(%error, "the own svid cannot be used")).ok()?
            }
        };
        let ends = chain.first().and_then(|leaf| chain::ends(&CertificateDer::from(leaf.as_slice())));
        Some(Own { id, chain, key, ends })
    }

    fn same_as(&self, other: &Self) -> bool {
        let chain = |set: &Self| set.own.as_ref().map(|own| own.chain.clone());
        let roots =
            |set: &Self| set.x509.iter().map(|(domain, roots)| (domain.clone(), roots.since)).collect::<Vec<_>>();
        chain(self) == chain(other) && roots(self) == roots(other) && self.jwt == other.jwt
    }
}

impl Roots {
    /// `None` if no authority is usable: then nothing vouches for the trust domain, which is how a
    /// domain revokes everything at once.
    fn new(delivered: Vec<Vec<u8>>, since: u64, domain: &TrustDomain) -> Option<Self> {
        let mut roots =
            Self { since, delivered: Vec::new(), anchors: Vec::new(), keys: Vec::new(), ends: Time::default() };
        for der in delivered.iter().map(|der| CertificateDer::from(der.as_slice())) {
            match chain::anchor(&der) {
                Ok((anchor, key)) => {
                    roots.ends = roots.ends.max(chain::ends(&der).unwrap_or_default());
                    roots.anchors.push(anchor);
                    roots.keys.push(key);
                }
                Err(denial) => tracing::warn!(%domain, why = denial.sentence, "an authority of a bundle is ignored"),
            }
        }
        roots.delivered = delivered;
        (!roots.anchors.is_empty()).then_some(roots)
    }

    /// The epoch since which these roots stand as they are.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// When the last of them ends. Path building does not look at it (RFC 5280 §6.1.1 (d)).
    pub(super) fn ends(&self) -> Time {
        self.ends
    }

    /// For path building.
    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// SHA-256 of an anchor's SubjectPublicKeyInfo.
    pub(super) fn key_of(&self, anchor: &TrustAnchor<'_>) -> Option<Digest> {
        let place = self.anchors.iter().position(|known| known == anchor)?;
        self.keys.get(place).copied()
    }
}

impl TrustPolicy {
    fn believes(&self, domain: &TrustDomain) -> bool {
        match self {
            Self::Written { own, federated } => domain == own || federated.contains(domain),
            Self::AsDelivered => true,
        }
    }
}

/// The own chain and key in rustls' form; fails if they do not belong together.
pub(super) fn certified_key(svid: &X509Svid) -> Result<Arc<CertifiedKey>, rustls::Error> {
    let chain = svid.cert_chain().iter().map(|cert| CertificateDer::from(cert.as_bytes().to_vec())).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec()));
    CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()).map(Arc::new)
}

fn allowed(jwt: Option<&JwtBundleSet>, policy: &TrustPolicy) -> JwtBundleSet {
    let believed = |name: &str| TrustDomain::parse(name).is_ok_and(|domain| policy.believes(&domain));
    let bundles = jwt.into_iter().flat_map(JwtBundleSet::iter);
    bundles.filter(|(domain, _)| believed(domain.as_str())).map(|(_, bundle)| bundle.as_ref().clone()).collect()
}
