//! The crate `spiffe`: sources that keep themselves up to date.

use super::scene::{self, domain, scratch, soon};
use spiffe::{BundleSource as _, JwtSource, JwtSvid, TrustDomain, X509Source};
use x509_parser::prelude::{FromDer as _, Validity, X509Certificate};

/// As SPIRE does it.
const BACKDATE_SECONDS: i64 = 10;

async fn x509_source(endpoint: &str) -> X509Source {
    soon("the source is ready", X509Source::builder().endpoint(endpoint).build()).await.unwrap()
}

fn leaf(source: &X509Source) -> Vec<u8> {
    source.svid().unwrap().cert_chain()[0].as_bytes().to_vec()
}

fn validity(leaf: &[u8]) -> Validity {
    X509Certificate::from_der(leaf).unwrap().1.validity().clone()
}

fn authorities(source: &X509Source, name: &str) -> usize {
    let bundle = source.bundle_for_trust_domain(&TrustDomain::new(name).unwrap()).unwrap();
    bundle.map_or(0, |bundle| bundle.authorities().len())
}

#[tokio::test]
async fn x509_source_sees_svid_rotation_authorities_and_federation() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    for endpoint in [trust.endpoint("billing-bot"), trust.tcp_endpoint("billing-bot").unwrap()] {
        let source = x509_source(&endpoint).await;
        assert_eq!(source.svid().unwrap().spiffe_id().to_string(), "spiffe://example.org/agent/billing-bot");
        assert_eq!(authorities(&source, "other.org"), 1);
        let before = authorities(&source, "example.org");
        let (mut updates, first) = (source.updated(), leaf(&source));
        trust.rotate_authority(&domain("example.org")).unwrap();
        soon("the new authority", updates.wait_for(|_| authorities(&source, "example.org") == before + 1))
            .await
            .unwrap();
        assert_eq!(leaf(&source), first, "nothing is signed with it yet");
        trust.rotate_svids().unwrap();
        soon("the new SVID", updates.wait_for(|_| leaf(&source) != first)).await.unwrap();
        trust.drop_retired_authorities(&domain("example.org")).unwrap();
        soon("the old authority goes", updates.wait_for(|_| authorities(&source, "example.org") == 1)).await.unwrap();
        trust.withdraw_bundle(&domain("other.org")).unwrap();
        soon("the federated bundle goes", updates.wait_for(|_| authorities(&source, "other.org") == 0)).await.unwrap();
        trust.federate(&domain("other.org")).unwrap();
        soon("the federated bundle is back", updates.wait_for(|_| authorities(&source, "other.org") == 1))
            .await
            .unwrap();
        source.shutdown().await;
    }
}

#[tokio::test]
async fn short_lived_svids_are_rotated_before_they_expire() {
    let scratch = scratch();
    let trust = scene::hasty_trust(&scratch).await;
    let source = x509_source(&trust.endpoint("billing-bot")).await;
    let mut updates = source.updated();
    for _ in 0..2 {
        let last = leaf(&source);
        let expires = validity(&last).not_after.timestamp();
        soon("the timer rotates", updates.wait_for(|_| leaf(&source) != last)).await.unwrap();
        let issued = validity(&leaf(&source)).not_before.timestamp() + BACKDATE_SECONDS;
        assert!(issued < expires - 1, "issued at {issued}, the last one expires at {expires}");
    }
}

#[tokio::test]
async fn jwt_source_fetches_and_validates_across_federated_domains() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let open = async |name: &str| {
        soon("the source is ready", JwtSource::builder().endpoint(trust.endpoint(name)).build()).await.unwrap()
    };
    let (bot, stranger) = (open("billing-bot").await, open("stranger").await);
    let svid = bot.fetch_jwt_svid(["vault"]).await.unwrap();
    assert_eq!(svid.spiffe_id().to_string(), "spiffe://example.org/agent/billing-bot");
    let validated = JwtSvid::parse_and_validate(svid.token(), &stranger, &["vault"]).unwrap();
    assert_eq!(validated.spiffe_id(), svid.spiffe_id());
    assert!(JwtSvid::parse_and_validate(svid.token(), &stranger, &["elsewhere"]).is_err());

    let mut updates = stranger.updated();
    trust.withdraw_bundle(&domain("example.org")).unwrap();
    let home = TrustDomain::new("example.org").unwrap();
    soon("the bundle goes", updates.wait_for(|_| stranger.try_bundle_for_trust_domain(&home).is_none())).await.unwrap();
    assert!(JwtSvid::parse_and_validate(svid.token(), &stranger, &["vault"]).is_err());
}
