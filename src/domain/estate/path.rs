//! Where a credential lives in the engine, in typed segments, so that no name in an estate can
//! smuggle a wildcard, a quote or a parent directory into a policy or a request (threat T29).

use super::item::Kind;
use crate::base::text_form::text_form;
use std::fmt;
use std::sync::Arc;

/// A path in the engine: segments of `[A-Za-z0-9._-]`, none of only dots, joined by `/`; 2 to 16
/// segments, up to 512 bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnginePath(Arc<str>);

/// Text that is not a path for a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPath {
    /// Too long, or too many or too few segments.
    #[error("a path has 2 to 16 segments and at most 512 characters")]
    Length,
    /// An empty segment: a slash at an end, or two in a row.
    #[error("a path has no slash at its ends and no two in a row")]
    EmptySegment,
    /// Another character than `[A-Za-z0-9._-]`, or a segment of only dots.
    #[error("a path segment holds only letters, digits, dot, dash and underscore, and not only dots")]
    Segment,
    /// A mount that belongs to the engine itself.
    #[error("a path does not begin with auth, cubbyhole, identity or sys")]
    Reserved,
    /// Not of the shape that the kind asks for.
    #[error("{}", shape(*.0))]
    Shape(Kind),
}

const BYTES_MAX: usize = 512;
const SEGMENTS_MAX: usize = 16;
const RESERVED: [&str; 4] = ["auth", "cubbyhole", "identity", "sys"];
/// What ends the mount of an engine. No mount holds one of these after its first segment, so that a
/// path has the shape of one kind at most, and no leased path lies below another.
const MARKERS: [&str; 3] = ["creds", "data", "sign"];

impl EnginePath {
    /// Reads a path of any kind.
    ///
    /// # Errors
    /// [`NotAPath`] by the clause it breaks.
    pub fn parse(text: &str) -> Result<Self, NotAPath> {
        let segments = text.split('/');
        if text.len() > BYTES_MAX || !(2..=SEGMENTS_MAX).contains(&segments.clone().count()) {
            return Err(NotAPath::Length);
        }
        for segment in segments.clone() {
            check_segment(segment)?;
        }
        match segments.clone().next() {
            Some(first) if RESERVED.contains(&first) => Err(NotAPath::Reserved),
            _ => Ok(Self(text.into())),
        }
    }

    /// Mount and name within the engine (role, or path of the value), if it has the shape of `kind`.
    ///
    /// # Errors
    /// [`NotAPath::Shape`] for the shape of another kind, or of none.
    pub fn of_kind(&self, kind: Kind) -> Result<(&str, &str), NotAPath> {
        let marker = kind.marker();
        // The first segment always belongs to the mount, whatever it is called.
        let mut start = self.0.find('/').unwrap_or(self.0.len());
        while let Some(rest) = self.0.get(start + 1..) {
            let segment = rest.split('/').next().unwrap_or_default();
            if MARKERS.contains(&segment) {
                let name = rest.get(segment.len() + 1..).unwrap_or_default();
                let whole = if kind == Kind::Kv { !name.is_empty() } else { !name.is_empty() && !name.contains('/') };
                let mount = self.0.get(..start).unwrap_or_default();
                return if segment == marker && whole { Ok((mount, name)) } else { Err(NotAPath::Shape(kind)) };
            }
            start += 1 + segment.len();
        }
        Err(NotAPath::Shape(kind))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Database => "the path of a database credential is <mount>/creds/<role>",
        Kind::Kv => "the path of a kv credential is <mount>/data/<path>",
        Kind::Pki => "the path of a pki credential is <mount>/sign/<role>",
    }
}

fn check_segment(segment: &str) -> Result<(), NotAPath> {
    if segment.is_empty() {
        return Err(NotAPath::EmptySegment);
    }
    let plain = segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if plain && segment.bytes().any(|b| b != b'.') { Ok(()) } else { Err(NotAPath::Segment) }
}

impl fmt::Display for EnginePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(EnginePath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_shape() {
        let cases = [
            ("database/creds/ledger-ro", Kind::Database, Some(("database", "ledger-ro"))),
            ("team/db/creds/ro", Kind::Database, Some(("team/db", "ro"))),
            ("data/creds/ro", Kind::Database, Some(("data", "ro"))),
            ("secret/data/app/key", Kind::Kv, Some(("secret", "app/key"))),
            ("secret/data/creds/ro", Kind::Kv, Some(("secret", "creds/ro"))),
            ("pki/sign/agent", Kind::Pki, Some(("pki", "agent"))),
            ("database/creds/ledger-ro", Kind::Kv, None),
            ("database/static-creds/a", Kind::Database, None),
            ("database/creds/a/b", Kind::Database, None),
            ("creds/a", Kind::Database, None),
            ("secret/data/creds/ro", Kind::Database, None),
            ("a/creds/b/creds/c", Kind::Database, None),
            ("secret/data", Kind::Kv, None),
            ("secret/metadata/a", Kind::Kv, None),
            ("pki/sign-verbatim/agent", Kind::Pki, None),
            ("pki/issue/agent", Kind::Pki, None),
            ("pki/root/sign-intermediate", Kind::Pki, None),
        ];
        for (text, kind, parts) in cases {
            let path = EnginePath::parse(text).unwrap();
            assert_eq!(path.of_kind(kind).ok(), parts, "{text} as {kind}");
        }
    }

    #[test]
    fn what_a_policy_could_trip_over_is_refused() {
        assert!(EnginePath::parse("secret/data/a.b_c-D9").is_ok());
        let cases = [
            ("", NotAPath::Length),
            ("secret", NotAPath::Length),
            (&"a/".repeat(17), NotAPath::Length),
            (&format!("secret/{}", "a".repeat(506)), NotAPath::Length),
            ("/secret/data/a", NotAPath::EmptySegment),
            ("secret/data/a/", NotAPath::EmptySegment),
            ("secret//a", NotAPath::EmptySegment),
            ("secret/data/..", NotAPath::Segment),
            ("secret/./a", NotAPath::Segment),
            ("secret/.../a", NotAPath::Segment),
            ("secret/data/*", NotAPath::Segment),
            ("secret/+/a", NotAPath::Segment),
            ("secret/data/a%2fb", NotAPath::Segment),
            ("secret/data/a\"b", NotAPath::Segment),
            ("secret/data/a\nb", NotAPath::Segment),
            ("secret/data/a b", NotAPath::Segment),
            ("secret/data/${a}", NotAPath::Segment),
            ("secret/data/{{identity.entity.id}}", NotAPath::Segment),
            ("secret/data/\u{e9}", NotAPath::Segment),
            ("sys/creds/a", NotAPath::Reserved),
            ("auth/token/creds/a", NotAPath::Reserved),
            ("identity/data/a", NotAPath::Reserved),
            ("cubbyhole/data/a", NotAPath::Reserved),
        ];
        for (text, why) in cases {
            assert_eq!(EnginePath::parse(text), Err(why), "{text:?}");
        }
    }
}
