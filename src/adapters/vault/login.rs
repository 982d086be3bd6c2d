//! Who the broker is to the engine: a token got for its own JWT-SVID, fetched anew before it ends
//! and when the engine no longer takes it. Held in memory only.

use super::answers::Anything;
use super::wire::{Answer, Call, Complaint, Effect, Wire};
use super::{Inner, VaultAuth};
use domain::base::{Secret, Span, Time};
use ports::{Clock, EngineHealth, Fault, FaultKind};
use rustify::enums::RequestMethod;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The login and its present token.
pub(super) struct Login {
    auth: VaultAuth,
    clock: Arc<dyn Clock>,
    /// Held while logging in, so that a hundred callers log in once.
    present: Mutex<Option<Present>>,
}

#[derive(Clone)]
struct Present {
    token: Arc<Secret>,
    /// From then on a new one is fetched.
    stale_at: Time,
    ends_at: Time,
}

impl Login {
    pub(super) fn new(auth: VaultAuth, clock: Arc<dyn Clock>) -> Self {
        Self { auth, clock, present: Mutex::new(None) }
    }

    /// A token that should be good now. One that was `refused` is not given again.
    async fn token(&self, wire: &Wire, refused: Option<&Arc<Secret>>) -> Result<Arc<Secret>, Fault> {
        let mut present = self.present.lock().await;
        let now = self.clock.read().time;
        if refused.is_some_and(|refused| present.as_ref().is_some_and(|held| Arc::ptr_eq(refused, &held.token))) {
            *present = None;
        }
        if let Some(fresh) = present.as_ref().filter(|present| now < present.stale_at) {
            return Ok(Arc::clone(&fresh.token));
        }
        match self.log_in(wire).await {
            Ok(new) => Ok(Arc::clone(&present.insert(new).token)),
            // Better an old token that still lives than none, while our own identity is being renewed.
            Err(fault) => match present.as_ref().filter(|old| now < old.ends_at) {
                Some(old) => Ok(Arc::clone(&old.token)),
                None => Err(fault),
            },
        }
    }

    async fn log_in(&self, wire: &Wire) -> Result<Present, Fault> {
        let (mount, role, svid) = match &self.auth {
            VaultAuth::DangerToken(token) => return Ok(Present::for_ever(token)),
            VaultAuth::Jwt { mount, role, audience, supplier } => (mount, role, supplier(audience).await?),
        };
        let call = Call::new("logging in", Effect::Looks, RequestMethod::POST, format!("auth/{mount}/login"));
        let call = call.body(json!({ "role": role, "jwt": svid.reveal_text().unwrap_or_default() }));
        let answer = wire.send(&call, None).await?.or_fault(&call)?;
        let auth = answer.read::<Anything>(&call)?.auth;
        let auth = auth.ok_or_else(|| Fault::new(FaultKind::Permanent, "the engine's login gave no token"))?;
        let now = self.clock.read().time;
        Ok(Present {
            token: Arc::new(Secret::from_text(auth.client_token)),
            stale_at: now.plus(Span::from_seconds(auth.lease_duration * 2 / 3)),
            ends_at: now.plus(Span::from_seconds(auth.lease_duration)),
        })
    }
}

impl Present {
    fn for_ever(token: &Secret) -> Self {
        let never = Time::from_unix_micros(i64::MAX);
        Self { token: Arc::new(Secret::new(token.reveal().to_vec())), stale_at: never, ends_at: never }
    }
}

impl Inner {
    /// Makes a call as the broker. If the engine does not take our token, logs in and asks once more:
    /// a call that was refused at the door has done nothing.
    pub(super) async fn as_broker(&self, wire: &Wire, call: &Call) -> Result<Answer, Fault> {
        let token = self.login.token(wire, None).await?;
        let answer = wire.send(call, Some(&token)).await?;
        // Vault also answers 403 about an accessor that is gone: that is a word on the accessor, not on us.
        if answer.status != 403 || answer.complaint() == Complaint::InvalidAccessor {
            return answer.or_fault(call);
        }
        let token = self.login.token(wire, Some(&token)).await?;
        wire.send(call, Some(&token)).await?.or_fault(call)
    }

    pub(super) async fn health(&self) -> EngineHealth {
        let call = Call::new("asking for its health", Effect::Looks, RequestMethod::GET, "sys/health");
        let answer = match self.ending.send(&call, None).await {
            Ok(answer) => answer,
            Err(fault) => return EngineHealth::Unreachable(fault.sentence),
        };
        let why = match answer.status {
            200 => return self.login_health().await,
            429 | 472 | 473 => "the engine is a standby; name its active node in vault.address",
            501 => "the engine is not initialised",
            503 => "the engine is sealed",
            _ => "the engine does not know whether it is well",
        };
        EngineHealth::Unready(why.into())
    }

    async fn login_health(&self) -> EngineHealth {
        match self.login.token(&self.ending, None).await {
            Ok(_) => EngineHealth::Ready,
            Err(fault) => EngineHealth::Unready(fault.sentence),
        }
    }
}
