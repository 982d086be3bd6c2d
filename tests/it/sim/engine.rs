//! The simulated secret engine behind its port. Each method is the sequence of calls that the real adapter
//! makes (`src/adapters/vault`), each call a room that a fault can stand in, and each absence of an answer
//! means what it means to the adapter. What the peers do with a call is in `sim/peers.rs`.

mod calls;
#[cfg(test)]
mod tests;

pub(crate) use calls::{Outside, Room};

use super::peers::{Drawn, Peers, Standing};
use super::seed::SimClock;
use async_trait::async_trait;
use leasehold::domain::base::{Secret, Span, SpiffeId, Time};
use leasehold::ports::secret_engine::{CertificateAtEngine, CrlProof};
use leasehold::ports::{
    Accessor, EngineHealth, EngineLease, Fault, FaultKind, MadeToken, MintOrder, MintOutcome, Minted, RevocationProof,
    SecretEngine, TokenSpec,
};
use std::collections::BTreeMap;

const POLICY: Room = Room::looks("token.policy");
const MAKE_TOKEN: Room = Room::changes("token.make");
const CHECK_TOKEN: Room = Room::looks("token.check");
const END_TOKEN: Room = Room::changes("token.end");
const LOOK_FOR_TOKEN: Room = Room::looks("token.look");
const MINT_ACCOUNT: Room = Room::changes("mint.account");
const MINT_SHORTEN: Room = Room::changes("mint.shorten");
const MINT_CERTIFICATE: Room = Room::changes("mint.certificate");
const MINT_VALUE: Room = Room::looks("mint.value");
const PROLONG: Room = Room::changes("prolong");
const CRL_BEFORE: Room = Room::looks("revoke.crl_before");
const LOOK_BEFORE: Room = Room::looks("revoke.look_before");
const REVOKE: Room = Room::changes("revoke");
const LOOK_AFTER: Room = Room::looks("revoke.look_after");
const CRL_AFTER: Room = Room::looks("revoke.crl_after");
const LEASES: Room = Room::looks("leases");
const OWN_VALUE: Room = Room::looks("own_value");

/// Pauses of the adapter between looks at a token that should be gone.
const GONE_LOOKS: [u64; 5] = [20, 80, 300, 600, 1_000];

impl Outside {
    async fn look_up(&self, room: Room, lease: &str) -> Result<(bool, Option<String>), Fault> {
        let lease = lease.to_owned();
        match self.call(room, move |peers| peers.look_up(&lease)).await {
            Ok(seen) => Ok((true, Some(seen.request))),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok((false, None)),
            Err(fault) => Err(fault),
        }
    }

    async fn shorten(&self, room: Room, lease: &str, ttl: Span) -> Result<(Time, u64), Fault> {
        let (lease, ttl) = (lease.to_owned(), whole_seconds(ttl)?);
        let seconds = self.call(room, move |peers| peers.renew(&lease, ttl)).await?.data;
        Ok((self.now().plus(Span::from_seconds(seconds)), seconds))
    }

    async fn mint_account(&self, token: &Secret, path: &str, ttl: Span) -> Result<MintOutcome, Fault> {
        whole_seconds(ttl)?;
        let (token, path) = (text(token), path.to_owned());
        let admitted = self.admitted(&token, &path);
        let mint = move |peers: &mut Peers| {
            let (accessor, tag) = admitted.clone().map_err(|sentence| Fault::new(FaultKind::Permanent, sentence))?;
            peers.make_account(&accessor, &tag, &path)
        };
        let read = self.call(MINT_ACCOUNT, mint).await?;
        let Drawn { name, secret, lease, seconds, .. } = read.data;
        let lease = lease.unwrap();
        let mut life = (self.now().plus(Span::from_seconds(seconds)), seconds);
        if seconds > ttl.seconds() {
            life = match self.shorten(MINT_SHORTEN, &lease, ttl).await {
                Ok(life) if life.1 <= ttl.seconds() => life,
                _ => return Err(self.take_back(&lease).await),
            };
        }
        Ok(MintOutcome {
            minted: Minted::Database { username: name, password: Secret::from_text(secret) },
            lease: Some(EngineLease(lease)),
            expires: Some(life.0),
            renewable: true,
            engine_request: read.request,
        })
    }

