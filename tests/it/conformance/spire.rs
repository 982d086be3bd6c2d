//! What SPIRE 1.12 to 1.14 sends and the development trust domain does not: every kind of key, chains
//! below an upstream authority, DNS names, hints, a CRL, and a bundle's number and refresh hint.
//! Written after SPIRE's documentation and source; SPIRE itself did not send it.

use crate::fixtures::forge::{
    Authority, CRL_SIGN, DIGITAL_SIGNATURE, Ext, Identity, KEY_CERT_SIGN, KEY_ENCIPHERMENT, Profile, dns_name,
    key_usage, sequence, uri_name,
};
use crate::fixtures::tokens::Signer;
use crate::fixtures::workload_api::{Says, x509_message};
use crate::fixtures::world::{ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, ask, claims, connect};
use leasehold::ports::TrustSource as _;
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

/// `KeyUsageKeyAgreement`, which SPIRE sets beside the two others.
const KEY_AGREEMENT: u8 = 4;

/// A leaf with SPIRE's extensions: `-dns` puts the name before the SPIFFE ID and into the subject.
fn leaf(id: &str, key: KeyPair) -> Profile {
    let mut profile = Profile::leaf(id);
    profile.subject = Some("leasehold".into());
    profile.names = Some(Ext::plain(sequence(&[&dns_name("leasehold"), &uri_name(id)])));
    profile.key_usage = Some(Ext::critical(key_usage(&[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT])));
    profile.key = key;
    profile
}

/// `workload_x509_svid_key_type`.
fn leaf_keys() -> [KeyPair; 2] {
    [KeyPair::generate().unwrap(), rsa(RsaKeySize::_2048)]
}

/// `ca_key_type`.
fn authority_keys() -> [KeyPair; 4] {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    [KeyPair::generate().unwrap(), p384, rsa(RsaKeySize::_2048), rsa(RsaKeySize::_4096)]
}

fn rsa(size: RsaKeySize) -> KeyPair {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap()
}

/// A root of the organisation, which knows nothing of SPIFFE.
fn corporate_root(key: KeyPair) -> Authority {
    let mut profile = Profile::authority(HOME);
    profile.subject = Some("Corporate Root".into());
    profile.names = None;
    profile.key_usage = Some(Ext::critical(key_usage(&[KEY_CERT_SIGN, CRL_SIGN, DIGITAL_SIGNATURE])));
    profile.key = key;
    Authority::root_of(profile)
}

/// Makes `identity` the broker's own, under this root, and waits until the door shows it.
async fn become_broker(world: &World, identity: &Identity, root: &Authority) {
    let seen = world.trust.epoch();
    world.api.say_x509(&[(BROKER, identity)], &[(HOME, &[&root.der]), (ABROAD, &[&world.abroad.der])]);
    world.await_change(seen).await;
}

/// The chain that the door presents to a caller whom it lets in.
async fn presented(world: &World, caller: &Identity) -> Vec<Vec<u8>> {
    assert_eq!(world.knock(Some(caller)).await.as_deref(), Some(WORKLOAD));
    let tls = connect(world.telling, Some(caller), &[]).await.unwrap();
    tls.get_ref().1.peer_certificates().unwrap().iter().map(|cert| cert.to_vec()).collect()
}

#[tokio::test]
async fn every_kind_of_key_signs_and_is_signed() {
    let world = World::new().await;
    let leaf_keys = || leaf_keys().into_iter().chain(leaf_keys());
    for (authority_key, (own_key, caller_key)) in authority_keys().into_iter().zip(leaf_keys().zip(leaf_keys())) {
        let mut authority = Profile::authority(HOME);
        authority.key = authority_key;
        let root = Authority::root_of(authority);
        let own = root.issue(leaf(BROKER, own_key));
        become_broker(&world, &own, &root).await;
        let caller = root.issue(leaf(WORKLOAD, caller_key));
        assert_eq!(world.judge(&caller).as_deref(), Ok(WORKLOAD));
        assert_eq!(presented(&world, &caller).await, own.chain);
    }
}

#[tokio::test]
async fn a_chain_below_an_upstream_authority_is_presented_and_believed() {
    let world = World::new().await;
    for root_key in leaf_keys() {
        let root = corporate_root(root_key);
        let server = root.intermediate(Profile::authority(HOME));
        // A nested server, by the `spire` upstream authority.
        let nested = server.intermediate(Profile::authority(HOME));
        for (authority, certificates) in [(&server, 2), (&nested, 3)] {
            let own = authority.issue(leaf(BROKER, KeyPair::generate().unwrap()));
            become_broker(&world, &own, &root).await;
            let caller = authority.issue(leaf(WORKLOAD, KeyPair::generate().unwrap()));
            assert_eq!(caller.chain.len(), certificates);
            assert_eq!(presented(&world, &caller).await, own.chain);
            // Not without what leads to the root.
            let short = Identity { chain: caller.chain[..1].to_vec(), ..caller.clone() };
            assert_eq!(world.knock(Some(&short)).await, None);
        }
    }
}

#[tokio::test]
async fn hints_and_a_crl_change_nothing_and_the_first_svid_stays_ours() {
    let world = World::new().await;
    let other = "spiffe://example.org/other";
    let (own, second) = (world.home.identity(BROKER), world.home.identity(other));
    let bundles: [(&str, &[&[u8]]); 2] = [(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])];
    let mut message = x509_message(&[(BROKER, &own), (other, &second)], &bundles);
    message.svids[0].hint = "internal".into();
    message.svids[1].hint = "external".into();
    message.crl = vec![vec![0x30, 0x00], Vec::new()];
    let seen = world.trust.epoch();
    world.api.x509.send_replace(Says::Message(message));
    world.await_change(seen).await;
    assert_eq!(world.trust.own_id().as_str(), BROKER);
    assert_eq!(presented(&world, &world.home.identity(WORKLOAD)).await, own.chain);
    let foreigner = world.abroad.identity(FOREIGNER);
    assert_eq!(world.knock(Some(&foreigner)).await.as_deref(), Some(FOREIGNER));
}

#[tokio::test]
async fn tokens_are_believed_whatever_jwt_key_type_and_jwt_issuer_say() {
    let world = World::new().await;
    let channel = world.channel(None);
    let signers = [(Signer::p256(), "ES256"), (Signer::p384(), "ES384"), (Signer::rsa(), "RS256")];
    for (sequence, (signer, alg)) in signers.iter().enumerate() {
        // The members of a SPIFFE bundle; its number goes down when a server was set up anew.
        let set = json!({
            "keys": [signer.jwk("fresh")],
            "spiffe_sequence": 9 - sequence,
            "spiffe_refresh_hint": 2,
        });
        let seen = world.trust.epoch();
        world.api.say_jwt(&[(HOME, set.to_string()), (ABROAD, json!({"keys": []}).to_string())]);
        world.await_change(seen).await;
        let mut claims = claims(WORKLOAD);
        claims["iss"] = json!("https://oidc.example.org");
        claims["jti"] = Value::from("0b5c");
        let token = signer.token(&json!({"alg": alg, "kid": "fresh", "typ": "JWT"}), &claims);
        assert_eq!(ask(&channel, Some(&token)).await.as_deref(), Ok(WORKLOAD), "{alg}");
    }
}
