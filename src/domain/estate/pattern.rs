//! Which identities an agent has: one SPIFFE ID, or all IDs below one.

use crate::base::SpiffeId;
use crate::base::spiffe_id::SpiffeIdError;
use crate::base::text_form::text_form;
use std::fmt;

/// A SPIFFE ID, or a SPIFFE ID followed by `/*` for one or more further segments. Nothing matches
/// a whole trust domain: at least one segment is always fixed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdPattern {
    stem: SpiffeId,
    below: bool,
}

/// Text that is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    /// The fixed part is not a SPIFFE ID with a path.
    #[error("{0}")]
    Id(#[from] SpiffeIdError),
    /// A `*` elsewhere than as the last segment.
    #[error("a pattern may hold * only as its last segment, after at least one fixed segment")]
    Star,
}

const BELOW: &str = "/*";

impl IdPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`NotAPattern`] by the clause it breaks.
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        let (stem, below) = text.strip_suffix(BELOW).map_or((text, false), |stem| (stem, true));
        match SpiffeId::parse(stem) {
            Ok(stem) => Ok(Self { stem, below }),
            Err(_) if text.contains('*') => Err(NotAPattern::Star),
            Err(no) => Err(no.into()),
        }
    }

    /// Whether it is the identity of this agent.
    #[must_use]
    pub fn matches(&self, id: &SpiffeId) -> bool {
        if self.below { is_below(id, &self.stem) } else { *id == self.stem }
    }

    /// Whether some identity matches both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let covers = |upper: &Self, lower: &Self| upper.below && is_below(&lower.stem, &upper.stem);
        (self.stem == other.stem && self.below == other.below) || covers(self, other) || covers(other, self)
    }

    /// The fixed part.
    #[must_use]
    pub fn stem(&self) -> &SpiffeId {
        &self.stem
    }

    /// Whether it stands for the IDs below its fixed part, not for the part itself.
    #[must_use]
    pub fn is_below_stem(&self) -> bool {
        self.below
    }
}

/// Whether `id` is `stem` and at least one further segment.
fn is_below(id: &SpiffeId, stem: &SpiffeId) -> bool {
    id.as_str().strip_prefix(stem.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

impl fmt::Display for IdPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, if self.below { BELOW } else { "" })
    }
}

text_form!(IdPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> IdPattern {
        IdPattern::parse(text).unwrap()
    }

    fn id(text: &str) -> SpiffeId {
        SpiffeId::parse(text).unwrap()
    }

    #[test]
    fn a_plain_id_matches_itself_only() {
        let billing = pattern("spiffe://example.org/agent/billing");
        assert!(billing.matches(&id("spiffe://example.org/agent/billing")));
        for other in
            ["spiffe://example.org/agent/billing/1", "spiffe://example.org/agent", "spiffe://example.com/agent/billing"]
        {
            assert!(!billing.matches(&id(other)), "{other}");
        }
    }

    #[test]
    fn a_star_stands_for_one_or_more_segments() {
        let fleet = pattern("spiffe://example.org/fleet/*");
        assert!(fleet.matches(&id("spiffe://example.org/fleet/a")));
        assert!(fleet.matches(&id("spiffe://example.org/fleet/a/b")));
        for other in ["spiffe://example.org/fleet", "spiffe://example.org/fleets/a", "spiffe://example.com/fleet/a"] {
            assert!(!fleet.matches(&id(other)), "{other}");
        }
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        assert!(IdPattern::parse("spiffe://example.org/agent/*").is_ok());
        for text in [
            "spiffe://example.org/*",
            "spiffe://*/agent",
            "spiffe://example.org/a*",
            "spiffe://example.org/*/a",
            "spiffe://example.org/a/**",
            "*",
            "/*",
        ] {
            assert_eq!(IdPattern::parse(text), Err(NotAPattern::Star), "{text}");
        }
        assert_eq!(IdPattern::parse("spiffe://Example.org/a"), Err(NotAPattern::Id(SpiffeIdError::TrustDomain)));
    }

    #[test]
    fn overlap_is_a_shared_identity() {
        let cases = [
            ("spiffe://e/a", "spiffe://e/a", true),
            ("spiffe://e/a", "spiffe://e/b", false),
            ("spiffe://e/a", "spiffe://e/a/*", false),
            ("spiffe://e/a/b", "spiffe://e/a/*", true),
            ("spiffe://e/a/b/*", "spiffe://e/a/*", true),
            ("spiffe://e/a/*", "spiffe://e/a/*", true),
            ("spiffe://e/a/*", "spiffe://e/ab/*", false),
            ("spiffe://e/ab/c", "spiffe://e/a/*", false),
        ];
        for (a, b, overlap) in cases {
            assert_eq!(pattern(a).overlaps(&pattern(b)), overlap, "{a} {b}");
            assert_eq!(pattern(b).overlaps(&pattern(a)), overlap, "{b} {a}");
        }
    }
}
