//! The log's key: made on the first start, readable by its owner only, never replaced in silence.

use crate::domain::base::Secret;
use crate::ports::{Entropy, entropy};
use crate::tlog::note::Signer;
use anyhow::{Context as _, Result, bail};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
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
    make(file, origin, entropy)
}

/// Reads the key of `origin`.
///
/// # Errors
/// If it is not there, others may read it, or it is of another origin.
pub fn load(file: &Path, origin: &str) -> Result<Signer> {
    let metadata = fs::metadata(file).with_context(|| format!("the log's key {} cannot be read", file.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("the log's key {} has mode {mode:o}: run chmod 600 on it", file.display());
    }
    let text = Secret::new(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    let text = text.reveal_text().unwrap_or_default();
    let signer = Signer::parse(text.trim_end())
        .with_context(|| format!("{} holds no key: restore it from your backup", file.display()))?;
    if signer.name() != origin {
        bail!(
            "{} is the key of {}, not of {origin}: correct log.origin, or name the key of this log",
            file.display(),
            signer.name()
        );
    }
    Ok(signer)
}

fn make(file: &Path, origin: &str, entropy: &dyn Entropy) -> Result<Signer> {
    let signer = Signer::generate(origin, entropy::bytes(entropy)).context("log.origin cannot name a key")?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot make the log's key {}", file.display()))?;
    writeln!(out, "{}", *signer.to_text()).and_then(|()| out.sync_all()).context("cannot write the log's key")?;
    Ok(signer)
}
