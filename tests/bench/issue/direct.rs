//! OpenBao without a broker: the same calls that the broker makes, with a token of one's own. Nothing
//! is recorded, no lease is shortened, nobody ends anything.

use crate::plan::Kind;
use crate::turns::Way;
use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use serde_json::{Value, json};
use xtask::peers::openbao::OpenBao;

/// How to talk to the engine.
#[derive(Clone)]
pub(crate) struct Engine {
    http: reqwest::Client,
    address: String,
    token: String,
}

/// With a login before each secret: what a workload does that has one task and one secret.
pub(crate) struct Login {
    engine: Engine,
    jwt: String,
    order: Order,
}

/// With one token for all.
pub(crate) struct Held {
    engine: Engine,
    order: Order,
}

struct Order {
    path: &'static str,
    body: Option<Value>,
}

const WORKLOAD: &str = "spiffe://example.org/agent/billing-bot";
const POLICY: &str = r#"
path "secret/data/motd" { capabilities = ["read"] }
path "pki/sign/agent" { capabilities = ["update"] }
path "database/creds/ledger-ro" { capabilities = ["read"] }
"#;

impl Engine {
    /// A policy for the three reads, a login for the workload itself, a token to hold, and a value.
    pub(crate) fn prepare(bao: &OpenBao) -> Result<Self> {
        bao.must("PUT", "sys/policies/acl/bench", &json!({ "policy": POLICY }))?;
        bao.must("POST", "secret/data/motd", &json!({ "data": { "text": "good morning" } }))?;
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_subject": WORKLOAD, "bound_audiences": "vault",
            "expiration_leeway": -1, "not_before_leeway": -1, "clock_skew_leeway": 5,
            "token_policies": "bench", "token_no_default_policy": true, "token_type": "service", "token_ttl": "20m",
        });
        bao.must("POST", "auth/jwt/role/bench", &role)?;
        let token = json!({ "policies": ["bench"], "no_default_policy": true, "ttl": "1h" });
        let token = bao.must("POST", "auth/token/create", &token)?.text("/auth/client_token").to_owned();
        // Nothing here speaks TLS; without authorities the client needs no provider.
        let http = reqwest::Client::builder().tls_certs_only(Vec::new()).no_proxy().http1_only().build()?;
        Ok(Self { http, address: bao.address.clone(), token })
    }

    pub(crate) fn login(&self, kind: Kind, jwt: String, csr: &str) -> Login {
        Login { engine: self.clone(), jwt, order: Order::of(kind, csr) }
    }

    pub(crate) fn held(&self, kind: Kind, csr: &str) -> Held {
        Held { engine: self.clone(), order: Order::of(kind, csr) }
    }

    async fn draw(&self, token: &str, order: &Order) -> Result<()> {
        let answer = self.call(token, order.path, order.body.as_ref()).await?;
        if answer.get("data").is_some_and(Value::is_object) { Ok(()) } else { bail!("{} gave no data", order.path) }
    }

    async fn call(&self, token: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}/v1/{path}", self.address);
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let answer = request.header("X-Vault-Token", token).send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        if !status.is_success() {
            bail!("{path} was answered {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}

impl Order {
    fn of(kind: Kind, csr: &str) -> Self {
        match kind {
            Kind::KeyValue => Self { path: "secret/data/motd", body: None },
            Kind::Database => Self { path: "database/creds/ledger-ro", body: None },
            Kind::Certificate => {
                let body = json!({ "csr": csr, "uri_sans": WORKLOAD, "ttl": "1200s", "format": "pem" });
                Self { path: "pki/sign/agent", body: Some(body) }
            }
        }
    }
}

#[async_trait]
impl Way for Login {
    async fn once(&self) -> Result<()> {
        let body = json!({ "role": "bench", "jwt": self.jwt });
        let answer = self.engine.call("", "auth/jwt/login", Some(&body)).await?;
        let token = answer.pointer("/auth/client_token").and_then(Value::as_str).context("the login gave no token")?;
        self.engine.draw(token, &self.order).await
    }
}

#[async_trait]
impl Way for Held {
    async fn once(&self) -> Result<()> {
        self.engine.draw(&self.engine.token, &self.order).await
    }
}
