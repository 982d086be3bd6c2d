//! The Workload API, call by call, as the standard and SPIRE have it.

use super::scene::{self, BOT, domain, scratch, soon};
use leasehold::devtrust::DevTrust;
use leasehold::proto::workload::{
    JwtBundlesRequest, JwtsvidRequest, ValidateJwtsvidRequest, X509BundlesRequest, X509svidRequest,
};
use std::os::unix::fs::PermissionsExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, Request, Status};

fn jwt_request(audience: &str, id: &str) -> JwtsvidRequest {
    let audience = if audience.is_empty() { vec![] } else { vec![audience.to_owned()] };
    JwtsvidRequest { audience, spiffe_id: id.to_owned() }
}

fn validation(audience: &str, svid: &str) -> ValidateJwtsvidRequest {
    ValidateJwtsvidRequest { audience: audience.to_owned(), svid: svid.to_owned() }
}

#[tokio::test]
async fn every_call_without_the_security_header_is_refused() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let socket = trust.socket("billing-bot");
    assert!(scene::client(&socket).await.fetch_x509svid(X509svidRequest {}).await.is_ok());

    let mut rude = scene::rude_client(&socket).await;
    let token = trust.jwt_svid("billing-bot", "vault").unwrap();
    let refusals = [
        rude.fetch_x509svid(X509svidRequest {}).await.err(),
        rude.fetch_x509_bundles(X509BundlesRequest {}).await.err(),
        rude.fetch_jwt_bundles(JwtBundlesRequest {}).await.err(),
        rude.fetch_jwtsvid(jwt_request("vault", "")).await.err(),
        rude.validate_jwtsvid(validation("vault", &token)).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.map(|status| status.code()), Some(Code::InvalidArgument));
    }
    for header in ["false", "True", ""] {
        let mut request = Request::new(X509svidRequest {});
        request.metadata_mut().insert("workload.spiffe.io", header.parse().unwrap());
        let refusal = rude.fetch_x509svid(request).await.err().map(|status| status.code());
        assert_eq!(refusal, Some(Code::InvalidArgument), "{header:?}");
    }
}

#[tokio::test]
async fn undeclared_identity_is_denied_until_it_is_declared_and_again_when_it_is_taken_away() {
    let scratch = scratch();
    let trust = DevTrust::start(scene::config(&scratch)).await.unwrap();
    trust.open("billing-bot").await.unwrap();
    let mut client = scene::client(&trust.socket("billing-bot")).await;
    let token = {
        trust.declare("other=spiffe://example.org/other".parse().unwrap()).await.unwrap();
        trust.jwt_svid("other", "vault").unwrap()
    };
    let denials = [
        client.fetch_x509svid(X509svidRequest {}).await.err(),
        client.fetch_x509_bundles(X509BundlesRequest {}).await.err(),
        client.fetch_jwt_bundles(JwtBundlesRequest {}).await.err(),
        client.fetch_jwtsvid(jwt_request("vault", "")).await.err(),
        client.validate_jwtsvid(validation("vault", &token)).await.err(),
    ];
    for denial in denials {
        let denial = denial.unwrap();
        assert_eq!((denial.code(), denial.message()), (Code::PermissionDenied, "no identity issued"));
    }

    trust.declare(BOT.parse().unwrap()).await.unwrap();
    let mut svids = client.fetch_x509svid(X509svidRequest {}).await.unwrap().into_inner();
    let first = svids.message().await.unwrap().unwrap();
    assert_eq!(first.svids[0].spiffe_id, "spiffe://example.org/agent/billing-bot");
    assert!(client.validate_jwtsvid(validation("vault", &token)).await.is_ok());

    trust.undeclare("billing-bot").unwrap();
    let end: Result<_, Status> = soon("the stream ends", svids.message()).await;
    assert_eq!(end.err().map(|status| status.code()), Some(Code::PermissionDenied));
    let denial = client.fetch_x509svid(X509svidRequest {}).await.err().unwrap();
    assert_eq!(denial.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn jwt_svids_are_for_this_identity_and_a_named_audience_only() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let mut client = scene::client(&trust.socket("billing-bot")).await;
    let own = "spiffe://example.org/agent/billing-bot";
    for id in ["", own] {
        let svids = client.fetch_jwtsvid(jwt_request("vault", id)).await.unwrap().into_inner().svids;
        assert!(svids.len() == 1 && svids[0].spiffe_id == own);
    }
    let code = async |request| scene::client(&trust.socket("billing-bot")).await.fetch_jwtsvid(request).await.err();
    let code = async |request| code(request).await.map(|status| status.code());
    assert_eq!(code(jwt_request("", own)).await, Some(Code::InvalidArgument));
    assert_eq!(
        code(JwtsvidRequest { audience: vec![String::new()], ..Default::default() }).await,
        Some(Code::InvalidArgument)
    );
    assert_eq!(code(jwt_request("vault", "spiffe://example.org/leasehold")).await, Some(Code::PermissionDenied));
    assert_eq!(code(jwt_request("vault", "nonsense")).await, Some(Code::InvalidArgument));
}

#[tokio::test]
async fn validation_tells_identity_and_claims_and_refuses_what_does_not_hold() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let mut client = scene::client(&trust.socket("billing-bot")).await;
    let token = trust.jwt_svid("stranger", "vault").unwrap();
    let answer = client.validate_jwtsvid(validation("vault", &token)).await.unwrap().into_inner();
    assert_eq!(answer.spiffe_id, "spiffe://other.org/agent/stranger");
    let claims = answer.claims.unwrap().fields;
    assert_eq!(claims["sub"], prost_types::Value::from("spiffe://other.org/agent/stranger"));
    assert_eq!(claims["aud"], prost_types::Value::from(vec!["vault".into()]));

    let mut refused = async |audience: &str, token: &str| {
        client.validate_jwtsvid(validation(audience, token)).await.err().map(|status| status.code())
    };
    assert_eq!(refused("", &token).await, Some(Code::InvalidArgument));
    assert_eq!(refused("vault", "").await, Some(Code::InvalidArgument));
    assert_eq!(refused("elsewhere", &token).await, Some(Code::InvalidArgument));
    assert_eq!(refused("vault", &token[..token.len() - 8]).await, Some(Code::InvalidArgument));
    assert_eq!(refused("vault", &token).await, None);
    trust.withdraw_bundle(&domain("other.org")).unwrap();
    assert_eq!(refused("vault", &token).await, Some(Code::InvalidArgument));
}

