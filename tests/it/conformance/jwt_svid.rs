//! JWT-SVID.md §2 to §5.3, over the `authorization` of a gRPC call.

use super::{Vector, check_token};
use crate::fixtures::ports::now;
use crate::fixtures::tokens::{Signer, key_set, text};
use crate::fixtures::world::{ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, ask, claims, header, send};
use aws_lc_rs::hmac;
use leasehold::domain::reason::Reason;
use leasehold::domain::svid::Audience;
use leasehold::ports::{Clock as _, TrustSource as _};
use leasehold::proto::v1::GetStatusRequest;
use serde_json::{Value, json};
use tonic::Request;

type Make = Box<dyn Fn(&World) -> String>;

struct Forged {
    clause: &'static str,
    name: String,
    reason: Reason,
    make: Make,
}

fn forged(clause: &'static str, name: &str, reason: Reason, make: impl Fn(&World) -> String + 'static) -> Forged {
    Forged { clause, name: name.to_owned(), reason, make: Box::new(make) }
}

/// An honest header with one member set, or taken away by `null`-less `None`.
fn with_header(clause: &'static str, name: &str, reason: Reason, member: &'static str, value: Option<Value>) -> Forged {
    forged(clause, name, reason, move |world| {
        let mut header = header();
        set(&mut header, member, value.clone());
        world.home_key.token(&header, &claims(WORKLOAD))
    })
}

fn with_claim(clause: &'static str, name: &str, reason: Reason, member: &'static str, value: Option<Value>) -> Forged {
    forged(clause, name, reason, move |world| {
        let mut claims = claims(WORKLOAD);
        set(&mut claims, member, value.clone());
        world.home_key.token(&header(), &claims)
    })
}

fn set(object: &mut Value, member: &str, value: Option<Value>) {
    let members = object.as_object_mut().unwrap();
    match value {
        Some(value) => drop(members.insert(member.to_owned(), value)),
        None => drop(members.remove(member)),
    }
}

/// §2: any header but alg, kid and typ.
fn headers() -> Vec<Forged> {
    let others = [
        ("jku", json!("https://attacker.example/keys")),
        ("jwk", json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})),
        ("x5u", json!("https://attacker.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("b64", json!(false)),
        ("nonce", json!("n")),
        ("ALG", json!("none")),
        ("private", json!(1)),
    ];
    let others = others.map(|(name, value)| with_header("JS §2", name, Reason::JwtHeader, name, Some(value)));
    let types = [json!("jwt"), json!("at+jwt"), json!("wit+jwt"), json!("JWT "), json!(""), json!(null), json!(1)];
    let types = types.map(|typ| with_header("JS §2.3", &format!("typ is {typ}"), Reason::JwtHeader, "typ", Some(typ)));
    let kids = [("no kid", None), ("empty kid", Some(json!(""))), ("kid is null", Some(json!(null)))];
    let kids = kids.map(|(name, kid)| with_header("JS §2.2", name, Reason::JwtHeader, "kid", kid));
    let unknown = with_header("JS §2.2", "unknown kid", Reason::JwtSignature, "kid", Some(json!("other")));
    others.into_iter().chain(types).chain(kids).chain([unknown]).collect()
}

/// §2.1: any algorithm but RS, ES and PS, and any that does not fit the key.
fn algorithms() -> Vec<Forged> {
    let refused = |alg: Value| {
        let name = format!("alg is {alg}");
        with_header("JS §2.1", &name, Reason::JwtAlgorithm, "alg", Some(alg))
    };
    let list =
        ["none", "None", "NONE", "HS256", "HS384", "HS512", "EdDSA", "Ed25519", "ES256K", "es256", "RSA-OAEP", ""];
    let mut all: Vec<_> = list.into_iter().map(|alg| refused(json!(alg))).collect();
    all.extend([refused(json!(null)), refused(json!(256)), refused(json!(["ES256"]))]);
    all.push(with_header("JS §2.1", "no alg", Reason::JwtAlgorithm, "alg", None));
    all.push(with_header("JS §2.1", "ES384 with a P-256 key", Reason::JwtAlgorithm, "alg", Some(json!("ES384"))));
    all.push(with_header("JS §2.1", "RS256 with an EC key", Reason::JwtSignature, "alg", Some(json!("RS256"))));
    all.push(with_header("JS §2.1", "PS256 with an EC key", Reason::JwtSignature, "alg", Some(json!("PS256"))));
    all.push(forged("JS §2.1", "HMAC with the public key as secret", Reason::JwtAlgorithm, |world| {
        let public = world.home_key.jwk("home").to_string();
        let mut header = header();
        header["alg"] = json!("HS256");
        let signed =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims(WORKLOAD).to_string().as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), signed.as_bytes());
        format!("{signed}.{}", text(tag.as_ref()))
    }));
    all
}

