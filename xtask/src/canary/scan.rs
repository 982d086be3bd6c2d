//! One pass over each file for all forms of all secrets. A report names file, place and form, never the secret.

use super::forms::forms;
use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A secret where it must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The file.
    pub file: PathBuf,
    /// Bytes from its start.
    pub offset: usize,
    /// The spelling: raw, escaped, hex, base64, base64url.
    pub form: &'static str,
    /// Which of the secrets, in the order given.
    pub value: usize,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: secret number {} as {}", self.file.display(), self.offset, self.value, self.form)
    }
}

/// Looks for every secret in every file of `places`, folders with all that is below them. At most one hit
/// per secret, form and file.
///
/// # Errors
/// When a place is gone or cannot be read: what was not looked at is not clean.
pub fn scan(values: &[Vec<u8>], places: &[PathBuf]) -> Result<Vec<Hit>> {
    let (mut patterns, mut names) = (Vec::new(), Vec::new());
    for (value, secret) in values.iter().enumerate() {
        for form in forms(secret) {
            patterns.push(form.bytes);
            names.push((value, form.name));
        }
    }
    let searcher = AhoCorasick::new(&patterns).context("building the canary search")?;
    let mut hits = Vec::new();
    for file in files(places)? {
        scan_file(&searcher, &names, &file, &mut hits).with_context(|| format!("scanning {}", file.display()))?;
    }
    Ok(hits)
}

fn scan_file(searcher: &AhoCorasick, names: &[(usize, &'static str)], file: &Path, hits: &mut Vec<Hit>) -> Result<()> {
    for found in searcher.stream_find_iter(File::open(file)?) {
        let found = found?;
        let (value, form) = names.get(found.pattern().as_usize()).context("a pattern of ours")?;
        let hit = Hit { file: file.to_path_buf(), offset: found.start(), form, value: *value };
        if !hits.iter().any(|known| (&known.file, known.form, known.value) == (&hit.file, hit.form, hit.value)) {
            hits.push(hit);
        }
    }
    Ok(())
}

/// The regular files of `places`. Sockets and links are passed over: they hold nothing of their own.
fn files(places: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = places.to_vec();
    while let Some(place) = open.pop() {
        let kind = fs::symlink_metadata(&place).with_context(|| format!("{} was registered", place.display()))?;
        if kind.is_dir() {
            let inside = fs::read_dir(&place)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            open.extend(inside);
        } else if kind.is_file() {
            found.push(place);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests;
