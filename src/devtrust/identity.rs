//! A declared identity: whom a socket speaks for. Read once, valid from then on.

use super::DevTrustError;
use domain::base::{Name, SpiffeId};
use std::str::FromStr;

/// Whom one socket of the development trust domain speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    name: Name,
    spiffe_id: SpiffeId,
    dns: Vec<String>,
}

impl Identity {
    /// Declares an identity; `name` becomes the file name `<name>.sock`.
    #[must_use]
    pub fn new(name: Name, spiffe_id: SpiffeId) -> Self {
        Self { name, spiffe_id, dns: Vec::new() }
    }

    /// Adds a DNS name, for clients that match the server's name (gRPC C-core).
    ///
    /// # Errors
    /// [`DevTrustError::Dns`] if it is no DNS name.
    pub fn with_dns(mut self, name: &str) -> Result<Self, DevTrustError> {
        let label = |label: &str| {
            let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (1..=LABEL_BYTES_MAX).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
        };
        if name.len() > DNS_BYTES_MAX || !name.split('.').all(label) {
            return Err(DevTrustError::Dns(name.to_owned()));
        }
        self.dns.push(name.to_owned());
        Ok(self)
    }

    /// The name of the socket.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The SPIFFE ID that it proves.
    #[must_use]
    pub fn spiffe_id(&self) -> &SpiffeId {
        &self.spiffe_id
    }

    /// DNS names beside the SPIFFE ID.
    #[must_use]
    pub fn dns(&self) -> &[String] {
        &self.dns
    }
}

/// The one-line form `name=spiffe://domain/path[:dns=name]…` of the command line and of tests.
impl FromStr for Identity {
    type Err = DevTrustError;

    fn from_str(text: &str) -> Result<Self, DevTrustError> {
        let unreadable = || DevTrustError::Declaration(text.to_owned());
        let (name, rest) = text.split_once('=').ok_or_else(unreadable)?;
        let name = Name::parse(name)?;
        let mut parts = rest.split(":dns=");
        match SpiffeId::parse(parts.next().unwrap_or_default()) {
            Ok(spiffe_id) => parts.try_fold(Self::new(name, spiffe_id), Self::with_dns),
            Err(source) => Err(DevTrustError::SpiffeId { name, source }),
        }
    }
}

/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;
const DNS_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_declares_an_identity() {
        let broker: Identity = "broker=spiffe://example.org/leasehold:dns=leasehold:dns=a.b".parse().unwrap();
        assert_eq!(broker.name(), "broker");
        assert_eq!(broker.spiffe_id().as_str(), "spiffe://example.org/leasehold");
        assert_eq!(broker.dns(), ["leasehold", "a.b"]);
    }

    #[test]
    fn what_declares_nothing_is_refused() {
        let refused = |text: &str| text.parse::<Identity>().unwrap_err();
        assert!("a=spiffe://example.org/a".parse::<Identity>().is_ok());
        assert!(matches!(refused("spiffe://example.org/a"), DevTrustError::Declaration(_)));
        assert!(matches!(refused("a=spiffe://example.org"), DevTrustError::SpiffeId { .. }));
        assert!(matches!(refused("a=spiffe://example.org/a:dns="), DevTrustError::Dns(_)));
        assert!(matches!(refused("a=spiffe://example.org/a:dns=-x"), DevTrustError::Dns(_)));
        for name in ["", "../a", ".a", "A", "a/b"] {
            assert!(matches!(refused(&format!("{name}=spiffe://example.org/a")), DevTrustError::Name(_)), "{name:?}");
        }
    }
}