/// §3: subject, audience, times.
fn claim_rules() -> Vec<Forged> {
    let claim = |clause, name, reason, member, value: Option<Value>| with_claim(clause, name, reason, member, value);
    let (subject, audience, time) = (Reason::JwtClaims, Reason::JwtAudience, Reason::JwtClaims);
    let other = "spiffe://example.org/other";
    vec![
        claim("JS §3.1", "no sub", subject, "sub", None),
        claim("JS §3.1", "sub is null", subject, "sub", Some(json!(null))),
        claim("JS §3.1", "sub is a number", subject, "sub", Some(json!(1))),
        claim("JS §3.1", "sub is a list", subject, "sub", Some(json!([WORKLOAD]))),
        claim("JS §3.1", "sub is an object", subject, "sub", Some(json!({"id": WORKLOAD}))),
        claim("JS §3.2", "no aud", audience, "aud", None),
        claim("JS §3.2", "aud is null", audience, "aud", Some(json!(null))),
        claim("JS §3.2", "aud is an empty list", audience, "aud", Some(json!([]))),
        claim("JS §3.2", "aud is empty", audience, "aud", Some(json!(""))),
        claim("JS §3.2", "aud is a number", audience, "aud", Some(json!(1))),
        claim("JS §3.2", "aud holds a number", audience, "aud", Some(json!([BROKER, 1]))),
        claim("JS §3.2", "aud holds an empty name", audience, "aud", Some(json!([BROKER, ""]))),
        claim("JS §3.2", "aud is an object", audience, "aud", Some(json!({"name": BROKER}))),
        claim("JS §3.2", "another audience", audience, "aud", Some(json!(other))),
        claim("JS §3.2", "a list of others", audience, "aud", Some(json!([other, "x"]))),
        claim("JS §3.2", "the trust domain as audience", audience, "aud", Some(json!("spiffe://example.org"))),
        claim("JS §3.2", "a prefix of the audience", audience, "aud", Some(json!("spiffe://example.org/lease"))),
        claim("JS §3.2", "a longer audience", audience, "aud", Some(json!("spiffe://example.org/leasehold/x"))),
        claim("JS §3.2", "the audience in upper case", audience, "aud", Some(json!(BROKER.to_uppercase()))),
        claim("JS §6.2", "more than one audience", audience, "aud", Some(json!([BROKER, other]))),
        claim("JS §6.2", "one audience twice", audience, "aud", Some(json!([BROKER, BROKER]))),
        claim("JS §3.3", "no exp", time, "exp", None),
        claim("JS §3.3", "exp is null", time, "exp", Some(json!(null))),
        claim("JS §3.3", "exp is text", time, "exp", Some(json!((now() + 300).to_string()))),
        claim("JS §3.3", "exp is a date", time, "exp", Some(json!("2100-01-01T00:00:00Z"))),
        claim("JS §3.3", "exp is beyond all times", time, "exp", Some(json!(1e300))),
        claim("JS §3.3", "exp was a second ago", Reason::SvidExpired, "exp", Some(json!(now() - 1))),
        claim("JS §3.3", "exp was a year ago", Reason::SvidExpired, "exp", Some(json!(now() - 31_000_000))),
        claim("JS §3.3", "exp is zero", Reason::SvidExpired, "exp", Some(json!(0))),
        claim("JS §3.3", "exp is negative", time, "exp", Some(json!(-1))),
        claim("JS §4", "nbf in half a minute", Reason::SvidNotYetValid, "nbf", Some(json!(now() + 30))),
        claim("JS §4", "nbf in a year", Reason::SvidNotYetValid, "nbf", Some(json!(now() + 31_000_000))),
        claim("JS §4", "nbf with a fraction", Reason::SvidNotYetValid, "nbf", Some(json!(4_000_000_000.5))),
        claim("JS §4", "nbf is text", time, "nbf", Some(json!("0"))),
        claim("JS §4", "nbf is null", time, "nbf", Some(json!(null))),
        claim("JS §4", "nbf is a list", time, "nbf", Some(json!([0]))),
    ]
}

