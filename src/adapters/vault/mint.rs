//! Mint: one call with the task's token. The lease of a database is then renewed down to the step that
//! was ordered, because engines ignore a life asked for on reading; a certificate is asked for with its
//! whole life. What lives longer than was ordered is ended at once, if it can be.

use super::Inner;
use super::answers::{Anything, DatabaseData, SignedData, ValueData};
use super::certificate;
use super::wire::{Call, Effect};
use domain::base::{Secret, Span, SpiffeId, Time};
use ports::{EngineLease, Fault, FaultKind, MintOrder, MintOutcome, Minted};
use rustify::enums::RequestMethod;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;
use vaultrs::api::EndpointResult;

/// The remaining life of a lease, as the engine answered.
pub(super) struct Life {
    pub(super) expires: Time,
    seconds: u64,
    renewable: bool,
}

impl Inner {
    pub(super) async fn mint(&self, token: &Secret, order: &MintOrder, entry: u64) -> Result<MintOutcome, Fault> {
        match order {
            MintOrder::Database { path, ttl } => self.mint_database(token, path, *ttl, entry).await,
            MintOrder::Certificate { path, csr_pem, spiffe_id, ttl } => {
                let call = Call::new("signing a certificate", Effect::Changes, RequestMethod::POST, path.as_str());
                let call = call.place_within(PLACE_MAX);
                let body = json!({ "csr": csr_pem, "uri_sans": spiffe_id, "ttl": format!("{}s", seconds(*ttl)?), "format": "pem" });
                self.mint_certificate(token, call.body(body).entry(entry), spiffe_id, *ttl).await
            }
            MintOrder::KeyValue { path, version } => {
                let mut call =
                    Call::new("reading a value", Effect::Looks, RequestMethod::GET, path.as_str()).entry(entry);
                call.query = version.map(|version| format!("version={version}"));
                self.mint_value(token, &call).await
            }
        }
    }

    async fn mint_database(&self, token: &Secret, path: &str, ttl: Span, entry: u64) -> Result<MintOutcome, Fault> {
        seconds(ttl)?;
        let call = Call::new("minting credentials", Effect::Changes, RequestMethod::GET, path).entry(entry);
        let call = call.place_within(PLACE_MAX);
        let read = self.read_as_task::<DatabaseData>(token, &call).await?;
        let engine_request = read.request_id.clone();
        let (lease, life) = (lease_of(&read), self.life_of(&read));
        let Some(lease) = lease else {
            return Err(Fault::new(FaultKind::Ambiguous, "the engine gave credentials without a lease"));
        };
        let life = match renewal(&lease, ttl, entry) {
            _ if life.seconds <= ttl.seconds() => Ok(life),
            Ok(call) => self.renewed(call).await,
            Err(fault) => Err(fault),
        };
        let life = match life {
            Ok(life) if life.seconds <= ttl.seconds() => life,
            Ok(_) => return Err(self.take_back(&lease, entry, "the engine does not shorten this lease").await),
            Err(_) => return Err(self.take_back(&lease, entry, "the lease could not be shortened").await),
        };
        let Some(data) = read.data else {
            return Err(self.take_back(&lease, entry, "the engine gave a lease without credentials").await);
        };
        let minted = Minted::Database { username: data.username, password: data.password };
        Ok(MintOutcome {
            minted,
            lease: Some(lease),
            expires: Some(life.expires),
            renewable: life.renewable,
            engine_request,
        })
    }

    async fn mint_certificate(
        &self,
        token: &Secret,
        call: Call,
        spiffe_id: &SpiffeId,
        ttl: Span,
    ) -> Result<MintOutcome, Fault> {
        let read = self.read_as_task::<SignedData>(token, &call).await?;
        let engine_request = read.request_id.clone();
        let lease = lease_of(&read);
        let Some(data) = read.data else {
            return Err(Fault::new(FaultKind::Ambiguous, "the engine signed and gave no certificate"));
        };
        let latest = self.clock.read().time.plus(ttl).plus(CLOCK_SKEW_MAX);
        let is_short = match &lease {
            Some(_) => u64::from(read.lease_duration) <= ttl.seconds(),
            // It cannot be ended early: its own end is all that bounds it.
            None => Time::from_unix_seconds(data.expiration) <= latest,
        };
        if !is_short || !certificate::names_only(&data.certificate, spiffe_id) {
            let why = "the engine's role signs other names or a longer life than were asked for";
            return Err(match &lease {
                Some(lease) => self.take_back(lease, call.entry.unwrap_or_default(), why).await,
                // It exists, and nothing can end it: the intent stays open until it is over.
                None => Fault::new(FaultKind::Ambiguous, why),
            });
        }
        let expires = Some(Time::from_unix_seconds(data.expiration));
        let chain_pem = if data.ca_chain.is_empty() { vec![data.issuing_ca] } else { data.ca_chain };
        let minted = Minted::Certificate { certificate_pem: data.certificate, chain_pem, serial: data.serial_number };
        Ok(MintOutcome { minted, lease, expires, renewable: false, engine_request })
    }

