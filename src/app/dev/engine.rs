//! `OpenBao`'s HTTP API, as its root, on loopback: what an administrator does once (`deploy/openbao`),
//! and the sample secrets. Development only; a broker in production never holds a root token.

use crate::domain::base::Secret;
use crate::domain::vault_policy::{BROKER_POLICY, CREDENTIAL_POLICY_PREFIX, TOKEN_PATH_SUFFIX, TOKEN_ROLE};
use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// The audience of the broker's JWT-SVIDs for this engine.
pub(super) const AUDIENCE: &str = "vault";

/// One `OpenBao`, and the right to do everything there.
pub(super) struct Engine {
    http: Client,
    address: String,
    root: Secret,
}

impl Engine {
    /// `host`: such as `127.0.0.1:8200`.
    pub(super) fn new(host: &str, root: Secret) -> Result<Self> {
        let http = Client::builder().tls_certs_only(Vec::new()).no_proxy().timeout(CALL_MAX).build();
        Ok(Self { http: http.context("the HTTP client cannot be built")?, address: format!("http://{host}"), root })
    }

    /// Its base address.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Ends when it serves its root, and its first store is there.
    pub(super) async fn ready(&self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let answers = async |path: &str| {
                self.call(Method::GET, path, None).await.is_ok_and(|status| status == StatusCode::OK)
            };
            if answers("auth/token/lookup-self").await && answers("secret/config").await {
                return;
            }
        }
    }

    /// The login of the broker, the token role, the policies, and the sample credentials.
    pub(super) async fn set_up(&self, jwks_url: &str, policies: &[(String, String)]) -> Result<()> {
        for (name, text) in policies {
            self.write(&format!("sys/policies/acl/{name}"), &json!({ "policy": text })).await?;
        }
        self.logins(jwks_url).await?;
        self.certificates().await?;
        let key = super::random_word();
        let value = json!({ "data": { "key": key.reveal_text().unwrap_or_default() } });
        self.write("secret/data/invoice-key", &value).await
    }

    /// `deploy/openbao/jwt_auth.sh` and `deploy/openbao/token_role.sh`.
    async fn logins(&self, jwks_url: &str) -> Result<()> {
        self.write("sys/auth/jwt", &json!({ "type": "jwt" })).await?;
        let keys = json!({ "jwks_url": jwks_url, "jwt_supported_algs": ["ES256"] });
        self.write("auth/jwt/config", &keys).await?;
        let login = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_subject": super::BROKER_ID, "bound_audiences": [AUDIENCE],
            "expiration_leeway": -1, "not_before_leeway": -1, "clock_skew_leeway": 5,
            "token_policies": [BROKER_POLICY], "token_no_default_policy": true, "token_type": "service",
            "token_period": "10m", "token_explicit_max_ttl": "24h", "token_bound_cidrs": [LOOPBACK],
        });
        self.write("auth/jwt/role/leasehold", &login).await?;
        let tasks = json!({
            "allowed_policies_glob": [format!("{CREDENTIAL_POLICY_PREFIX}*")], "orphan": true, "renewable": false,
            "token_no_default_policy": true, "token_type": "service", "path_suffix": TOKEN_PATH_SUFFIX,
            "token_explicit_max_ttl": "1h", "token_bound_cidrs": [LOOPBACK],
        });
        self.write(&format!("auth/token/roles/{TOKEN_ROLE}"), &tasks).await
    }

    /// `deploy/openbao/pki.sh`.
    async fn certificates(&self) -> Result<()> {
        self.write("sys/mounts/pki", &json!({ "type": "pki", "config": { "max_lease_ttl": "8760h" } })).await?;
        let root = json!({
            "common_name": "Leasehold sample authority", "ttl": "8760h", "key_type": "ec", "key_bits": 256,
        });
        self.write("pki/root/generate/internal", &root).await?;
        self.write("pki/config/crl", &json!({ "expiry": "72h", "disable": false, "auto_rebuild": false })).await?;
        let role = json!({
            "use_csr_sans": false, "use_csr_common_name": false, "require_cn": false,
            "allow_any_name": false, "allow_localhost": false, "allow_ip_sans": false,
            "allowed_uri_sans": [format!("spiffe://{}/*", super::TRUST_DOMAIN)],
            "key_type": "any", "key_usage": ["DigitalSignature"], "client_flag": true, "server_flag": true,
            "ttl": "20m", "max_ttl": "1h", "generate_lease": true, "no_store": false,
        });
        self.write("pki/roles/agent", &role).await
    }

    /// One write that must succeed. The error names the path and never what was written.
    pub(super) async fn write(&self, path: &str, body: &Value) -> Result<()> {
        let status = self.call(Method::POST, path, Some(body)).await?;
        if status.is_success() { Ok(()) } else { bail!("OpenBao answered {status} to a write of {path}") }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<StatusCode> {
        let request = self.http.request(method, format!("{}/v1/{path}", self.address));
        let request = request.header("X-Vault-Token", self.root.reveal_text().unwrap_or_default());
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        Ok(answer.with_context(|| format!("OpenBao did not answer a call of {path}"))?.status())
    }
}

const LOOPBACK: &str = "127.0.0.0/8";
const CALL_MAX: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);
