//! Bundles as the Workload API delivers them (SPIFFE_Trust_Domain_and_Bundle.md §4, JWT-SVID.md §6,
//! X509-SVID.md §3.2, SPIFFE_Federation.md §7): what is in them, what is not, what is taken away.

use super::{Vector, check_chain, check_token};
use crate::fixtures::forge::{Authority, DIGITAL_SIGNATURE, Ext, Profile, key_usage, sequence, uri_names};
use crate::fixtures::tokens::{Signer, key_set, text};
use crate::fixtures::until;
use crate::fixtures::workload_api::Says;
use crate::fixtures::world::{ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, ask, claims, leaf};
use leasehold::domain::reason::Reason;
use leasehold::ports::TrustSource as _;
use leasehold::proto::workload::JwtBundlesResponse;
use serde_json::{Value, json};

/// Clause, name, how the key differs, algorithm of the token, reason.
type OddKey = (&'static str, &'static str, fn(&mut Value), Reason);

/// Keys that lie in the bundle beside a good one and must not verify anything.
const ODD_KEYS: [OddKey; 18] = [
    ("TB §4.2.2", "use is x509-svid", |key| key["use"] = json!("x509-svid"), Reason::JwtSignature),
    ("TB §4.2.2", "use is wit-svid", |key| key["use"] = json!("wit-svid"), Reason::JwtSignature),
    ("TB §4.2.2", "use is enc", |key| key["use"] = json!("enc"), Reason::JwtSignature),
    ("TB §4.2.2", "use is empty", |key| key["use"] = json!(""), Reason::JwtSignature),
    ("TB §4.2.2", "use is null", |key| key["use"] = json!(null), Reason::JwtSignature),
    ("TB §4.2.1", "unknown kty", |key| key["kty"] = json!("XYZ"), Reason::JwtSignature),
    ("TB §4.2.1", "no kty", |key| drop(key.as_object_mut().unwrap().remove("kty")), Reason::JwtSignature),
    ("TB §4.2.1", "a symmetric key", |key| (key["kty"], key["k"]) = (json!("oct"), json!("AA")), Reason::JwtSignature),
    ("JS §6.1", "key_ops without verify", |key| key["key_ops"] = json!(["sign"]), Reason::JwtSignature),
    ("JS §6.1", "key_ops is text", |key| key["key_ops"] = json!("verify"), Reason::JwtSignature),
    ("JS §6.1", "key for ES384 only", |key| key["alg"] = json!("ES384"), Reason::JwtAlgorithm),
    ("JS §6.1", "key for HS256 only", |key| key["alg"] = json!("HS256"), Reason::JwtSignature),
    ("JS §6.1", "another curve", |key| key["crv"] = json!("P-384"), Reason::JwtAlgorithm),
    ("JS §6.1", "unknown curve", |key| key["crv"] = json!("secp256k1"), Reason::JwtSignature),
    ("JS §6.1", "no x", |key| drop(key.as_object_mut().unwrap().remove("x")), Reason::JwtSignature),
    ("JS §6.1", "short x", |key| key["x"] = json!("AAAA"), Reason::JwtSignature),
    ("JS §6.1", "point not on the curve", |key| key["x"] = json!(text(&[1; 32])), Reason::JwtSignature),
    (
        "JS §6.1",
        "padded coordinate",
        |key| key["y"] = json!(format!("{}=", key["y"].as_str().unwrap())),
        Reason::JwtSignature,
    ),
];

