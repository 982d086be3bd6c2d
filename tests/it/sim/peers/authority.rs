//! The authority of the simulated PKI mount. Ed25519 with a key that never changes: the same request at
//! the same time gives the same certificate.

use leasehold::domain::base::Time;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, IsCa, Issuer, KeyPair,
    SanType, SerialNumber,
};
use std::time::Duration;

/// Made when it is first needed: most simulations sign nothing.
#[derive(Default)]
pub(super) struct Authority(Option<Made>);

struct Made {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(super) struct Signed {
    pub(super) pem: String,
    /// Lower-case hex with colons.
    pub(super) serial: String,
}

impl Authority {
    /// Signs what the request's key, and nothing else of it, says; `None` if it cannot be read.
    pub(super) fn sign(&mut self, csr: &str, uri: &str, number: u64, from: Time, to: Time) -> Option<Signed> {
        let key = CertificateSigningRequestParams::from_pem(csr).ok()?.public_key;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().ok()?)];
        [params.not_before, params.not_after] = [from, to].map(|at| rcgen::date_time_ymd(1970, 1, 1) + seconds(at));
        let serial: Vec<u8> = [0x51].into_iter().chain(number.to_be_bytes()).collect();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let pem = params.signed_by(&key, &self.made().issuer).ok()?.pem();
        let hex: Vec<String> = serial.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Signed { pem, serial: hex.join(":") })
    }

    pub(super) fn pem(&mut self) -> String {
        self.made().pem.clone()
    }

    fn made(&mut self) -> &Made {
        self.0.get_or_insert_with(|| {
            let key = KeyPair::try_from([&ED25519_PKCS8[..], &[7; 32]].concat()).unwrap();
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let pem = params.self_signed(&key).unwrap().pem();
            Made { pem, issuer: Issuer::new(params, key) }
        })
    }
}

fn seconds(time: Time) -> Duration {
    Duration::from_secs(u64::try_from(time.unix_seconds()).unwrap())
}

/// RFC 8410 §7: what stands before the 32 bytes of the key.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