/// §4: the signature, and the bundle that it is held against.
fn signatures() -> Vec<Forged> {
    let no = Reason::JwtSignature;
    vec![
        forged("JS §4", "signature changed", no, |w| flipped(&w.token())),
        forged("JS §4", "signature cut", no, |w| {
            let token = w.token();
            token[..token.len() - 4].to_owned()
        }),
        forged("JS §4", "signature of zeros", no, |w| spliced(&w.token(), None, None, Some(&text(&[0; 64])))),
        forged("JS §4", "signature of another token", no, |w| {
            let other = w.home_key.token(&header(), &claims("spiffe://example.org/agent/b"));
            spliced(&w.token(), None, None, other.rsplit('.').next())
        }),
        forged("JS §4", "subject changed after signing", no, |w| {
            let other = text(claims("spiffe://example.org/agent/admin").to_string().as_bytes());
            spliced(&w.token(), None, Some(&other), None)
        }),
        forged("JS §4", "header changed after signing", no, |w| {
            let other = text(json!({"alg": "ES256", "kid": "home"}).to_string().as_bytes());
            spliced(&w.token(), Some(&other), None, None)
        }),
        forged("JS §4", "another key by a known kid", no, |_| Signer::p256().token(&header(), &claims(WORKLOAD))),
        forged("WA §6.3", "foreign subject, home key", no, |w| w.home_key.token(&header(), &claims(FOREIGNER))),
        forged("WA §6.3", "home subject, foreign key and kid", no, |w| {
            w.abroad_key.token(&json!({"alg": "ES256", "kid": "abroad"}), &claims(WORKLOAD))
        }),
        forged("WA §6.3", "foreign subject, home kid, foreign key", no, |w| {
            w.abroad_key.token(&header(), &claims(FOREIGNER))
        }),
        forged("WA §6.3", "a domain without bundle", Reason::TrustDomainUnknown, |w| {
            w.home_key.token(&header(), &claims("spiffe://unknown.example/agent/a"))
        }),
        forged("WA §6.3", "a sub-domain", Reason::TrustDomainUnknown, |w| {
            w.home_key.token(&header(), &claims("spiffe://a.example.org/agent/a"))
        }),
    ]
}

