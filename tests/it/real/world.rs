//! One OpenBao and one PostgreSQL for the whole test process, set up by the files in `deploy/`,
//! and an issuer of JWT-SVIDs that this OpenBao believes.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use xtask::peers::estate::{Made, SetupOptions, setup_engine};
use xtask::peers::openbao::{OpenBao, Options};
use xtask::peers::postgres::Postgres;

/// The real parts.
pub(crate) struct World {
    pub(crate) bao: OpenBao,
    pub(crate) postgres: Postgres,
    pub(crate) made: Made,
    pub(crate) issuer: Issuer,
}

/// The shared one; its servers end with the process.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start)
}

impl World {
    /// A world of one's own, for tests that break something.
    pub(crate) fn start() -> Self {
        let bao = std::thread::spawn(|| OpenBao::start(&Options::default()).unwrap());
        let postgres = Postgres::start().unwrap();
        let bao = bao.join().unwrap();
        let issuer = Issuer::start();
        let made = setup_engine(&bao, &postgres, &setup_options(&issuer)).unwrap();
        Self { bao, postgres, made, issuer }
    }
}

/// What the tests' OpenBao is set up for.
pub(crate) fn setup_options(issuer: &Issuer) -> SetupOptions {
    SetupOptions {
        jwks_url: issuer.jwks_url.clone(),
        broker_subject: BROKER.into(),
        audience: AUDIENCE.into(),
        trust_domain: "example.org".into(),
        window_max: "1h".into(),
        policies: policies(),
    }
}

pub(crate) const BROKER: &str = "spiffe://example.org/leasehold";
pub(crate) const AUDIENCE: &str = "vault";

/// The broker's policy for the paths of the sample estate, and one policy per credential.
pub(crate) fn policies() -> Vec<(String, String)> {
    vec![
        ("leasehold-broker".into(), broker_policy(&["database/creds/ledger-ro", "pki/sign/agent"])),
        (LEDGER_POLICY.into(), r#"path "database/creds/ledger-ro" { capabilities=["read"] }"#.into()),
        (
            AGENT_POLICY.into(),
            r#"path "pki/sign/agent" { capabilities=["update"] allowed_parameters={"csr"=[] "uri_sans"=[] "ttl"=[] "format"=[]} }"#.into(),
        ),
        (APP_KEY_POLICY.into(), r#"path "secret/data/app/key" { capabilities=["read"] }"#.into()),
        (PROBE_POLICY.into(), r#"path "secret/data/ledger-probe" { capabilities=["read"] }"#.into()),
    ]
}

pub(crate) const LEDGER_POLICY: &str = "leasehold-cred-ledger-ro-00000001";
pub(crate) const AGENT_POLICY: &str = "leasehold-cred-agent-00000002";
pub(crate) const APP_KEY_POLICY: &str = "leasehold-cred-app-key-00000003";
pub(crate) const PROBE_POLICY: &str = "leasehold-cred-ledger-probe-00000004";

/// design/vault.md, "The broker's policy".
pub(crate) fn broker_policy(paths: &[&str]) -> String {
    let lookups: Vec<String> = paths.iter().map(|path| format!("\"{path}/*\"")).collect();
    let mut text = format!(
        r#"path "auth/token/create/leasehold-task" {{ capabilities=["update"] required_parameters=["policies","explicit_max_ttl","display_name","meta"] allowed_parameters={{"policies"=[] "explicit_max_ttl"=[] "display_name"=[] "meta"=[] "ttl"=[] "renewable"=[false]}} }}
path "auth/token/lookup-accessor" {{ capabilities=["update"] }}
path "auth/token/revoke-accessor" {{ capabilities=["update"] }}
path "auth/token/renew-self" {{ capabilities=["update"] }}
path "sys/policies/acl/leasehold-cred-*" {{ capabilities=["read"] }}
path "sys/leases/lookup" {{ capabilities=["update"] required_parameters=["lease_id"] allowed_parameters={{"lease_id"=[{}]}} }}
path "sys/leases/lookup/auth/token/create/leasehold-task/leasehold" {{ capabilities=["list","sudo"] }}
"#,
        lookups.join(",")
    );
    for path in paths {
        text.push_str(&format!(
            r#"path "sys/leases/revoke/{path}/*" {{ capabilities=["update"] required_parameters=["sync"] allowed_parameters={{"sync"=[true]}} }}
path "sys/leases/renew/{path}/*" {{ capabilities=["update"] allowed_parameters={{"increment"=[]}} }}
path "sys/leases/lookup/{path}" {{ capabilities=["list","sudo"] }}
"#
        ));
    }
    text
}

/// Signs JWT-SVIDs (ES256) and serves the key as JWKS on loopback.
pub(crate) struct Issuer {
    pub(crate) jwks_url: String,
    key: EncodingKey,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new())
                .unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let jwks = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "jwt-svid", "kid": "k1",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
        }] });
        let jwks_url = serve_for_ever(&jwks);
        Self { jwks_url, key: EncodingKey::from_ec_der(pkcs8.as_ref()) }
    }

    /// A JWT-SVID of the broker for this audience, five minutes long.
    pub(crate) fn broker_svid(&self) -> String {
        let now = unix_seconds();
        self.sign(&json!({ "sub": BROKER, "aud": [AUDIENCE], "iat": now, "exp": now + 300 }))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn serve_for_ever(document: &Value) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let body = document.to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _asked = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _told = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}
