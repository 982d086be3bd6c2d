//! What can go wrong in the development trust domain. Never carries a key or a token.

use domain::base::name::NotAName;
use domain::base::spiffe_id::SpiffeIdError;
use domain::base::{Name, TrustDomain};
use std::path::PathBuf;

/// Why the development trust domain could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DevTrustError {
    /// A name that cannot be a socket's file name.
    #[error("an identity cannot have this name")]
    Name(#[from] NotAName),
    /// Not `name=spiffe://domain/path[:dns=name]…`.
    #[error("{0:?} does not declare an identity: write name=spiffe://domain/path, then :dns=name for each DNS name")]
    Declaration(String),
    /// A SPIFFE ID that breaks the standard.
    #[error("the identity {name} has no valid SPIFFE ID")]
    SpiffeId {
        /// Which identity.
        name: Name,
        /// Which clause.
        source: SpiffeIdError,
    },
    /// A DNS name that cannot stand in a certificate.
    #[error("{0:?} is not a DNS name: use letters, digits, dash and dot")]
    Dns(String),
    /// A lifetime outside of what the issuer serves.
    #[error("an SVID lives for 1 second to 24 hours")]
    Lifetime,
    /// More identities than one development trust domain serves.
    #[error("a development trust domain serves at most {max} identities")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// A trust domain that this process does not issue for.
    #[error("no authority here for the trust domain {0}: federate with it first")]
    UnknownDomain(TrustDomain),
    /// An identity that is not declared.
    #[error("the identity {0:?} is not declared")]
    UnknownIdentity(String),
    /// Someone listens on the socket already.
    #[error("another development trust domain serves {}: stop it, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// Something that is not a socket is in the way.
    #[error("{} is not a socket and is in the way: move it, or choose another directory", .0.display())]
    InTheWay(PathBuf),
    /// A file, socket or port could not be had.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A token or its key could not be made.
    #[error("cannot make a JWT-SVID")]
    Token(#[from] jsonwebtoken::errors::Error),
}

impl DevTrustError {
    /// Says what was tried, for `map_err`.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
