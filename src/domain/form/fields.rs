//! The keys of one table of a form. Every key that is asked for counts as known; what is left when
//! the table is closed is an unknown key.

use super::{Notes, Place, Value, nearest};
use std::fmt::Display;
use toml::de::{DeTable, DeValue};

/// The keys of one table.
#[derive(Debug)]
pub struct Fields<'t> {
    path: String,
    table: &'t DeTable<'t>,
    place: Place,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(super) fn of(path: String, table: &'t DeTable<'t>, place: Place, notes: &mut Notes<'_>) -> Self {
        for (key, value) in table {
            notes.remember(&join(&path, key.get_ref()), value_place(key.span(), value));
        }
        Self { path, table, place, known: Vec::new(), missing: Vec::new() }
    }

    /// Path of this table, such as `credential.ledger-ro`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path of one of its keys.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// A text, read by `parse`; `None` if it is absent or was noted as a mistake.
    pub fn text<T, E: Display>(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let path = self.path_of(key);
        parse_text(value, &path, notes, parse)
    }

    /// As [`Self::text`], but its absence is a mistake.
    pub fn text_needed<T, E: Display>(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.need(key);
        self.text(key, notes, parse)
    }

    /// A list of texts; empty if it is absent. A text that stands twice is a mistake.
    pub fn texts<T: Ord + Display, E: Display>(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> std::collections::BTreeSet<T> {
        let mut set = std::collections::BTreeSet::new();
        let Some(value) = self.take(key) else { return set };
        let path = self.path_of(key);
        let DeValue::Array(values) = value.get_ref() else {
            notes.add(value.span(), &path, format!("{path} must be a list of texts, not {}", type_of(value)));
            return set;
        };
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(item) = parse_text(value, &path, notes, &parse) else { continue };
            if set.contains(&item) {
                notes.add(value.span(), &path, format!("\"{item}\" stands twice in {}", self.path_of(key)));
            }
            set.insert(item);
        }
        set
    }

    /// True or false; `false` if it is absent.
    pub fn flag(&mut self, key: &'static str, notes: &mut Notes<'_>) -> bool {
        let Some(value) = self.take(key) else { return false };
        let path = self.path_of(key);
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        notes.add(value.span(), &path, format!("{path} must be true or false, not {}", type_of(value)));
        false
    }

    /// A table below this one; `None` if it is absent or was noted as a mistake.
    pub fn table(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Fields<'t>> {
        let value = self.take(key)?;
        table_of(self.path_of(key), value, notes)
    }

    /// As [`Self::table`], but its absence is a mistake.
    pub fn table_needed(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Fields<'t>> {
        self.need(key);
        self.table(key, notes)
    }

    /// All tables of a table of tables, such as each `[credential.…]`, with their names; none if absent.
    pub fn tables(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Vec<(String, Fields<'t>)> {
        let Some(all) = self.table(key, notes) else { return Vec::new() };
        let named = all.table.iter().map(|(name, value)| {
            let name = name.get_ref().to_string();
            let path = all.path_of(&name);
            table_of(path, value, notes).map(|fields| (name, fields))
        });
        named.flatten().collect()
    }

    /// Notes every key that was never asked for, with the nearest name that was, and every key that
    /// was needed and is absent.
    pub fn close(mut self, notes: &mut Notes<'_>) {
        for (key, _) in self.table {
            let word = key.get_ref().as_ref();
            if self.known.contains(&word) {
                continue;
            }
            let meant = nearest(word, self.known.iter().copied());
            // One slip is one mistake: the key that was meant is not also told as missing.
            self.missing.retain(|missing| Some(*missing) != meant);
            let place = if self.path.is_empty() { String::new() } else { format!(" in {}", self.path) };
            let hint = notes.hint(word, self.known.iter().copied());
            notes.add(key.span(), &self.path_of(word), format!("unknown key {word:?}{place}{hint}"));
        }
        for key in &self.missing {
            let place = if self.path.is_empty() { "the file" } else { &self.path };
            notes.add(self.place.clone(), &self.path_of(key), format!("{place} needs {key:?}"));
        }
    }

    fn need(&mut self, key: &'static str) {
        if !self.table.contains_key(key) {
            self.missing.push(key);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.known.push(key);
        self.table.get(key)
    }
}

fn parse_text<T, E: Display>(
    value: &Value<'_>,
    path: &str,
    notes: &mut Notes<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let DeValue::String(text) = value.get_ref() else {
        notes.add(value.span(), path, format!("{path} must be a text in quotes, not {}", type_of(value)));
        return None;
    };
    parse(text).map_err(|no| notes.add(value.span(), path, format!("{path}: {no}"))).ok()
}

fn table_of<'t>(path: String, value: &'t Value<'t>, notes: &mut Notes<'_>) -> Option<Fields<'t>> {
    if let DeValue::Table(table) = value.get_ref() {
        return Some(Fields::of(path, table, value.span(), notes));
    }
    notes.add(value.span(), &path, format!("{path} must be a table, not {}", type_of(value)));
    None
}

/// Tables stand where their header is; everything else where its key is.
fn value_place(key: Place, value: &Value<'_>) -> Place {
    if matches!(value.get_ref(), DeValue::Table(_)) { value.span() } else { key }
}

fn type_of(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
