//! Mistakes in a form, and where its parts stand.

use super::{MISTAKES_MAX, Place, hint};
use std::collections::BTreeMap;
use std::fmt;

/// One mistake in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of the part, such as `credential.ledger-ro.path`; empty for the whole form.
    pub path: String,
    /// What is wrong, one lower-case sentence.
    pub sentence: String,
}

/// At least one mistake, in the order of the text, at most [`MISTAKES_MAX`] of them told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    told: Vec<Mistake>,
    untold: usize,
}

/// What was noted while a form is read: mistakes, and the place of each part.
#[derive(Debug)]
pub struct Notes<'t> {
    text: &'t str,
    found: Vec<(usize, String, String)>,
    unkept: usize,
    places: BTreeMap<String, Place>,
}

impl Mistakes {
    /// The mistakes that are told.
    #[must_use]
    pub fn told(&self) -> &[Mistake] {
        &self.told
    }

    /// How many more there are.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.untold
    }
}

impl<'t> Notes<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), unkept: 0, places: BTreeMap::new() }
    }

    /// Notes a mistake at a place.
    pub(super) fn add(&mut self, place: Place, path: &str, sentence: String) {
        if self.found.len() < KEPT_MAX {
            self.found.push((place.start, path.to_owned(), sentence));
        } else {
            self.unkept += 1;
        }
    }

    /// Notes a mistake at the part with that path, or at the nearest part above it that was read.
    pub fn at(&mut self, path: &str, sentence: impl Into<String>) {
        let mut here = path;
        let place = loop {
            match (self.places.get(here), here.rsplit_once('.')) {
                (Some(place), _) => break place.clone(),
                (None, Some((above, _))) => here = above,
                (None, None) => break 0..0,
            }
        };
        self.add(place, path, sentence.into());
    }

    /// Whether anything was noted.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// `; did you mean "…"?`, or nothing; nothing either once more was noted than will be told.
    #[must_use]
    pub fn hint<'k>(&self, word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
        if self.found.len() > MISTAKES_MAX { String::new() } else { hint(word, known) }
    }

    pub(super) fn remember(&mut self, path: &str, place: Place) {
        self.places.insert(path.to_owned(), place);
    }

    pub(super) fn into_mistakes(mut self) -> Mistakes {
        self.found.sort_by_key(|(start, _, _)| *start);
        let untold = self.unkept + self.found.len().saturating_sub(MISTAKES_MAX);
        let told = self.found.into_iter().take(MISTAKES_MAX);
        let told = told.map(|(start, path, sentence)| {
            let (line, column) = position(self.text, start);
            Mistake { line, column, path, sentence }
        });
        Mistakes { told: told.collect(), untold }
    }
}

/// Mistakes that are kept for sorting; of a text with more, only their number.
const KEPT_MAX: usize = 1_000;

fn position(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or(text);
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.sentence)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.told.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.untold > 0 {
            write!(f, "\nand {} more", self.untold)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
