//! SPIFFE IDs, read strictly (SPIFFE-ID.md §2): byte-wise comparison, no normalisation.
//!
//! Where the specification says both "host MUST be lower case" (§2.1) and "case-insensitive"
//! (§2.4) we refuse upper case: two spellings of one name have no place in evidence.

use super::text_form::text_form;
use std::fmt;
use std::sync::Arc;

/// The name of a trust domain: 1 to 255 bytes of `[a-z0-9._-]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

/// A SPIFFE ID with a path: `spiffe://<trust domain>/<segment>…`, up to 2,048 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: Arc<str>,
    path_start: usize,
}

/// Why a text is not a SPIFFE ID, by the clause it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    /// More than 2,048 bytes (§2.3).
    #[error("a SPIFFE ID is at most 2048 bytes")]
    TooLong,
    /// Does not begin with `spiffe://` (§2).
    #[error("a SPIFFE ID begins with spiffe://")]
    Scheme,
    /// Trust domain empty, over 255 bytes, or with other characters than `[a-z0-9._-]` (§2.1, §2.3).
    #[error("a trust domain is 1 to 255 characters of a-z, 0-9, dot, dash and underscore")]
    TrustDomain,
    /// No path: names the trust domain itself, not a workload.
    #[error("a workload's SPIFFE ID has a path")]
    NoPath,
    /// An empty segment or a trailing slash (§2.2).
    #[error("a SPIFFE ID path has no empty segment and no trailing slash")]
    EmptySegment,
    /// A `.` or `..` segment (§2.2).
    #[error("a SPIFFE ID path has no relative segment")]
    RelativeSegment,
    /// A path character outside `[a-zA-Z0-9._-]` (§2.2), which includes `%`, `?` and `#`.
    #[error("a SPIFFE ID path holds only letters, digits, dot, dash and underscore")]
    PathCharacter,
}

const SCHEME: &str = "spiffe://";
const ID_BYTES_MAX: usize = 2_048;
const TRUST_DOMAIN_BYTES_MAX: usize = 255;

impl TrustDomain {
    /// Reads a bare trust domain name.
    ///
    /// # Errors
    /// [`SpiffeIdError::TrustDomain`] if a byte or the length is out of bounds.
    pub fn parse(name: &str) -> Result<Self, SpiffeIdError> {
        let fits = (1..=TRUST_DOMAIN_BYTES_MAX).contains(&name.len());
        let plain = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
        if fits && plain { Ok(Self(name.into())) } else { Err(SpiffeIdError::TrustDomain) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SpiffeId {
    /// Reads a SPIFFE ID with a path.
    ///
    /// # Errors
    /// The first clause of [`SpiffeIdError`] that the text breaks.
    pub fn parse(text: &str) -> Result<Self, SpiffeIdError> {
        if text.len() > ID_BYTES_MAX {
            return Err(SpiffeIdError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
        TrustDomain::parse(domain)?;
        if domain.len() == rest.len() {
            return Err(SpiffeIdError::NoPath);
        }
        for segment in path.split('/') {
            check_segment(segment)?;
        }
        Ok(Self { text: text.into(), path_start: SCHEME.len() + domain.len() })
    }

    /// The trust domain that must vouch for this id.
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain {
        TrustDomain(self.text.get(SCHEME.len()..self.path_start).unwrap_or_default().into())
    }

    /// The path, with its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(self.path_start..).unwrap_or_default()
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check_segment(segment: &str) -> Result<(), SpiffeIdError> {
    match segment {
        "" => Err(SpiffeIdError::EmptySegment),
        "." | ".." => Err(SpiffeIdError::RelativeSegment),
        _ if segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) => Ok(()),
        _ => Err(SpiffeIdError::PathCharacter),
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_form!(TrustDomain, SpiffeId);

#[cfg(test)]
mod tests {
    use super::*;
    use SpiffeIdError as E;

    #[test]
    fn a_plain_id_is_read_and_kept_as_written() {
        let id = SpiffeId::parse("spiffe://example.org/agent/Billing-bot_1.0").unwrap();
        assert_eq!(id.trust_domain().as_str(), "example.org");
        assert_eq!(id.path(), "/agent/Billing-bot_1.0");
        assert_eq!(id.to_string(), "spiffe://example.org/agent/Billing-bot_1.0");
    }

    #[test]
    fn every_clause_is_refused_by_its_own_name() {
        let cases = [
            ("", E::Scheme),
            ("https://example.org/a", E::Scheme),
            ("SPIFFE://example.org/a", E::Scheme),
            ("spiffe:///a", E::TrustDomain),
            ("spiffe://Example.org/a", E::TrustDomain),
            ("spiffe://user@example.org/a", E::TrustDomain),
            ("spiffe://example.org:8443/a", E::TrustDomain),
            ("spiffe://ex%61mple.org/a", E::TrustDomain),
            ("spiffe://[::1]/a", E::TrustDomain),
            ("spiffe://example.org?q", E::TrustDomain),
            ("spiffe://example.org", E::NoPath),
            ("spiffe://example.org/", E::EmptySegment),
            ("spiffe://example.org/a/", E::EmptySegment),
            ("spiffe://example.org//a", E::EmptySegment),
            ("spiffe://example.org/./a", E::RelativeSegment),
            ("spiffe://example.org/a/..", E::RelativeSegment),
            ("spiffe://example.org/a%2fb", E::PathCharacter),
            ("spiffe://example.org/a?q=1", E::PathCharacter),
            ("spiffe://example.org/a#", E::PathCharacter),
            ("spiffe://example.org/\u{430}", E::PathCharacter),
            ("spiffe://example.org/a\0", E::PathCharacter),
        ];
        for (text, why) in cases {
            assert_eq!(SpiffeId::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn lengths_hold_at_their_edges() {
        let path = |n: usize| format!("spiffe://example.org/{}", "a".repeat(n - 21));
        assert!(SpiffeId::parse(&path(2_048)).is_ok());
        assert_eq!(SpiffeId::parse(&path(2_049)), Err(E::TooLong));
        let domain = |n: usize| format!("spiffe://{}/a", "d".repeat(n));
        assert!(SpiffeId::parse(&domain(255)).is_ok());
        assert_eq!(SpiffeId::parse(&domain(256)), Err(E::TrustDomain));
    }
}
