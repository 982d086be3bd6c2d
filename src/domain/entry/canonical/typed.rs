//! Reads a type from canonical bytes and checks the form in the same pass: what is read here has exactly
//! one spelling. Stricter than a JSON library: a struct stands as an object, never as a list; a choice stands
//! as its word.
//!
//! Nothing is copied that the type does not keep. Errors are looked into a second time, off the quick path.

use super::{DEPTH_MAX, NotCanonical, Scan};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use std::borrow::Cow;
use std::fmt;

/// Asked for as the name of a newtype: the value's own bytes, as they stand.
pub const VERBATIM: &str = "leasehold::verbatim";

/// Why a type could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// The bytes are not canonical.
    #[error(transparent)]
    Form(#[from] NotCanonical),
    /// They are, but the type is not written so.
    #[error("{0}")]
    Shape(String),
}

impl Misread {
    /// Of bytes that turned out to be canonical: the reader looked for something else there.
    fn of_shape(self) -> Self {
        Self::Shape(self.to_string())
    }
}

impl serde::de::Error for Misread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Shape(message.to_string())
    }
}

/// Reads exactly one canonical object.
///
/// # Errors
/// [`Misread`]; that the form is wrong is said before that the shape is.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Misread> {
    let mut reader = Reader { scan: Scan { text, at: 0 }, depth: 0 };
    let misread = match T::deserialize(&mut reader) {
        Ok(read) if reader.scan.at == text.len() => return Ok(read),
        Ok(_) => Misread::Shape("bytes after the object".into()),
        Err(misread) => misread,
    };
    super::check(text.as_bytes())?;
    Err(misread.of_shape())
}

/// Reads the canonical object that begins at `start`; and where it ends.
///
/// # Errors
/// [`NotCanonical`]; within it, what does not fit the type.
pub fn read_at<'a, T: Deserialize<'a>>(
    text: &'a str,
    start: usize,
) -> Result<(Result<T, Misread>, usize), NotCanonical> {
    let mut reader = Reader { scan: Scan { text, at: start }, depth: 0 };
    match T::deserialize(&mut reader) {
        Ok(read) => Ok((Ok(read), reader.scan.at)),
        Err(misread) => super::object_end(text, start).map(|end| (Err(misread.of_shape()), end)),
    }
}

struct Reader<'a> {
    scan: Scan<'a>,
    /// Of the value that comes next.
    depth: u8,
}

impl<'a> Reader<'a> {
    fn text(&mut self) -> Result<Cow<'a, str>, Misread> {
        let (inside, escapes) = self.scan.string()?;
        Ok(if escapes { Cow::Owned(unescaped(inside)) } else { Cow::Borrowed(inside) })
    }

    /// What stands in an object or a list, until its end.
    fn inside<T>(&mut self, visit: impl FnOnce(&mut Inside<'_, 'a>) -> Result<T, Misread>) -> Result<T, Misread> {
        self.scan.at += 1;
        self.depth += 1;
        let mut inside = Inside { reader: self, previous: None, begun: false, closed: false };
        let read = visit(&mut inside)?;
        if !inside.closed {
            return Err(Misread::Shape("something is left over".into()));
        }
        self.depth -= 1;
        Ok(read)
    }
}

/// An object or a list that is being read.
struct Inside<'r, 'a> {
    reader: &'r mut Reader<'a>,
    previous: Option<&'a str>,
    begun: bool,
    closed: bool,
}

impl Inside<'_, '_> {
    /// Steps over the comma; `false` at the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, NotCanonical> {
        let scan = &mut self.reader.scan;
        match scan.peek() {
            Some(byte) if byte == end => {
                scan.at += 1;
                self.closed = true;
                return Ok(false);
            }
            Some(b',') if self.begun => scan.at += 1,
            _ if self.begun => return Err(scan.no("not closed")),
            _ => {}
        }
        self.begun = true;
        if self.reader.depth > DEPTH_MAX { Err(self.reader.scan.no("nested too deep")) } else { Ok(true) }
    }
}

impl<'a> MapAccess<'a> for &mut Inside<'_, 'a> {
    type Error = Misread;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Misread> {
        // A comma before the end is seen by `key`, which finds no string.
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        let key = self.reader.scan.key(self.previous)?;
        self.previous = Some(key);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Misread> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'a> SeqAccess<'a> for &mut Inside<'_, 'a> {
    type Error = Misread;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Misread> {
        // A comma before the end is seen by the element, which is no value.
        if self.goes_on(b']')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.scan.peek() {
            Some(b'{') => self.inside(|inside| visitor.visit_map(inside)),
            Some(b'[') => self.inside(|inside| visitor.visit_seq(inside)),
            Some(b'"') => match self.text()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'0'..=b'9') => visitor.visit_u64(self.scan.number()?),
            Some(b't') => self.scan.word(b"true").map_err(Misread::from).and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.scan.word(b"false").map_err(Misread::from).and_then(|()| visitor.visit_bool(false)),
            _ => Err(self.scan.no("not a value").into()),
        }
    }

    /// Nothing stands for "none": such a field is left out.
    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Misread> {
        if name != VERBATIM {
            return visitor.visit_newtype_struct(self);
        }
        let start = self.scan.at;
        self.scan.value(self.depth)?;
        visitor.visit_borrowed_str(self.scan.text.get(start..self.scan.at).unwrap_or_default())
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        if self.scan.peek() == Some(b'{') {
            return self.inside(|inside| visitor.visit_map(inside));
        }
        Err(Misread::Shape("what must be an object is none".into()))
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match self.text()? {
            Cow::Borrowed(word) => visitor.visit_enum(BorrowedStrDeserializer::new(word)),
            Cow::Owned(_) => Err(Misread::Shape("what must be a word is none".into())),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.scan.value(self.depth)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

/// The text behind escapes that [`Scan::string`] has passed.
fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, length) = match escaped.as_bytes() {
            [b'b', ..] => ('\u{8}', 1),
            [b'f', ..] => ('\u{c}', 1),
            [b'n', ..] => ('\n', 1),
            [b'r', ..] => ('\r', 1),
            [b't', ..] => ('\t', 1),
            [b'u', ..] => (hexadecimal(escaped.get(1..5).unwrap_or_default()), 5),
            [other, ..] => (char::from(*other), 1),
            [] => break,
        };
        text.push(character);
        rest = escaped.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn hexadecimal(digits: &str) -> char {
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or_default()
}

#[cfg(test)]
mod tests;
