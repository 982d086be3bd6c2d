//! The canonical form of RFC 8785 (JCS), narrowed: one object, keys ASCII and strictly ascending,
//! whole numbers from 0 below 2⁵³, no `null`, shortest escapes, no white space.
//!
//! One pass over the bytes, no allocation. What passes here has exactly one spelling. [`typed`] reads a
//! type in the same pass.

pub mod typed;

use std::fmt;

/// Where and why bytes are not canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct NotCanonical {
    /// Offset of the first byte that does not fit.
    pub at: usize,
    /// What was wrong.
    pub why: &'static str,
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

const DEPTH_MAX: u8 = 8;
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Accepts exactly one canonical JSON object.
///
/// # Errors
/// [`NotCanonical`] with the offset of the first offence.
pub fn check(bytes: &[u8]) -> Result<(), NotCanonical> {
    let text = utf8(bytes)?;
    let end = object_end(text, 0)?;
    if end == text.len() { Ok(()) } else { Err(NotCanonical { at: end, why: "bytes after the object" }) }
}

/// The bytes as text.
///
/// # Errors
/// [`NotCanonical`] with the offset of the first byte that is not UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, NotCanonical> {
    std::str::from_utf8(bytes).map_err(|error| NotCanonical { at: error.valid_up_to(), why: "not UTF-8" })
}

/// Where the canonical object that begins at `start` ends.
///
/// # Errors
/// [`NotCanonical`] with the offset of the first offence.
pub fn object_end(text: &str, start: usize) -> Result<usize, NotCanonical> {
    let mut scan = Scan { text, at: start };
    if scan.peek() != Some(b'{') {
        return Err(scan.no("an entry is an object"));
    }
    scan.value(0)?;
    Ok(scan.at)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn no(&self, why: &'static str) -> NotCanonical {
        NotCanonical { at: self.at, why }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, expected: u8, why: &'static str) -> Result<(), NotCanonical> {
        if self.peek() != Some(expected) {
            return Err(self.no(why));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: u8) -> Result<(), NotCanonical> {
        if depth > DEPTH_MAX {
            return Err(self.no("nested too deep"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'0'..=b'9') => self.number().map(|_| ()),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => Err(self.no("null: leave the field out")),
            Some(b'-') => Err(self.no("negative number")),
            _ => Err(self.no("not a value")),
        }
    }

    fn object(&mut self, depth: u8) -> Result<(), NotCanonical> {
        self.take(b'{', "not an object")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut previous = None;
        loop {
            previous = Some(self.key(previous)?);
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.take(b'}', "object not closed"),
            }
        }
    }

    /// A key that ascends from the one before it, with its colon.
    fn key(&mut self, previous: Option<&'a str>) -> Result<&'a str, NotCanonical> {
        let start = self.at;
        let (key, escapes) = self.string()?;
        if escapes || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotCanonical { at: start, why: "key outside plain ASCII" });
        }
        if previous.is_some_and(|previous| !ascends(previous, key)) {
            return Err(NotCanonical { at: start, why: "keys out of order" });
        }
        self.take(b':', "no colon after a key")?;
        Ok(key)
    }

    fn array(&mut self, depth: u8) -> Result<(), NotCanonical> {
        self.take(b'[', "not an array")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.take(b']', "array not closed"),
            }
        }
    }

    /// The text between the quotes, escapes as written; and whether there are any.
    #[inline]
    fn string(&mut self) -> Result<(&'a str, bool), NotCanonical> {
        self.take(b'"', "no string")?;
        let (start, mut escapes) = (self.at, false);
        loop {
            self.at += plain_bytes(self.rest());
            match self.peek() {
                None => return Err(self.no("string not closed")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.no("control character not escaped")),
            }
        }
        // Both ends stand at a quote, which is never part of another character.
        let inside = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok((inside, escapes))
    }

    /// Only the escapes that RFC 8785 §3.2.2.2 prescribes.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        let length = match self.rest() {
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'\\', b'u', b'0', b'0', b'0', low, ..] if is_long_escape(0, *low) => 6,
            [b'\\', b'u', b'0', b'0', b'1', low, ..] if is_long_escape(1, *low) => 6,
            _ => return Err(self.no("not the shortest escape")),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<u64, NotCanonical> {
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let leading_zero = self.at - start > 1 && self.text.as_bytes().get(start) == Some(&b'0');
        match self.peek() {
            Some(b'.' | b'e' | b'E') => Err(self.no("not a whole number")),
            _ if leading_zero => Err(NotCanonical { at: start, why: "leading zero" }),
            _ if value > NUMBER_MAX => Err(NotCanonical { at: start, why: "number beyond 2^53 - 1" }),
            _ => Ok(value),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), NotCanonical> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.no("not a value"))
    }
}