    async fn take_back(&self, lease: &str) -> Fault {
        match SecretEngine::revoke(self, &EngineLease(lease.to_owned()), None, 0).await {
            Ok(proof) if proof.gone_after => Fault::new(FaultKind::Permanent, "not shortened; it was ended again"),
            _ => Fault::new(FaultKind::Ambiguous, "not shortened; ending it again was not confirmed"),
        }
    }

    async fn mint_certificate(
        &self,
        token: &Secret,
        path: &str,
        csr: &str,
        name: &SpiffeId,
        ttl: Span,
    ) -> Result<MintOutcome, Fault> {
        let (token, path, csr, uri) = (text(token), path.to_owned(), csr.to_owned(), name.to_string());
        let (ttl, admitted) = (whole_seconds(ttl)?, self.admitted(&token, &path));
        let sign = move |peers: &mut Peers| {
            let (accessor, _) = admitted.clone().map_err(|sentence| Fault::new(FaultKind::Permanent, sentence))?;
            peers.sign(&accessor, &path, &csr, &uri, ttl)
        };
        let read = self.call(MINT_CERTIFICATE, sign).await?;
        let (Drawn { name, secret, issuer, lease, .. }, end) = read.data;
        Ok(MintOutcome {
            minted: Minted::Certificate { certificate_pem: secret, chain_pem: vec![issuer], serial: name },
            lease: lease.map(EngineLease),
            expires: Some(end),
            renewable: false,
            engine_request: read.request,
        })
    }

    async fn mint_value(&self, token: &Secret, path: &str, version: Option<u64>) -> Result<MintOutcome, Fault> {
        let (token, path) = (text(token), path.to_owned());
        let read = move |peers: &mut Peers| peers.admit(&token, &path).and_then(|_| peers.read_value(&path, version));
        let read = self.call(MINT_VALUE, read).await?;
        let (value, version) = read.data;
        let minted = Minted::KeyValue { value: Secret::from_text(value), version };
        Ok(MintOutcome { minted, lease: None, expires: None, renewable: false, engine_request: read.request })
    }

    /// Accessor and tag of the token, if it may draw there. The engine asks when the call arrives, however
    /// late it carries it out.
    fn admitted(&self, token: &str, path: &str) -> Result<(String, String), String> {
        self.with(|peers| {
            let accessor = peers.admit(token, path).map_err(|fault| fault.sentence)?;
            let tag = peers.tag_of(&accessor);
            Ok((accessor, tag))
        })
    }
}

#[async_trait]
impl SecretEngine for Outside {
    async fn make_token(&self, spec: &TokenSpec, entry: u64) -> Result<MadeToken, Fault> {
        for policy in spec.policies.clone() {
            let missing = Fault::new(FaultKind::Permanent, "the engine has no such policy; write it first");
            match self.call(POLICY, move |peers| peers.policy(&policy)).await {
                Err(fault) if fault.kind == FaultKind::NotFound => return Err(missing),
                looked => drop(looked?),
            }
        }
        let wanted = spec.clone();
        let made = self.call(MAKE_TOKEN, move |peers| peers.make_token(&wanted)).await?;
        let (token, accessor) = made.data;
        let looked_up = accessor.clone();
        let checked = self.call(CHECK_TOKEN, move |peers| peers.look_up_token(&looked_up)).await;
        let accessor = Accessor(accessor);
        match checked {
            Ok(seen) => Ok(MadeToken {
                token: Secret::from_text(token),
                accessor,
                expires: seen.data,
                engine_request: made.request,
            }),
            Err(fault) => {
                let _ended = self.end_token(&accessor, entry).await;
                Err(fault)
            }
        }
    }

    async fn end_token(&self, accessor: &Accessor, _: u64) -> Result<(), Fault> {
        let Accessor(accessor) = accessor.clone();
        let ended = accessor.clone();
        match self.call(END_TOKEN, move |peers| peers.revoke_token(&ended)).await {
            Err(fault) if fault.kind != FaultKind::NotFound => return Err(fault),
            _ => {}
        }
        for pause in GONE_LOOKS {
            let looked_up = accessor.clone();
            match self.call(LOOK_FOR_TOKEN, move |peers| peers.look_up_token(&looked_up)).await {
                Err(fault) if fault.kind == FaultKind::NotFound => return Ok(()),
                Err(fault) => return Err(fault),
                Ok(_) => SimClock::pass(Span::from_millis(pause)).await,
            }
        }
        Err(Fault::new(FaultKind::Transient, "the engine still knows a token that it was told to end"))
    }

