//! Reads the TOML files that people write: every mistake with its line, column and path, unknown
//! keys with the nearest known name, up to 20 mistakes at once.
//!
//! A form knows nothing of what it reads; `estate::document` and the configuration of the broker
//! and the client say which keys there are. Nothing here touches a file.

mod fields;
mod notes;

pub use fields::Fields;
pub use notes::{Mistake, Mistakes, Notes};

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of the largest form that is read.
pub const FORM_BYTES_MAX: usize = 1 << 20;

/// Mistakes that are told at once; the rest is counted.
pub const MISTAKES_MAX: usize = 20;

/// Reads the text of a form: `read` takes what it knows from the fields; if that went without a
/// mistake, `check` looks at the whole.
///
/// # Errors
/// [`Mistakes`], first to last as they stand in the text.
pub fn read<T>(
    text: &str,
    read: impl FnOnce(&mut Fields<'_>, &mut Notes<'_>) -> Option<T>,
    check: impl FnOnce(&T, &mut Notes<'_>),
) -> Result<T, Mistakes> {
    let mut notes = Notes::new(text);
    let value = read_fields(text, &mut notes, read);
    if let (Some(value), false) = (&value, notes.any()) {
        check(value, &mut notes);
    }
    match value {
        Some(value) if !notes.any() => Ok(value),
        _ => Err(notes.into_mistakes()),
    }
}

fn read_fields<T>(
    text: &str,
    notes: &mut Notes<'_>,
    read: impl FnOnce(&mut Fields<'_>, &mut Notes<'_>) -> Option<T>,
) -> Option<T> {
    if text.len() > FORM_BYTES_MAX {
        notes.add(0..0, "", format!("a file is at most {FORM_BYTES_MAX} bytes"));
        return None;
    }
    let (root, faults) = DeTable::parse_recoverable(text);
    for fault in faults {
        notes.add(fault.span().unwrap_or_default(), "", fault.message().to_owned());
    }
    if notes.any() {
        return None;
    }
    let mut fields = Fields::of(String::new(), root.get_ref(), root.span(), notes);
    let value = read(&mut fields, notes);
    fields.close(notes);
    value
}

/// The known word that a mistyped one most likely means: one that it begins, or one that is at most
/// two slips, or one slip in three letters, away.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let slips_max = (word.len() / 3).max(2);
    let distance = |candidate: &str| {
        let begins = word.len() >= 3 && candidate.starts_with(word);
        let slips = strsim::osa_distance(word, candidate);
        (begins || (slips <= slips_max && slips < candidate.len())).then_some(slips)
    };
    let near = known.into_iter().filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min().map(|(_, candidate)| candidate)
}

/// `; did you mean "…"?`, or nothing.
#[must_use]
pub fn hint<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map(|found| format!("; did you mean {found:?}?")).unwrap_or_default()
}

/// A longer word is no slip of the hand.
const WORD_BYTES_MAX: usize = 100;

type Value<'t> = Spanned<DeValue<'t>>;
type Place = Range<usize>;

#[cfg(test)]
mod tests;
