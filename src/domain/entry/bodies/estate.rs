//! One estate change: a group of items closed by `estate.applied`, in one transaction.

use super::body;
use crate::base::Digest;
use crate::entry::canonical::typed::VERBATIM;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// A JSON object kept as its canonical text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemJson(pub String);

struct Verbatim;

impl Serialize for ItemJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ItemJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(VERBATIM, Verbatim)
    }
}

impl Visitor<'_> for Verbatim {
    type Value = ItemJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canonical bytes, as they stand")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ItemJson, E> {
        Ok(ItemJson(text.to_owned()))
    }
}

body!(
    /// One item, whole.
    ItemSet {
        /// Its fields.
        item: ItemJson,
        /// `agent`, `credential`, `role` or `team`.
        kind: String,
        /// Its name.
        name: String,
    }
);
body!(
    /// One item, gone.
    ItemRemoved {
        /// `agent`, `credential`, `role` or `team`.
        kind: String,
        /// Its name.
        name: String,
    }
);
body!(
    /// How many items of each kind are in force.
    Counts {
        /// Agents.
        agents: u64,
        /// Credentials.
        credentials: u64,
        /// Roles.
        roles: u64,
        /// Teams.
        teams: u64,
    }
);
body!(
    /// Closes the group; everything before it in the group is in force from here.
    Applied {
        /// Counts of the whole estate.
        counts: Counts,
        /// Digest of the whole estate.
        digest: Digest,
        /// Its version, one more than before.
        version: u64,
    }
);
