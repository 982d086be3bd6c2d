//! Names that people give to agents, teams and credentials in the estate.

use super::text_form::text_form;
use std::fmt;
use std::sync::Arc;

/// `[a-z0-9][a-z0-9-]{0,62}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Text that is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 63 characters of a-z, 0-9 and dash, and does not begin with a dash")]
pub struct NotAName;

const BYTES_MAX: usize = 63;

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NotAName`] for other lengths and characters.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let fits = (1..=BYTES_MAX).contains(&text.len()) && !text.starts_with('-');
        let plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits && plain { Ok(Self(text.into())) } else { Err(NotAName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Name);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "ledger-ro", "0", &"a".repeat(63)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "a b", "é", &"a".repeat(64)] {
            assert_eq!(Name::parse(bad), Err(NotAName), "{bad}");
        }
    }
}