    async fn mint_value(&self, token: &Secret, call: &Call) -> Result<MintOutcome, Fault> {
        let read = self.read_as_task::<ValueData>(token, call).await?;
        let data = read.data.ok_or_else(|| Fault::new(FaultKind::NotFound, "the engine holds no value there"))?;
        let minted = Minted::KeyValue { value: data.data, version: data.metadata.version };
        Ok(MintOutcome { minted, lease: None, expires: None, renewable: false, engine_request: read.request_id })
    }

    async fn read_as_task<T: DeserializeOwned>(&self, token: &Secret, call: &Call) -> Result<EndpointResult<T>, Fault> {
        self.issuing.send(call, Some(token)).await?.or_fault(call)?.read(call)
    }

    pub(super) async fn prolong(&self, lease: &EngineLease, increment: Span, entry: u64) -> Result<Life, Fault> {
        let call = renewal(lease, increment, entry)?.place_within(STEP_WITHIN).answer_within(STEP_WITHIN);
        self.renewed(call).await
    }

    async fn renewed(&self, call: Call) -> Result<Life, Fault> {
        let read = self.as_broker(&self.issuing, &call).await?.read::<Anything>(&call)?;
        Ok(self.life_of(&read))
    }

    /// Ends what was minted and cannot be handed out. What is left of it decides the kind.
    async fn take_back(&self, lease: &EngineLease, entry: u64, why: &str) -> Fault {
        match self.revoke(lease, None, entry).await {
            Ok(proof) if proof.gone_after => Fault::new(FaultKind::Permanent, format!("{why}; it was ended again")),
            _ => Fault::new(FaultKind::Ambiguous, format!("{why}; ending it again was not confirmed")),
        }
    }

    /// Read after the answer came, so the recorded end is never before the engine's own.
    fn life_of<T>(&self, read: &EndpointResult<T>) -> Life {
        let seconds = u64::from(read.lease_duration);
        let expires = self.clock.read().time.plus(Span::from_seconds(seconds));
        Life { expires, seconds, renewable: read.renewable }
    }
}

fn lease_of<T>(read: &EndpointResult<T>) -> Option<EngineLease> {
    (!read.lease_id.is_empty()).then(|| EngineLease(read.lease_id.clone()))
}

fn renewal(lease: &EngineLease, increment: Span, entry: u64) -> Result<Call, Fault> {
    let path = format!("sys/leases/renew/{}", lease.0);
    let call = Call::new("renewing a lease", Effect::Changes, RequestMethod::PUT, path).entry(entry);
    // The lease is named in the path only: the policy pins the body, where a name would beat the path.
    Ok(call.body(json!({ "increment": seconds(increment)? })))
}

/// An answer that was lost on its way must not cost the lease its life: of `limits::STEP_AHEAD` this leaves
/// the time for one more try, and a try that took effect without an answer does no harm when repeated.
const STEP_WITHIN: Duration = Duration::from_secs(25);
/// How far the engine's clock may be ahead of ours when it dates a certificate.
const CLOCK_SKEW_MAX: Span = Span::from_seconds(30);
/// A mint leaves soon or never: with the wait for a connection this stays within
/// `limits::MINT_SEND_MAX`, after which an intent without an answer may be closed.
const PLACE_MAX: Duration = Duration::from_secs(2);

/// Engines count whole seconds, and read zero as their own default.
fn seconds(span: Span) -> Result<u64, Fault> {
    match span.seconds() {
        0 => Err(Fault::new(FaultKind::Permanent, "a life shorter than one second cannot be asked of the engine")),
        seconds => Ok(seconds),
    }
}
