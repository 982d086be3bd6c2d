//! The end of a lease: look, revoke and wait for it, look again. A yes alone proves nothing: the
//! engine says yes for leases that never existed.

use super::Inner;
use super::answers::{Anything, Keys};
use super::crl::{Crl, read_crl};
use super::wire::{Call, Effect};
use ports::secret_engine::{CertificateAtEngine, CrlProof};
use ports::{EngineLease, Fault, FaultKind, RevocationProof};
use rustify::enums::RequestMethod;
use serde_json::json;

/// What a look at a lease showed.
struct Seen {
    known: bool,
    engine_request: Option<String>,
}

impl Inner {
    pub(super) async fn revoke(
        &self,
        lease: &EngineLease,
        certificate: Option<&CertificateAtEngine>,
        entry: u64,
    ) -> Result<RevocationProof, Fault> {
        let crl_before = match certificate {
            Some(certificate) => self.crl(certificate).await?,
            None => None,
        };
        let before = self.look_up(lease, entry).await?;
        let path = format!("sys/leases/revoke/{}", lease.0);
        let call = Call::new("revoking a lease", Effect::Changes, RequestMethod::PUT, path).entry(entry);
        // The lease is named in the path only: a name in the body would beat it.
        self.as_broker(&self.ending, &call.body(json!({ "sync": true }))).await?;
        let after = self.look_up(lease, entry).await?;
        let crl = match (certificate, crl_before) {
            (Some(certificate), Some(before)) => self.crl_proof(certificate, &before).await?,
            _ => None,
        };
        let engine_request = after.engine_request.or(before.engine_request);
        Ok(RevocationProof { known_before: before.known, gone_after: !after.known, crl, engine_request })
    }

    async fn look_up(&self, lease: &EngineLease, entry: u64) -> Result<Seen, Fault> {
        let call = Call::new("looking up a lease", Effect::Looks, RequestMethod::PUT, "sys/leases/lookup");
        let call = call.body(json!({ "lease_id": lease.0 })).entry(entry);
        match self.as_broker(&self.ending, &call).await {
            Ok(answer) => Ok(Seen { known: true, engine_request: Some(answer.read::<Anything>(&call)?.request_id) }),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(Seen { known: false, engine_request: None }),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn leases(&self, path: &str) -> Result<Vec<EngineLease>, Fault> {
        let list = format!("sys/leases/lookup/{path}");
        let call = Call::new("listing leases", Effect::Looks, RequestMethod::LIST, list);
        let answer = match self.as_broker(&self.ending, &call).await {
            Ok(answer) => answer,
            // A path without leases.
            Err(fault) if fault.kind == FaultKind::NotFound => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let keys = answer.read::<Keys>(&call)?.data.map(|data| data.keys).unwrap_or_default();
        if keys.iter().any(|key| key.ends_with('/')) {
            return Err(Fault::new(FaultKind::Permanent, "the path of a credential has paths below it"));
        }
        Ok(keys.into_iter().map(|key| EngineLease(format!("{path}/{key}"))).collect())
    }

    /// The mount's present CRL; `None` if it has none or it cannot be read as one.
    async fn crl(&self, certificate: &CertificateAtEngine) -> Result<Option<Crl>, Fault> {
        let path = format!("{}/crl", certificate.mount);
        let call = Call::new("reading a revocation list", Effect::Looks, RequestMethod::GET, path);
        let answer = self.ending.send(&call, None).await?.or_fault(&call)?;
        Ok(read_crl(answer.bytes()))
    }

    async fn crl_proof(&self, certificate: &CertificateAtEngine, before: &Crl) -> Result<Option<CrlProof>, Fault> {
        let Some(now) = self.crl(certificate).await? else { return Ok(None) };
        let proof = CrlProof { number_before: before.number, number: now.number, digest: now.digest };
        Ok(now.lists(&certificate.serial).then_some(proof))
    }
}