/// §5.1: compact serialization and nothing else; no two ways to read it.
fn serializations() -> Vec<Forged> {
    let mut all = Vec::new();
    let mut bad =
        |name: &str, make: fn(&World) -> String| all.push(forged("JS §5.1", name, Reason::SvidMalformed, make));
    bad("empty", |_| String::new());
    bad("one part", |w| part(w, 0));
    bad("two parts", |w| format!("{}.{}", part(w, 0), part(w, 1)));
    bad("two parts and a dot", |w| format!("{}.{}.", part(w, 0), part(w, 1)));
    bad("four parts", |w| format!("{}.AAAA", w.token()));
    bad("five parts, as encryption has", |w| format!("{}.AAAA.AAAA", w.token()));
    bad("trailing dot", |w| format!("{}.", w.token()));
    bad("leading dot", |w| format!(".{}", w.token()));
    bad("no payload", |w| format!("{}..{}", part(w, 0), part(w, 2)));
    bad("leading space", |w| format!(" {}", w.token()));
    bad("space inside", |w| w.token().replacen('.', ". ", 1));
    bad("line break inside", |w| w.token().replacen('.', ".\n", 1));
    bad("line break within a part", |w| {
        let token = w.token();
        format!("{}\n{}", &token[..12], &token[12..])
    });
    bad("trailing line break", |w| format!("{}\n", w.token()));
    bad("padding", |w| spliced(&w.token(), Some(&format!("{}=", part(w, 0))), None, None));
    bad("standard base64", |w| w.token().replace(['-', '_'], "+").replacen('.', "+.", 1));
    bad("left-over bits in base64", |w| spliced(&w.token(), None, None, None).replacen('.', "B.", 1));
    bad("flattened JSON", |w| {
        json!({"protected": part(w, 0), "payload": part(w, 1), "signature": part(w, 2)}).to_string()
    });
    bad("general JSON", |w| {
        let signatures = json!([{"protected": part(w, 0), "signature": part(w, 2)}]);
        json!({"payload": part(w, 1), "signatures": signatures}).to_string()
    });
    bad("header is no JSON", |w| w.home_key.token_of("alg=ES256", &claims(WORKLOAD).to_string()));
    bad("header is a list", |w| w.home_key.token_of("[]", &claims(WORKLOAD).to_string()));
    bad("claims are no JSON", |w| w.home_key.token_of(&header().to_string(), "sub=a"));
    bad("claims are a list", |w| w.home_key.token_of(&header().to_string(), "[]"));
    bad("claims end early", |w| w.home_key.token_of(&header().to_string(), "{\"sub\":"));
    bad("claims and more", |w| w.home_key.token_of(&header().to_string(), &format!("{} {{}}", claims(WORKLOAD))));
    bad("alg twice", |w| {
        w.home_key.token_of(r#"{"alg":"none","alg":"ES256","kid":"home"}"#, &claims(WORKLOAD).to_string())
    });
    bad("sub twice", |w| twice(w, "sub", &json!("spiffe://example.org/agent/admin")));
    bad("aud twice", |w| twice(w, "aud", &json!(["other"])));
    bad("exp twice", |w| twice(w, "exp", &json!(4_000_000_000_i64)));
    bad("a private claim's member twice", |w| {
        let claims = claims(WORKLOAD).to_string().replacen('{', r#"{"x":{"y":1,"y":2},"#, 1);
        w.home_key.token_of(&header().to_string(), &claims)
    });
    bad("nested too deep", |w| {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let claims = claims(WORKLOAD).to_string().replacen('{', &format!(r#"{{"x":{deep},"#), 1);
        w.home_key.token_of(&header().to_string(), &claims)
    });
    bad("8193 bytes", |w| {
        let token = w.token();
        format!("{token}{}", "A".repeat(8_193 - token.len()))
    });
    bad("one megabyte", |w| format!("{}{}", w.token(), "A".repeat(1_000_000)));
    all
}

fn part(world: &World, index: usize) -> String {
    world.token().split('.').nth(index).unwrap().to_owned()
}

fn spliced(token: &str, header: Option<&str>, claims: Option<&str>, signature: Option<&str>) -> String {
    let parts: Vec<_> = token.split('.').collect();
    [header.unwrap_or(parts[0]), claims.unwrap_or(parts[1]), signature.unwrap_or(parts[2])].join(".")
}

/// One bit of the signature.
fn flipped(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{rest}.{other}{}", &signature[1..])
}

fn twice(world: &World, member: &str, first: &Value) -> String {
    let claims = claims(WORKLOAD).to_string().replacen('{', &format!(r#"{{"{member}":{first},"#), 1);
    world.home_key.token_of(&header().to_string(), &claims)
}

fn tables() -> Vec<Forged> {
    let mut all = headers();
    all.extend(algorithms());
    all.extend(claim_rules());
    all.extend(signatures());
    all.extend(serializations());
    all
}

/// Clause, name, values of `authorization`, reason code.
type Transmission = (&'static str, &'static str, fn(&str) -> Vec<String>, &'static str);

fn transmissions() -> [Transmission; 8] {
    let clause = "JS §5.3";
    [
        (clause, "no authorization", |_| vec![], "SVID_MISSING"),
        (clause, "basic scheme", |t| vec![format!("Basic {t}")], "SVID_MALFORMED"),
        (clause, "no scheme", |t| vec![t.to_owned()], "SVID_MALFORMED"),
        (clause, "scheme only", |_| vec!["Bearer".into()], "SVID_MALFORMED"),
        (clause, "two spaces", |t| vec![format!("Bearer  {t}")], "SVID_MALFORMED"),
        (clause, "two tokens in one value", |t| vec![format!("Bearer {t},{t}")], "SVID_MALFORMED"),
        (clause, "two values", |t| vec![format!("Bearer {t}"), format!("Bearer {t}")], "SVID_MALFORMED"),
        (
            clause,
            "a second value of another scheme",
            |t| vec![format!("Bearer {t}"), "Basic eA==".into()],
            "SVID_MALFORMED",
        ),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    let tokens = tables().into_iter().map(|forged| Vector { clause: forged.clause, name: forged.name });
    let sent = transmissions().map(|(clause, name, ..)| Vector { clause, name: name.to_owned() });
    tokens.chain(sent).collect()
}

async fn check(table: Vec<Forged>) {
    let world = World::new().await;
    let channel = world.channel(None);
    for vector in table {
        let forged = (vector.make)(&world);
        check_token(&world, &channel, &vector.name, &forged, vector.reason).await;
    }
}

#[tokio::test]
async fn a_token_with_another_header_is_turned_away() {
    check(headers()).await;
}

#[tokio::test]
async fn a_token_of_another_algorithm_is_turned_away() {
    check(algorithms()).await;
}

#[tokio::test]
async fn a_token_without_its_claims_is_turned_away() {
    check(claim_rules()).await;
}

#[tokio::test]
async fn a_token_that_no_key_of_its_domain_signed_is_turned_away() {
    check(signatures()).await;
}

#[tokio::test]
async fn a_token_that_can_be_read_in_two_ways_is_turned_away() {
    check(serializations()).await;
}

#[tokio::test]
async fn a_token_is_taken_from_one_bearer_authorization_only() {
    let world = World::new().await;
    let (channel, token) = (world.channel(None), world.token());
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let mut request = Request::new(GetStatusRequest {});
        request.metadata_mut().insert("authorization", format!("{scheme} {token}").parse().unwrap());
        assert_eq!(send(&channel, request).await.as_deref(), Ok(WORKLOAD));
    }
    for (_, name, values, code) in transmissions() {
        assert_eq!(ask(&channel, Some(&token)).await.as_deref(), Ok(WORKLOAD), "control of {name}");
        let mut request = Request::new(GetStatusRequest {});
        for value in values(&token) {
            request.metadata_mut().append("authorization", value.parse().unwrap());
        }
        assert_eq!(send(&channel, request).await, Err(code.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn what_the_standard_permits_is_believed() {
    let world = World::new().await;
    let channel = world.channel(None);
    let mut permitted = vec![world.abroad_key.token(&json!({"alg": "ES256", "kid": "abroad"}), &claims(FOREIGNER))];
    for typ in [Some(json!("JWT")), Some(json!("JOSE")), None] {
        permitted.push((with_header("", "", Reason::JwtHeader, "typ", typ).make)(&world));
    }
    let claims_permitted = [
        ("aud", json!(BROKER)),
        ("nbf", json!(now() - 1)),
        ("nbf", json!(1.5)),
        ("jti", json!("j")),
        ("iss", json!("anybody")),
        ("private", json!({"task": [1, null, true]})),
    ];
    for (member, value) in claims_permitted {
        permitted.push((with_claim("", "", Reason::JwtClaims, member, Some(value)).make)(&world));
    }
    for token in permitted {
        let id = ask(&channel, Some(&token)).await.unwrap();
        assert!(id == WORKLOAD || id == FOREIGNER);
    }
}

#[tokio::test]
async fn every_supported_algorithm_verifies() {
    let world = World::new().await;
    let signers = [
        ("p256", Signer::p256(), vec!["ES256"]),
        ("p384", Signer::p384(), vec!["ES384"]),
        ("rsa", Signer::rsa(), vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    ];
    let seen = world.trust.epoch();
    let keys: Vec<_> = signers.iter().map(|(kid, signer, _)| signer.jwk(kid)).collect();
    world.api.say_jwt(&[(HOME, key_set(&keys)), (ABROAD, key_set(&[]))]);
    world.await_change(seen).await;
    for (kid, signer, algorithms) in &signers {
        for alg in algorithms {
            let token = signer.token(&json!({"alg": alg, "kid": kid}), &claims(WORKLOAD));
            assert_eq!(world.whoami(None, Some(&token)).await.as_deref(), Ok(WORKLOAD), "{alg}");
            assert_eq!(world.whoami(None, Some(&flipped(&token))).await, Err("JWT_SIGNATURE".into()), "{alg}");
        }
    }
}

#[tokio::test]
async fn several_audiences_are_believed_where_the_standard_is_asked_and_not_by_the_broker() {
    let world = World::new().await;
    let mut shared = claims(WORKLOAD);
    shared["aud"] = json!(["other", BROKER]);
    let shared = world.home_key.token(&header(), &shared);
    let at = world.clock.read().time;
    assert!(world.trust.verify_jwt(&shared, Audience::Among(BROKER), at).is_ok());
    assert_eq!(world.whoami(None, Some(&shared)).await, Err("JWT_AUDIENCE".into()));
}

#[tokio::test]
async fn certificate_and_token_must_name_the_same_identity() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    assert_eq!(world.whoami(Some(&identity), Some(&world.token())).await.as_deref(), Ok(WORKLOAD));
    let other = world.home_key.token(&header(), &claims("spiffe://example.org/agent/b"));
    assert_eq!(world.whoami(Some(&identity), Some(&other)).await, Err("IDENTITY_MISMATCH".into()));
    // A bad token is not saved by a good certificate.
    let bad = flipped(&world.token());
    assert_eq!(world.whoami(Some(&identity), Some(&bad)).await, Err("JWT_SIGNATURE".into()));
}
