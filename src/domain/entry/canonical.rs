//! The canonical form of RFC 8785 (JCS), narrowed: one object, keys ASCII and strictly ascending,
//! whole numbers from 0 below 2⁵³, no `null`, shortest escapes, no white space.
//!
//! One pass over the bytes, no allocation. What passes here has exactly one spelling, so typed
//! reading may follow with an ordinary parser.

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
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(NotCanonical { at: error.valid_up_to(), why: "not UTF-8" });
    }
    let mut scan = Scan { bytes, at: 0 };
    if scan.peek() != Some(b'{') {
        return Err(scan.no("an entry is an object"));
    }
    scan.value(0)?;
    if scan.at == bytes.len() { Ok(()) } else { Err(scan.no("bytes after the object")) }
}

/// Where the canonical object that begins at `start` ends.
///
/// # Errors
/// [`NotCanonical`] with the offset of the first offence; the bytes must be UTF-8 already.
pub fn object_end(bytes: &[u8], start: usize) -> Result<usize, NotCanonical> {
    let mut scan = Scan { bytes, at: start };
    if scan.peek() != Some(b'{') {
        return Err(scan.no("an entry is an object"));
    }
    scan.value(0)?;
    Ok(scan.at)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn no(&self, why: &'static str) -> NotCanonical {
        NotCanonical { at: self.at, why }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
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
            Some(b'0'..=b'9') => self.number(),
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
        let mut previous: Option<&'a [u8]> = None;
        loop {
            let start = self.at;
            let key = self.string()?;
            if !key.iter().all(|b| b.is_ascii_graphic() && *b != b'\\') {
                return Err(NotCanonical { at: start, why: "key outside plain ASCII" });
            }
            if previous.is_some_and(|previous| previous >= key) {
                return Err(NotCanonical { at: start, why: "keys out of order" });
            }
            previous = Some(key);
            self.take(b':', "no colon after a key")?;
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.take(b'}', "object not closed"),
            }
        }
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

    /// The bytes between the quotes, escapes as written.
    fn string(&mut self) -> Result<&'a [u8], NotCanonical> {
        self.take(b'"', "no string")?;
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += plain.unwrap_or(rest.len());
            match self.peek() {
                None => return Err(self.no("string not closed")),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.no("control character not escaped")),
            }
        }
        let inside = self.bytes.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(inside)
    }

    /// Only the escapes that RFC 8785 §3.2.2.2 prescribes.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match rest {
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'\\', b'u', b'0', b'0', b'0', low, ..] if is_long_escape(0, *low) => 6,
            [b'\\', b'u', b'0', b'0', b'1', low, ..] if is_long_escape(1, *low) => 6,
            _ => return Err(self.no("not the shortest escape")),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotCanonical> {
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let leading_zero = self.bytes.get(start) == Some(&b'0') && self.at - start > 1;
        match self.peek() {
            Some(b'.' | b'e' | b'E') => Err(self.no("not a whole number")),
            _ if leading_zero => Err(NotCanonical { at: start, why: "leading zero" }),
            _ if value > NUMBER_MAX => Err(NotCanonical { at: start, why: "number beyond 2^53 - 1" }),
            _ => Ok(()),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), NotCanonical> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.no("not a value"))
    }
}

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