/// Messages that are discarded as a whole: clause, name, JWK set of the home domain.
const BAD_SETS: [(&str, &str, &str); 6] = [
    ("TB §4.1.3", "no keys member", "{}"),
    ("TB §4.1.3", "keys is an object", r#"{"keys": {}}"#),
    ("TB §4.1.3", "keys is null", r#"{"keys": null}"#),
    ("TB §4.1", "not JSON", "keys"),
    ("TB §4.1", "nothing", ""),
    ("JS §6.1", "a key without kid", r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}"#),
];

/// Clause and name of what the other tests here refuse.
const OTHERS: [(&str, &str); 17] = [
    ("JS §2.1", "Ed25519 key in the bundle"),
    ("JS §6.1", "RSA key of 1024 bits"),
    ("TB §4.1.3", "no JWT key left"),
    ("WA §4.4", "JWT key taken away"),
    ("WA §4.4", "JWT bundle taken away"),
    ("TB §4.1.3", "no authority left"),
    ("WA §4.4", "X.509 bundle taken away"),
    ("WA §4.4", "authority taken away"),
    ("WA §4.4", "authority taken away, brought along"),
    ("WA §4.4", "intermediate of an authority taken away"),
    ("XS §3.2", "authority without cA"),
    ("XS §3.2", "authority without basic constraints"),
    ("XS §4.3", "authority without keyCertSign"),
    ("XS §3.2", "authority with a path"),
    ("XS §3.2", "the leaf itself as authority"),
    ("FD §7.3", "delivered, but not in the policy (certificate)"),
    ("FD §7.3", "delivered, but not in the policy (token)"),
];

pub(super) fn vectors() -> Vec<Vector> {
    let keys = ODD_KEYS.map(|(clause, name, ..)| (clause, name));
    let sets = BAD_SETS.map(|(clause, name, _)| (clause, name));
    let all = keys.into_iter().chain(sets).chain(OTHERS);
    all.map(|(clause, name)| Vector { clause, name: name.to_owned() }).collect()
}

fn token(signer: &Signer, alg: &str, kid: &str) -> String {
    signer.token(&json!({"alg": alg, "kid": kid}), &claims(WORKLOAD))
}

/// Puts these keys beside the home key and waits until they are in force.
async fn add_keys(world: &World, mut keys: Vec<Value>) {
    keys.push(world.home_key.jwk("home"));
    let seen = world.trust.epoch();
    world.api.say_jwt(&[(HOME, key_set(&keys)), (ABROAD, key_set(&[world.abroad_key.jwk("abroad")]))]);
    world.await_change(seen).await;
}

#[tokio::test]
async fn a_key_that_may_not_verify_is_passed_over_and_the_others_stand() {
    let world = World::new().await;
    let channel = world.channel(None);
    let signers: Vec<_> = ODD_KEYS.iter().map(|_| Signer::p256()).collect();
    let odd = |(index, (_, _, change, _)): (usize, &OddKey)| {
        let mut key = signers[index].jwk(&format!("odd{index}"));
        change(&mut key);
        key
    };
    let plain = |(index, signer): (usize, &Signer)| signer.jwk(&format!("odd{index}"));
    // Unchanged, each of these keys verifies.
    add_keys(&world, signers.iter().enumerate().map(plain).collect()).await;
    for (index, signer) in signers.iter().enumerate() {
        assert_eq!(ask(&channel, Some(&token(signer, "ES256", &format!("odd{index}")))).await.as_deref(), Ok(WORKLOAD));
    }
    add_keys(&world, ODD_KEYS.iter().enumerate().map(odd).collect()).await;
    for (index, (_, name, _, reason)) in ODD_KEYS.iter().enumerate() {
        let forged = token(&signers[index], "ES256", &format!("odd{index}"));
        check_token(&world, &channel, name, &forged, *reason).await;
    }
}

#[tokio::test]
async fn keys_of_forbidden_kind_or_size_verify_nothing() {
    let world = World::new().await;
    let channel = world.channel(None);
    let ed = Signer::ed25519();
    let weak = json!({"kty": "RSA", "kid": "weak", "e": "AQAB", "n": WEAK_MODULUS});
    add_keys(&world, vec![ed.jwk("ed"), weak]).await;
    check_token(&world, &channel, OTHERS[0].1, &token(&ed, "EdDSA", "ed"), Reason::JwtAlgorithm).await;
    let header = text(br#"{"alg":"RS256","kid":"weak"}"#);
    let claims = format!(r#"{{"sub":"{WORKLOAD}","aud":"{BROKER}","exp":4102444800}}"#);
    let forged = format!("{header}.{}.{WEAK_SIGNATURE}", text(claims.as_bytes()));
    check_token(&world, &channel, OTHERS[1].1, &forged, Reason::JwtSignature).await;
}

#[tokio::test]
async fn a_key_without_use_verifies_because_spire_sends_none() {
    let world = World::new().await;
    assert_eq!(world.home_key.jwk("home").get("use"), None);
    assert!(world.whoami(None, Some(&world.token())).await.is_ok());
    for purpose in ["sig", "jwt-svid"] {
        let signer = Signer::p256();
        let mut key = signer.jwk("marked");
        key["use"] = json!(purpose);
        add_keys(&world, vec![key]).await;
        assert_eq!(world.whoami(None, Some(&token(&signer, "ES256", "marked"))).await.as_deref(), Ok(WORKLOAD));
    }
}

#[tokio::test]
async fn a_message_that_is_no_key_set_changes_nothing() {
    let world = World::new().await;
    let channel = world.channel(None);
    for (index, (_, name, set)) in BAD_SETS.into_iter().enumerate() {
        assert_eq!(ask(&channel, Some(&world.token())).await.as_deref(), Ok(WORKLOAD), "control of {name}");
        let (seen, asked) = (world.trust.epoch(), jwt_streams(&world));
        // With it comes another key for the foreign domain, which must not get in by halves.
        let intruder = Signer::p256();
        world.api.say_jwt(&[(HOME, set.to_owned()), (ABROAD, key_set(&[intruder.jwk("intruder")]))]);
        until("the stream is opened anew", || jwt_streams(&world) > asked).await;
        let forged = intruder.token(&json!({"alg": "ES256", "kid": "intruder"}), &claims(FOREIGNER));
        check_token(&world, &channel, name, &forged, Reason::JwtSignature).await;
        assert_eq!(world.trust.epoch(), seen, "{name}");
        let barrier = Signer::p256();
        let kid = format!("barrier{index}");
        add_keys(&world, vec![barrier.jwk(&kid)]).await;
        assert_eq!(ask(&channel, Some(&token(&barrier, "ES256", &kid))).await.as_deref(), Ok(WORKLOAD));
        assert_eq!(world.trust.epoch(), seen + 1, "{name}: only the barrier counted");
    }
}

fn jwt_streams(world: &World) -> usize {
    world.api.calls().iter().filter(|(method, _)| *method == "FetchJWTBundles").count()
}

#[tokio::test]
async fn a_domain_without_keys_is_believed_nothing() {
    let world = World::new().await;
    let channel = world.channel(None);
    let abroad = || key_set(&[world.abroad_key.jwk("abroad")]);
    let foreign = world.abroad_key.token(&json!({"alg": "ES256", "kid": "abroad"}), &claims(FOREIGNER));
    let states = [
        ((HOME, key_set(&[])), Reason::JwtSignature),
        ((HOME, key_set(&[Signer::p256().jwk("home")])), Reason::JwtSignature),
        (("elsewhere.example", key_set(&[])), Reason::TrustDomainUnknown),
    ];
    for ((domain, set), reason) in states {
        add_keys(&world, vec![Signer::p256().jwk("fresh")]).await;
        assert_eq!(ask(&channel, Some(&world.token())).await.as_deref(), Ok(WORKLOAD));
        let seen = world.trust.epoch();
        world.api.say_jwt(&[(domain, set), (ABROAD, abroad())]);
        world.await_change(seen).await;
        assert_eq!(ask(&channel, Some(&world.token())).await, Err(reason.code().into()));
        // The other domain stands.
        assert_eq!(ask(&channel, Some(&foreign)).await.as_deref(), Ok(FOREIGNER));
    }
}

#[tokio::test]
async fn a_domain_whose_bundle_is_empty_or_gone_is_believed_nothing() {
    let world = World::new().await;
    let foreigner = world.abroad.identity(FOREIGNER);
    let both: [(&str, &[&[u8]]); 2] = [(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])];
    let empty: [(&str, &[&[u8]]); 2] = [(HOME, &[&world.home.der]), (ABROAD, &[])];
    for without in [&empty[..], &both[..1]] {
        assert_eq!(world.knock(Some(&foreigner)).await.as_deref(), Some(FOREIGNER));
        world.rebundle(without).await;
        check_chain(&world, "empty or gone", &foreigner, Reason::TrustDomainUnknown).await;
        world.rebundle(&both).await;
    }
}

#[tokio::test]
async fn an_authority_that_was_taken_away_vouches_for_nobody() {
    let world = World::new().await;
    let second = Authority::root(HOME);
    let mut profile = Profile::authority(HOME);
    profile.subject = Some("intermediate".into());
    let intermediate = second.intermediate(profile);
    world.rebundle(&[(HOME, &[&world.home.der, &second.der])]).await;
    let plain = second.identity(WORKLOAD);
    let mut with_root = plain.clone();
    with_root.chain.push(second.der.clone());
    let deep = intermediate.identity(WORKLOAD);
    for identity in [&plain, &with_root, &deep] {
        assert_eq!(world.knock(Some(identity)).await.as_deref(), Some(WORKLOAD));
    }
    world.rebundle(&[(HOME, &[&world.home.der])]).await;
    for identity in [&plain, &with_root, &deep] {
        check_chain(&world, "taken away", identity, Reason::SvidUntrusted).await;
    }
}

#[tokio::test]
async fn an_authority_that_may_not_sign_is_passed_over() {
    let world = World::new().await;
    let mut profiles: Vec<Profile> = (0..4).map(|_| Profile::authority(HOME)).collect();
    profiles[0].basic_constraints = Some(Ext::critical(sequence(&[])));
    profiles[1].basic_constraints = None;
    profiles[2].key_usage = Some(Ext::critical(key_usage(&[DIGITAL_SIGNATURE])));
    profiles[3].names = Some(Ext::plain(uri_names(&["spiffe://example.org/authority"])));
    let odd: Vec<_> = profiles.into_iter().map(Authority::root_of).collect();
    let lonely = Authority::root_of(leaf());
    let mut bundle: Vec<&[u8]> = odd.iter().map(|authority| authority.der.as_slice()).collect();
    bundle.extend([world.home.der.as_slice(), &lonely.der]);
    world.rebundle(&[(HOME, &bundle)]).await;
    for authority in odd.iter().chain([&lonely]) {
        check_chain(&world, "may not sign", &authority.identity(WORKLOAD), Reason::SvidUntrusted).await;
    }
}

#[tokio::test]
async fn a_bundle_that_the_policy_does_not_name_is_not_believed() {
    let world = World::new().await;
    let third = Authority::root("third.example");
    let bundles: [(&str, &[&[u8]]); 2] =
        [(HOME, &[&world.home.der, &world.abroad.der]), ("third.example", &[&third.der])];
    world.rebundle(&bundles).await;
    let stranger = third.identity("spiffe://third.example/agent/a");
    check_chain(&world, OTHERS[15].1, &stranger, Reason::TrustDomainUnknown).await;
    let signer = Signer::p256();
    let seen = world.trust.epoch();
    let sets = [
        (HOME, key_set(&[world.home_key.jwk("home"), signer.jwk("more")])),
        ("third.example", key_set(&[signer.jwk("third")])),
    ];
    world.api.say_jwt(&sets);
    world.await_change(seen).await;
    let forged = signer.token(&json!({"alg": "ES256", "kid": "third"}), &claims("spiffe://third.example/agent/a"));
    check_token(&world, &world.channel(None), OTHERS[16].1, &forged, Reason::TrustDomainUnknown).await;
}

#[tokio::test]
async fn authority_counts_only_in_its_own_domain() {
    // Three roots, three domains, one path: only the diagonal opens.
    let world = World::new().await;
    let second = Authority::root(HOME);
    let bundles: [(&str, &[&[u8]]); 2] = [(HOME, &[&world.home.der, &second.der]), (ABROAD, &[&world.abroad.der])];
    world.rebundle(&bundles).await;
    for (root, domain) in [(&world.home, HOME), (&second, HOME), (&world.abroad, ABROAD)] {
        for claimed in [HOME, ABROAD] {
            let id = format!("spiffe://{claimed}/agent/a");
            let identity = root.identity(&id);
            if claimed == domain {
                assert_eq!(world.knock(Some(&identity)).await, Some(id));
            } else {
                check_chain(&world, &id, &identity, Reason::SvidUntrusted).await;
            }
        }
    }
}

#[tokio::test]
async fn jwt_bundles_that_are_denied_are_believed_no_more() {
    let world = World::new().await;
    assert!(world.whoami(None, Some(&world.token())).await.is_ok());
    let seen = world.trust.epoch();
    world.api.jwt.send_replace(Says::<JwtBundlesResponse>::Status(tonic::Code::PermissionDenied));
    world.await_change(seen).await;
    assert_eq!(world.whoami(None, Some(&world.token())).await, Err("TRUST_DOMAIN_UNKNOWN".into()));
}

/// An RSA key of 1,024 bits and its RS256 signature over the honest claims until the year 2100:
/// no library of ours makes either any more.
const WEAK_MODULUS: &str = "6Nbrt0CfKa6PH0a5MgL__OppVE6ZjMSRHcK1__7HFtzRw7Ng3V71d_NgNYmbdU0HUJQG9K2JGcNFB0CwW2iRhxjr-Dv8s_hcCJMg4SdUvCON7AsqI83mcl03nPcqks9ZwOqdjS_jhl7KZ41xUBpMvP6AOOK0cNDXIv_7wiTmPSs";
const WEAK_SIGNATURE: &str = "dTfM0hd6oNNTNfK0oJg4j9qEQFeCGbJ0MNoSivYbD3C-kmCS3ExYHBE1cOTyefCc0Ayug5iIrpdluFRMCcMjAtbGjitjDIrBgzL8-B2NpQWpahYaEXrHecy42bT_6_psQcMyFaeg80vzvJ4Po05X4eiG3yjdBzNMI6ervujjdMU";