/// Most neighbours differ in their first byte already.
fn ascends(one: &str, next: &str) -> bool {
    match (one.as_bytes(), next.as_bytes()) {
        ([first, ..], [then, ..]) if first != then => first < then,
        _ => one < next,
    }
}

/// How many bytes come before the next quote, backslash or control character; eight are looked at at once.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (count, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is one of the three. A borrow can only mark bytes behind a true one.
        let below = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word;
        let found =
            (below(word, 0x20) | below(word ^ (EACH * 0x22), 1) | below(word ^ (EACH * 0x5c), 1)) & (EACH * 0x80);
        if found != 0 {
            return count * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let plain = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    words.len() * 8 + plain.unwrap_or(tail.len())
}

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Whether `\u00<high><low>` is the prescribed escape: lower-case hex of a control character
/// that has no short one.
fn is_long_escape(high: u8, low: u8) -> bool {
    let digit = match low {
        b'0'..=b'9' => low - b'0',
        b'a'..=b'f' => low - b'a' + 10,
        _ => return false,
    };
    !matches!(high * 16 + digit, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_objects_pass() {
        for text in [
            "{}",
            r#"{"a":1,"b":[],"c":{"x":"y"}}"#,
            r#"{"a":[0,9007199254740991,true,false,"é","\n","\u0001","\u001f","\"","\\"]}"#,
        ] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for (text, why) in [
            ("", "an entry is an object"),
            ("[]", "an entry is an object"),
            ("{} ", "bytes after the object"),
            (r#"{ "a":1}"#, "no string"),
            (r#"{"a": 1}"#, "not a value"),
            (r#"{"b":1,"a":1}"#, "keys out of order"),
            (r#"{"a":1,"a":1}"#, "keys out of order"),
            (r#"{"é":1}"#, "key outside plain ASCII"),
            (r#"{"\u0061":1}"#, "not the shortest escape"),
            (r#"{"a":"\/"}"#, "not the shortest escape"),
            (r#"{"a":"\u000a"}"#, "not the shortest escape"),
            (r#"{"a":"\u001F"}"#, "not the shortest escape"),
            (r#"{"a":"\u0041"}"#, "not the shortest escape"),
            ("{\"a\":\"\n\"}", "control character not escaped"),
            (r#"{"a":01}"#, "leading zero"),
            (r#"{"a":1.0}"#, "not a whole number"),
            (r#"{"a":1e3}"#, "not a whole number"),
            (r#"{"a":-1}"#, "negative number"),
            (r#"{"a":9007199254740992}"#, "number beyond 2^53 - 1"),
            (r#"{"a":null}"#, "null: leave the field out"),
            (r#"{"a":1"#, "object not closed"),
            (r#"{"a":[1}"#, "array not closed"),
            (r#"{"a":tru}"#, "not a value"),
            (r#"{"a":1,}"#, "no string"),
            (r#"{"a":[[[[[[[[[1]]]]]]]]]}"#, "nested too deep"),
        ] {
            assert_eq!(check(text.as_bytes()).map_err(|no| no.why), Err(why), "{text}");
        }
        assert_eq!(check(b"{\"a\":\"\xff\"}").map_err(|no| no.why), Err("not UTF-8"));
    }

    proptest! {
        #[test]
        fn what_the_oracle_writes_is_canonical(map in proptest::collection::btree_map("[a-z]{1,4}", ".*", 0..5)) {
            let text = serde_jcs::to_string(&map).unwrap();
            prop_assert_eq!(check(text.as_bytes()), Ok(()));
            prop_assert_eq!(serde_json::to_string(&map).unwrap(), text);
        }
    }
}