    async fn mint(&self, token: &Secret, order: &MintOrder, _: u64) -> Result<MintOutcome, Fault> {
        match order {
            MintOrder::Database { path, ttl } => self.mint_account(token, path, *ttl).await,
            MintOrder::Certificate { path, csr_pem, spiffe_id, ttl } => {
                self.mint_certificate(token, path, csr_pem, spiffe_id, *ttl).await
            }
            MintOrder::KeyValue { path, version } => self.mint_value(token, path, *version).await,
        }
    }

    async fn prolong(&self, lease: &EngineLease, increment: Span, _: u64) -> Result<Time, Fault> {
        self.shorten(PROLONG, &lease.0, increment).await.map(|(expires, _)| expires)
    }

    async fn revoke(
        &self,
        lease: &EngineLease,
        certificate: Option<&CertificateAtEngine>,
        _: u64,
    ) -> Result<RevocationProof, Fault> {
        let serial = certificate.map(|certificate| certificate.serial.clone());
        let crl = |room, serial: String| self.call(room, move |peers| peers.crl(&serial));
        let number_before = match serial.clone() {
            Some(serial) => crl(CRL_BEFORE, serial).await?.0,
            None => 0,
        };
        let (known_before, request_before) = self.look_up(LOOK_BEFORE, &lease.0).await?;
        let ended = lease.0.clone();
        self.call(REVOKE, move |peers| peers.revoke(&ended)).await?;
        let (known_after, request_after) = self.look_up(LOOK_AFTER, &lease.0).await?;
        let crl = match serial {
            Some(serial) => {
                let (number, digest, listed) = crl(CRL_AFTER, serial).await?;
                listed.then_some(CrlProof { number_before, number, digest })
            }
            None => None,
        };
        let engine_request = request_after.or(request_before);
        Ok(RevocationProof { known_before, gone_after: !known_after, crl, engine_request })
    }

    async fn leases(&self, path: &str) -> Result<Vec<EngineLease>, Fault> {
        let path = path.to_owned();
        let listed = self.call(LEASES, move |peers| peers.list(&path)).await?;
        Ok(listed.into_iter().map(EngineLease).collect())
    }

    async fn own_value(&self, policy: &str, path: &str, field: &str) -> Result<Secret, Fault> {
        let (policies, max_ttl) = (vec![policy.to_owned()], Span::from_seconds(60));
        let spec = TokenSpec { policies, max_ttl, display_name: "leasehold-own".into(), meta: Vec::new() };
        let MadeToken { token, accessor, .. } = self.make_token(&spec, 0).await?;
        let (token, path, field) = (text(&token), path.to_owned(), field.to_owned());
        let read = move |peers: &mut Peers| {
            peers.admit(&token, &path)?;
            let (value, _) = peers.read_value(&path, None)?.data;
            let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(&value).unwrap();
            let text = fields.get(&field).and_then(|value| value.as_str()).map(|text| Secret::from_text(text.into()));
            text.ok_or_else(|| Fault::new(FaultKind::Permanent, "the value has no such text field"))
        };
        let read = self.call(OWN_VALUE, read).await;
        let _ended = self.end_token(&accessor, 0).await;
        read
    }

    async fn health(&self) -> EngineHealth {
        match self.with(|peers| peers.standing) {
            Standing::Ready => EngineHealth::Ready,
            Standing::Sealed => EngineHealth::Unready("the engine is sealed".into()),
            Standing::Away => EngineHealth::Unreachable("the engine cannot be reached".into()),
        }
    }
}

fn text(secret: &Secret) -> String {
    secret.reveal_text().unwrap().to_owned()
}

/// Engines count whole seconds, and read zero as their own default.
fn whole_seconds(span: Span) -> Result<Span, Fault> {
    match span.seconds() {
        0 => Err(Fault::new(FaultKind::Permanent, "a life shorter than one second cannot be asked of the engine")),
        seconds => Ok(Span::from_seconds(seconds)),
    }
}
