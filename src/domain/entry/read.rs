//! Reads an entry in one pass. Its keys ascend, so the type and the version are known when the type's
//! own fields come: they are read as what they are, and nothing is kept to be read again.

use super::{Actor, Body, Commitments, RequestMark, VERSION};
use crate::base::Time;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// An entry as it was read.
pub(super) struct Read<'a> {
    pub(super) actor: Actor,
    pub(super) cause: Option<u64>,
    pub(super) commitments: Commitments,
    pub(super) request: Option<RequestMark>,
    pub(super) time: Time,
    pub(super) kind: &'a str,
    pub(super) version: u64,
    /// `None` for a type or a version that is not known.
    pub(super) body: Option<Body>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Actor,
    Cause,
    Commitments,
    Request,
    Time,
    Type,
    V,
    What,
}

struct Keys;

/// Reads the fields of the type that was named before them.
struct Fields<'a> {
    kind: &'a str,
    version: u64,
}

impl<'de> Deserialize<'de> for Read<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read<'de>, A::Error> {
        let (mut actor, mut cause, mut commitments, mut request) = (None, None, Commitments::new(), None);
        let (mut time, mut kind, mut version) = (None, None, None);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Actor => actor = Some(map.next_value()?),
                Key::Cause => cause = Some(map.next_value()?),
                Key::Commitments => {
                    commitments = map.next_value()?;
                    if commitments.is_empty() {
                        return Err(A::Error::custom("commitments without one are left out"));
                    }
                }
                Key::Request => request = Some(map.next_value()?),
                Key::Time => time = Some(map.next_value()?),
                Key::Type => kind = Some(map.next_value::<&'de str>()?),
                Key::V => version = Some(map.next_value()?),
                Key::What => {
                    let actor = actor.ok_or_else(|| A::Error::missing_field("actor"))?;
                    let time = time.ok_or_else(|| A::Error::missing_field("time"))?;
                    let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
                    let version = version.ok_or_else(|| A::Error::missing_field("v"))?;
                    let body = map.next_value_seed(Fields { kind, version })?;
                    // Keys ascend: `what` is the last. The map is asked once more, so that it ends.
                    if map.next_key::<IgnoredAny>()?.is_some() {
                        return Err(A::Error::custom("a key behind `what`"));
                    }
                    return Ok(Read { actor, cause, commitments, request, time, kind, version, body });
                }
            }
        }
        Err(A::Error::missing_field("what"))
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'de> {
    type Value = Option<Body>;

    fn deserialize<D: Deserializer<'de>>(self, what: D) -> Result<Option<Body>, D::Error> {
        if self.version != VERSION {
            return IgnoredAny::deserialize(what).map(|_| None);
        }
        Body::read(self.kind, what)
    }
}
