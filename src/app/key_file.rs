//! Files with a private key: readable by their owner only, made once, never replaced in silence.

use crate::domain::base::Secret;
use crate::ports::{Entropy, entropy};
use crate::tlog::note::PrivateKey;
use anyhow::{Context as _, Result, bail};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Reads a key. `whose`: for messages, such as `the log's key`.
///
/// # Errors
/// If others may read the file, or it holds no key of this type.
pub(super) fn read<const TYPE: u8>(file: &Path, whose: &str) -> Result<PrivateKey<TYPE>> {
    let unread = || format!("{whose} {} cannot be read", file.display());
    let mode = fs::metadata(file).with_context(unread)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("{whose} {} has mode {mode:o}: run chmod 600 on it", file.display());
    }
    let text = Secret::new(fs::read(file).with_context(unread)?);
    let text = text.reveal_text().unwrap_or_default();
    PrivateKey::parse(text.trim_end())
        .with_context(|| format!("{} holds no key: restore it from your backup", file.display()))
}

/// Makes a key, and its folder if that is missing.
///
/// # Errors
/// If the name cannot be a key's, if the file exists, or cannot be written.
pub(super) fn make<const TYPE: u8>(
    file: &Path,
    name: &str,
    whose: &str,
    entropy: &dyn Entropy,
) -> Result<PrivateKey<TYPE>> {
    let key = PrivateKey::generate(name, entropy::bytes(entropy)).context("the name cannot name a key")?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot make {whose} {}", file.display()))?;
    writeln!(out, "{}", *key.to_text())
        .and_then(|()| out.sync_all())
        .with_context(|| format!("cannot write {whose}"))?;
    Ok(key)
}
