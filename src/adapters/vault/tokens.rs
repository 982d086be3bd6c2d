//! Tokens of tasks, made through the token role and ended by their accessors; and the broker's own
//! short reads, each with a token of its own.

use super::Inner;
use super::answers::{Anything, TokenData, ValueData};
use super::wire::{Call, Effect};
use domain::base::{Secret, Span, Time};
use ports::{Accessor, Fault, FaultKind, MadeToken, TokenSpec};
use rustify::enums::RequestMethod;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

impl Inner {
    pub(super) async fn make_token(&self, spec: &TokenSpec, entry: Option<u64>) -> Result<MadeToken, Fault> {
        for policy in &spec.policies {
            self.check_policy(policy, entry).await?;
        }
        let meta: Map<String, Value> = spec.meta.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let call =
            Call::new("making a token", Effect::Changes, RequestMethod::POST, "auth/token/create/leasehold-task");
        let call = call.entry(entry).body(json!({
            "policies": spec.policies, "explicit_max_ttl": format!("{}s", spec.max_ttl.seconds()),
            "display_name": spec.display_name, "meta": meta, "renewable": false,
        }));
        let made = self.as_broker(&self.issuing, &call).await?.read::<Anything>(&call)?;
        let auth = made.auth.ok_or_else(|| Fault::new(FaultKind::Ambiguous, "the engine made a token and kept it"))?;
        let (token, accessor) = (Secret::from_text(auth.client_token), Accessor(auth.accessor));
        match self.check_token(spec, &accessor, entry).await {
            Ok(expires) => Ok(MadeToken { token, accessor, expires, engine_request: made.request_id }),
            Err(fault) => {
                // It has drawn nothing and ends by itself; this only makes it sooner.
                let _ended = self.end_token(&accessor, entry).await;
                Err(fault)
            }
        }
    }

    /// The token role takes names of policies that do not exist yet, and whoever writes them later
    /// would widen a token that is already out.
    async fn check_policy(&self, name: &str, entry: Option<u64>) -> Result<(), Fault> {
        let call =
            Call::new("looking for a policy", Effect::Looks, RequestMethod::GET, format!("sys/policies/acl/{name}"));
        match self.as_broker(&self.issuing, &call.entry(entry)).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.kind == FaultKind::NotFound => {
                Err(Fault::new(FaultKind::Permanent, format!("the engine has no policy {name}; write it first")))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The engine's own word on what it made: exactly these policies, no parent, and an end in time.
    async fn check_token(&self, spec: &TokenSpec, accessor: &Accessor, entry: Option<u64>) -> Result<Time, Fault> {
        let seen = self.look_up_accessor(accessor, entry).await?;
        let end = seen.expire_time.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let end = end.map(|end| Time::from_unix_micros(end.as_microsecond()));
        let asked: BTreeSet<&str> = spec.policies.iter().map(String::as_str).collect();
        let got: BTreeSet<&str> = seen.policies.iter().map(String::as_str).collect();
        match end {
            Some(end) if seen.orphan && asked == got => Ok(end),
            _ => Err(Fault::new(
                FaultKind::Permanent,
                "the token role leasehold-task does not make the tokens that were asked for",
            )),
        }
    }

    async fn look_up_accessor(&self, accessor: &Accessor, entry: Option<u64>) -> Result<TokenData, Fault> {
        let call = Call::new("looking up a token", Effect::Looks, RequestMethod::POST, "auth/token/lookup-accessor");
        let call = call.entry(entry).body(json!({ "accessor": accessor.0 }));
        let seen = self.as_broker(&self.ending, &call).await?.read::<TokenData>(&call)?.data;
        seen.ok_or_else(|| Fault::new(FaultKind::Transient, "the engine's answer to looking up a token is empty"))
    }

    pub(super) async fn end_token(&self, accessor: &Accessor, entry: Option<u64>) -> Result<(), Fault> {
        let call = Call::new("ending a token", Effect::Changes, RequestMethod::POST, "auth/token/revoke-accessor");
        let call = call.entry(entry).body(json!({ "accessor": accessor.0 }));
        match self.as_broker(&self.ending, &call).await {
            Err(fault) if fault.kind == FaultKind::Permanent => return self.nudge(accessor, entry, fault).await,
            Err(fault) if fault.kind != FaultKind::NotFound => return Err(fault),
            _ => {}
        }
        for pause in GONE_LOOKS {
            match self.look_up_accessor(accessor, entry).await {
                Err(fault) if fault.kind == FaultKind::NotFound => return Ok(()),
                Err(fault) => return Err(fault),
                Ok(_) => tokio::time::sleep(pause).await,
            }
        }
        Err(Fault::new(FaultKind::Transient, "the engine still knows a token that it was told to end"))
    }

    /// A token that ran out while one of its leases could not be revoked is refused by OpenBao 2.7.2 as an
    /// "invalid request" again and again, until somebody looks it up; the next try then finds it gone.
    async fn nudge(&self, accessor: &Accessor, entry: Option<u64>, refusal: Fault) -> Result<(), Fault> {
        match self.look_up_accessor(accessor, entry).await {
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(()),
            _ => Err(refusal),
        }
    }

    pub(super) async fn own_value(&self, policy: &str, path: &str, field: &str) -> Result<Secret, Fault> {
        let spec = TokenSpec {
            policies: vec![policy.to_owned()],
            max_ttl: OWN_TOKEN_TTL,
            display_name: "leasehold-own".into(),
            meta: vec![("purpose".into(), "own-value".into())],
        };
        let made = self.make_token(&spec, None).await?;
        let read = self.read_field(&made.token, path, field).await;
        // Drawn or not, the token has done its work; if this fails it ends within a minute.
        let _ended = self.end_token(&made.accessor, None).await;
        read
    }

    async fn read_field(&self, token: &Secret, path: &str, field: &str) -> Result<Secret, Fault> {
        let call = Call::new("reading a value of our own", Effect::Looks, RequestMethod::GET, path);
        let answer = self.issuing.send(&call, Some(token)).await?.or_fault(&call)?;
        let missing = || Fault::new(FaultKind::Permanent, format!("the value at {path} has no text field {field}"));
        let value = answer.read::<ValueData>(&call)?.data.ok_or_else(missing)?.data;
        let mut fields: std::collections::BTreeMap<String, Value> =
            serde_json::from_slice(value.reveal()).map_err(|_| missing())?;
        match fields.remove(field) {
            Some(Value::String(text)) => Ok(Secret::from_text(text)),
            _ => Err(missing()),
        }
    }
}

/// Pauses between looks at a token that should be gone: about two seconds in all.
const GONE_LOOKS: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_millis(1_000),
];
/// Long enough for one read.
const OWN_TOKEN_TTL: Span = Span::from_seconds(60);
