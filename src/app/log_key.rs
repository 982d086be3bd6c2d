//! The log's key: made on the first start, readable by its owner only, never replaced in silence.

use super::key_file;
use crate::ports::Entropy;
use crate::tlog::note::Signer;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// Reads the key of `origin`, or makes it if neither key nor log exist yet.
///
/// # Errors
/// If others may read the file, if it is of another origin, or if the log exists without its key.
pub fn load_or_make(file: &Path, log_file: &Path, origin: &str, entropy: &dyn Entropy) -> Result<Signer> {
    if file.exists() {
        return load(file, origin);
    }
    if log_file.exists() {
        bail!(
            "the log {} exists, but its key {} does not: restore the key from your backup; another key cannot go on \
             with this log",
            log_file.display(),
            file.display()
        )
    }
    key_file::make(file, origin, WHOSE, entropy).context("log.origin or log.key_file cannot be used")
}

/// Reads the key of `origin`.
///
/// # Errors
/// If it is not there, others may read it, or it is of another origin.
pub fn load(file: &Path, origin: &str) -> Result<Signer> {
    let signer: Signer = key_file::read(file, WHOSE)?;
    if signer.name() != origin {
        bail!(
            "{} is the key of {}, not of {origin}: correct log.origin, or name the key of this log",
            file.display(),
            signer.name()
        );
    }
    Ok(signer)
}

const WHOSE: &str = "the log's key";
