//! A change of the estate, folded from the log: items one by one, then the seal that names version,
//! digest and counts of the whole. What is in force does not move before the seal, and a seal that
//! does not fit is refused: the log is then not what this broker wrote.

use super::{Estate, Item, ItemKind, Items, NotAnItem};
use crate::base::Digest;
use crate::entry::bodies::estate::{Applied, Counts};

/// A change that is not in force yet. A fold that ends while one is open is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    version: u64,
    items: Items,
}

/// Why entries are not a change of this estate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GroupError {
    /// An item that cannot be read.
    #[error("{0}")]
    Item(#[from] NotAnItem),
    /// An item is removed that is not there.
    #[error("the estate has no {kind} {name:?} to remove")]
    NotThere {
        /// Kind, as written.
        kind: String,
        /// Name, as written.
        name: String,
    },
    /// The seal names another version than the next one.
    #[error("the seal names version {sealed}, the group makes version {made}")]
    Version {
        /// As sealed.
        sealed: u64,
        /// As folded.
        made: u64,
    },
    /// The seal names other items than the group left.
    #[error("the seal names digest {sealed}, the items have {made}")]
    Digest {
        /// As sealed.
        sealed: Digest,
        /// As folded.
        made: Digest,
    },
    /// The seal counts other items than the group left.
    #[error("the seal counts {sealed:?}, the items are {made:?}")]
    Counts {
        /// As sealed.
        sealed: Counts,
        /// As folded.
        made: Counts,
    },
}

impl Group {
    pub(super) fn on(estate: &Estate) -> Self {
        Self { version: estate.version + 1, items: estate.items.clone() }
    }

    /// Folds `estate.item_set`.
    ///
    /// # Errors
    /// [`GroupError::Item`].
    pub fn set(&mut self, kind: &str, name: &str, json: &str) -> Result<(), GroupError> {
        self.items.set(Item::read(kind, name, json)?);
        Ok(())
    }

    /// Folds `estate.item_removed`.
    ///
    /// # Errors
    /// [`GroupError::NotThere`].
    pub fn remove(&mut self, kind: &str, name: &str) -> Result<(), GroupError> {
        let removed = ItemKind::parse(kind).ok().and_then(|kind| self.items.remove(kind, name));
        removed.ok_or_else(|| GroupError::NotThere { kind: kind.into(), name: name.into() })
    }

    /// Folds `estate.applied`: the estate that is in force from here.
    ///
    /// # Errors
    /// [`GroupError::Version`], [`GroupError::Counts`], [`GroupError::Digest`].
    pub fn seal(self, applied: &Applied) -> Result<Estate, GroupError> {
        if applied.version != self.version {
            return Err(GroupError::Version { sealed: applied.version, made: self.version });
        }
        let counts = self.items.counts();
        if applied.counts != counts {
            return Err(GroupError::Counts { sealed: applied.counts.clone(), made: counts });
        }
        let estate = Estate::of(self.version, self.items);
        if applied.digest != estate.digest {
            return Err(GroupError::Digest { sealed: applied.digest, made: estate.digest });
        }
        Ok(estate)
    }
}
