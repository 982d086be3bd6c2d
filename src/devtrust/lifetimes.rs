//! How long SVIDs live, and from that when they are renewed.

use super::DevTrustError;
use domain::base::Span;
use std::time::Duration;

/// How long SVIDs live. The default is SPIRE's: one hour for X.509, five minutes for JWT.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    x509: Span,
    jwt: Span,
}

impl Lifetimes {
    /// Lifetimes of X.509-SVIDs and JWT-SVIDs. Issued ones are rounded up to whole seconds.
    ///
    /// # Errors
    /// [`DevTrustError::Lifetime`] outside of 1 second to 24 hours.
    pub fn new(x509: Span, jwt: Span) -> Result<Self, DevTrustError> {
        let fits = |ttl: Span| (1..=SECONDS_MAX).contains(&ttl.seconds());
        if fits(x509) && fits(jwt) { Ok(Self { x509, jwt }) } else { Err(DevTrustError::Lifetime) }
    }

    pub(super) fn x509(self) -> Span {
        self.x509
    }

    pub(super) fn jwt(self) -> Span {
        self.jwt
    }

    pub(super) fn longest(self) -> Span {
        self.x509.max(self.jwt)
    }

    /// How long after its issue an X.509-SVID is due for renewal; one look later is still before
    /// half of its life.
    pub(super) fn renew_after(self) -> Span {
        Span::from_millis(self.x509_millis() * 2 / 5)
    }

    /// How often to look what is due. Short steps on the wall clock, because a laptop that was
    /// suspended must not serve an expired SVID for long.
    pub(super) fn look_every(self) -> Duration {
        Duration::from_millis(self.x509_millis() / 12).min(LOOK_EVERY_MAX)
    }

    fn x509_millis(self) -> u64 {
        self.x509.seconds().saturating_mul(1_000)
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { x509: Span::from_seconds(60 * 60), jwt: Span::from_seconds(5 * 60) }
    }
}

const SECONDS_MAX: u64 = 24 * 60 * 60;
const LOOK_EVERY_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_hold_at_their_edges() {
        let second = Span::from_seconds(1);
        let day = Span::from_seconds(SECONDS_MAX);
        assert!(Lifetimes::new(second, day).is_ok() && Lifetimes::new(day, second).is_ok());
        assert!(Lifetimes::new(Span::from_millis(999), second).is_err());
        assert!(Lifetimes::new(second, Span::from_seconds(SECONDS_MAX + 1)).is_err());
    }

    #[test]
    fn renewal_comes_before_half_of_the_life() {
        for seconds in [1, 2, 60, 3_600, SECONDS_MAX] {
            let ttl = Span::from_seconds(seconds);
            let lifetimes = Lifetimes::new(ttl, ttl).unwrap();
            let latest = lifetimes.renew_after().to_std() + lifetimes.look_every();
            assert!(latest < ttl.to_std() / 2, "{seconds} s: {latest:?}");
        }
    }
}
