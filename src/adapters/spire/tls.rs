//! TLS configurations on the trust source: TLS 1.3 only, no resumption, no tickets, no early data;
//! the own SVID is looked up and every peer verified at each handshake.

use super::SpireTrust;
use domain::base::SpiffeId;
use domain::reason::{Denial, Reason};
use ports::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConfig, SignatureScheme, version,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whether a caller must present a certificate. One that is presented must verify in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// No certificate, no connection.
    Required,
    /// A caller without may still present a JWT-SVID, request by request.
    Optional,
}

impl SpireTrust {
    /// The listener's configuration. `protocols` for ALPN, such as `h2`; empty: none is negotiated.
    ///
    /// # Errors
    /// If rustls refuses TLS 1.3 with its own provider, which no build of ours does.
    pub fn server_config(
        self: &Arc<Self>,
        clock: Arc<dyn Clock>,
        certificate: ClientCertificate,
        protocols: &[&[u8]],
    ) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = CallerVerifier(PeerVerifier::new(self, &provider, &clock), certificate);
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(PortTime(clock)))
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(OwnSvid(Arc::clone(self))));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // A resumed session would skip the verifier, and with it every change of trust.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }

    /// The configuration to reach a broker: exactly this SPIFFE ID and no other is accepted. DNS
    /// names are not looked at.
    ///
    /// # Errors
    /// As [`SpireTrust::server_config`].
    pub fn client_config(
        self: &Arc<Self>,
        clock: Arc<dyn Clock>,
        broker: SpiffeId,
    ) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = BrokerVerifier(PeerVerifier::new(self, &provider, &clock), broker);
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(PortTime(clock)))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(OwnSvid(Arc::clone(self))));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// What both directions share.
struct PeerVerifier {
    trust: Arc<SpireTrust>,
    algorithms: WebPkiSupportedAlgorithms,
    clock: Arc<dyn Clock>,
}

impl PeerVerifier {
    fn new(trust: &Arc<SpireTrust>, provider: &CryptoProvider, clock: &Arc<dyn Clock>) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { trust: Arc::clone(trust), algorithms, clock: Arc::clone(clock) }
    }

    fn verify(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<SpiffeId, Error> {
        let chain: Vec<_> = std::iter::once(leaf).chain(others).cloned().collect();
        let subject = self.trust.verify_chain(&chain, self.clock.read().time).map_err(refuse)?;
        Ok(subject.id().clone())
    }

    fn signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }
}

/// The listener's side.
#[derive(Debug)]
struct CallerVerifier(PeerVerifier, ClientCertificate);

impl ClientCertVerifier for CallerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.1 == ClientCertificate::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify(leaf, others).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms.supported_schemes()
    }
}

/// The client's side.
#[derive(Debug)]
struct BrokerVerifier(PeerVerifier, SpiffeId);

impl ServerCertVerifier for BrokerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let id = self.0.verify(leaf, others)?;
        if id != self.1 {
            let sentence = format!("the server is {id}, not {}", self.1);
            return Err(refuse(Denial::new(Reason::IdentityMismatch, sentence)));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms.supported_schemes()
    }
}

/// Presents the SVID of this moment; none once it is withdrawn, and then no handshake succeeds.
#[derive(Debug)]
struct OwnSvid(Arc<SpireTrust>);

impl ResolvesServerCert for OwnSvid {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.now_trusted().own_key()
    }
}

impl ResolvesClientCert for OwnSvid {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.now_trusted().own_key()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The clock port as rustls wants it.
struct PortTime(Arc<dyn Clock>);

impl rustls::time_provider::TimeProvider for PortTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.read().time.unix_seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for PortTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortTime")
    }
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerVerifier")
    }
}

/// The reason travels with the failed handshake to whoever counts refusals.
fn refuse(denial: Denial) -> Error {
    Error::Other(OtherError(Arc::new(denial)))
}

fn only_tls13() -> Error {
    Error::General("only TLS 1.3 is spoken here".to_owned())
}
