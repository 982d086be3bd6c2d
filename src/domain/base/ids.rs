//! Ids that the broker gives: time-ordered UUIDs (version 7) with a word in front, such as
//! `task-0193…`. Time and chance are arguments; nothing here reads a clock.

use super::text_form::text_form;
use super::time::Time;
use std::fmt;
use uuid::Uuid;

/// Text that is not an id of the expected kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected {expected}")]
pub struct NotAnId {
    expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Uuid);

        // The order of the bytes, in one comparison: every map of the state is asked by it.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.as_u128().cmp(&other.0.as_u128())
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// A new id: `at` in its upper bits, `chance` below. 80 bits of chance, of which 74 are used.
            #[must_use]
            pub fn new(at: Time, chance: [u8; 10]) -> Self {
                let millis = u64::try_from(at.unix_micros() / 1_000).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid())
            }

            /// The id of these bytes: every 16 bytes are one.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads the one text form.
            ///
            /// # Errors
            /// [`NotAnId`] for another prefix, upper case or a malformed UUID.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                let no = NotAnId { expected: concat!($prefix, " followed by a lower-case UUID") };
                let Some(rest) = text.strip_prefix($prefix) else { return Err(no) };
                read_uuid(rest).map(Self).ok_or(no)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        text_form!($name);
    };
}

id!(
    /// A task.
    TaskId,
    "task-"
);
id!(
    /// A lease: our record of one live secret.
    LeaseId,
    "lease-"
);
id!(
    /// A connection to the broker, for as long as it stands.
    ConnectionId,
    "conn-"
);

/// The caller's name for one changing call (AIP-155): a random UUID. Kept nowhere; only digests
/// that contain it are stored, so it also serves as their salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Reads a lower-case hyphenated UUID that is neither nil nor of a version without chance.
    ///
    /// # Errors
    /// [`NotAnId`] for everything else.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let no = NotAnId { expected: "a lower-case random UUID (version 4 or 7)" };
        read_uuid(text).filter(|uuid| matches!(uuid.get_version_num(), 4 | 7)).map(Self).ok_or(no)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// A UUID in its lower-case, hyphenated form.
fn read_uuid(text: &str) -> Option<Uuid> {
    // Of the forms that the library reads, one alone has this length.
    let is_spelled_so =
        text.len() == uuid::fmt::Hyphenated::LENGTH && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    is_spelled_so.then(|| Uuid::try_parse(text).ok()).flatten()
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_time_and_have_one_spelling() {
        let early = TaskId::new(Time::from_unix_seconds(1_700_000_000), [0xff; 10]);
        let late = TaskId::new(Time::from_unix_seconds(1_700_000_001), [0; 10]);
        assert!(early < late);
        assert_eq!(TaskId::parse(&early.to_string()), Ok(early));
        assert!(TaskId::parse(&early.to_string().to_uppercase()).is_err());
        assert!(LeaseId::parse(&early.to_string()).is_err());
    }

    #[test]
    fn a_request_id_must_hold_chance() {
        assert!(RequestId::parse("7f1b4c1e-6a52-4a53-9a4e-0d5f3a1c2b7d").is_ok());
        assert!(RequestId::parse("00000000-0000-0000-0000-000000000000").is_err());
        assert!(RequestId::parse("7F1B4C1E-6A52-4A53-9A4E-0D5F3A1C2B7D").is_err());
    }
}