#[tokio::test]
async fn streams_send_the_whole_state_on_change_and_nothing_without_one() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let mut client = scene::client(&trust.socket("billing-bot")).await;
    let mut bundles = client.fetch_x509_bundles(X509BundlesRequest {}).await.unwrap().into_inner();
    let first = bundles.message().await.unwrap().unwrap().bundles;
    assert_eq!(first.len(), 2);
    // A rotation of SVIDs changes no bundle: the next message must be the one after it.
    trust.rotate_svids().unwrap();
    trust.withdraw_bundle(&domain("other.org")).unwrap();
    let second = soon("the withdrawal", bundles.message()).await.unwrap().unwrap().bundles;
    assert_eq!(second.keys().collect::<Vec<_>>(), ["spiffe://example.org"]);
    assert_eq!(second["spiffe://example.org"], first["spiffe://example.org"]);
    trust.federate(&domain("other.org")).unwrap();
    let third = soon("the return", bundles.message()).await.unwrap().unwrap().bundles;
    assert_eq!(third, first);
    trust.rotate_authority(&domain("example.org")).unwrap();
    let fourth = soon("the new authority", bundles.message()).await.unwrap().unwrap().bundles;
    assert!(fourth["spiffe://example.org"].starts_with(&first["spiffe://example.org"]));
    assert!(fourth["spiffe://example.org"].len() > first["spiffe://example.org"].len());
}

#[tokio::test]
async fn sockets_are_private_and_shutdown_ends_streams_and_removes_them() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let socket = trust.socket("billing-bot");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    let mut client = scene::client(&socket).await;
    let mut svids = client.fetch_x509svid(X509svidRequest {}).await.unwrap().into_inner();
    svids.message().await.unwrap().unwrap();
    let port: std::net::SocketAddr = trust.tcp_endpoint("billing-bot").unwrap()["tcp://".len()..].parse().unwrap();
    assert!(port.ip().is_loopback() && tokio::net::TcpStream::connect(port).await.is_ok());

    soon("the end", trust.shutdown()).await;
    let end = soon("the stream ends", svids.message()).await;
    assert_eq!(end.err().map(|status| status.code()), Some(Code::Unavailable));
    assert!(tokio::net::TcpStream::connect(port).await.is_err());
    let left = std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_dropped_trust_domain_removes_its_sockets_too() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    assert!(trust.socket("broker").exists());
    drop(trust);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn tokens_validate_against_the_published_key_set() {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let keys = key_set(&trust.jwks_url()).await;
    let key = &keys.keys[0];
    let json = serde_json::to_value(key).unwrap();
    assert_eq!((&json["use"], &json["alg"], &json["kty"]), (&"sig".into(), &"ES256".into(), &"EC".into()));
    assert!(json.get("d").is_none());

    let token = trust.jwt_svid("billing-bot", "vault").unwrap();
    assert!(holds(&token, &keys));
    let foreign = trust.jwt_svid("stranger", "vault").unwrap();
    assert!(!holds(&foreign, &keys), "the key set is the trust domain's own");
    trust.rotate_authority(&domain("example.org")).unwrap();
    assert_eq!(key_set(&trust.jwks_url()).await.keys.len(), 2);
    trust.rotate_svids().unwrap();
    let newer = trust.jwt_svid("billing-bot", "vault").unwrap();
    assert!(!holds(&newer, &keys));
    let both = key_set(&trust.jwks_url()).await;
    assert!(holds(&newer, &both) && holds(&token, &both));
}

fn holds(token: &str, keys: &jsonwebtoken::jwk::JwkSet) -> bool {
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["vault"]);
    keys.find(&kid).is_some_and(|key| {
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).is_ok()
    })
}

/// One plain HTTP/1.1 GET, as any client of a `jwks_url` does it.
async fn key_set(url: &str) -> jsonwebtoken::jwk::JwkSet {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/json"), "{head}");
    serde_json::from_str(body).unwrap()
}
