//! The canary: every secret that any test is handed is registered, and afterwards no output of the
//! whole run may hold one of them, raw, escaped, in hex or in base64.
//!
//! `cargo xtask test` names the register (a file of mode 0600, removed after the scan) in
//! `LEASEHOLD_CANARY_FILE` and a folder for outputs in `LEASEHOLD_OUTPUT_DIR`. Under a plain
//! `cargo test` neither is set: then nothing is registered and nothing is kept.

mod forms;
mod register;
mod scan;

pub use register::Register;
pub use scan::{Hit, scan};

use anyhow::Result;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Names the register.
pub const FILE_VARIABLE: &str = "LEASEHOLD_CANARY_FILE";
/// Names the folder whose whole content is scanned.
pub const OUTPUT_VARIABLE: &str = "LEASEHOLD_OUTPUT_DIR";

/// Registers a secret that was handed to a test: a password, a private key, a token.
///
/// # Errors
/// When it is shorter than [`Register::VALUE_BYTES_MIN`], or the register cannot be written.
pub fn register(value: &[u8]) -> Result<()> {
    Register::of_this_run().map_or(Ok(()), |register| register.value(value))
}

/// Registers a log, a database or a folder that must hold none of the secrets. It must still be there when
/// the run is over; [`output_folder`] gives a folder that is.
///
/// # Errors
/// When the register cannot be written.
pub fn register_output(path: &Path) -> Result<()> {
    Register::of_this_run().map_or(Ok(()), |register| register.output(path))
}

/// Whether this is a run that will be scanned.
#[must_use]
pub fn is_watched() -> bool {
    env::var_os(FILE_VARIABLE).is_some()
}

/// A folder for the outputs of one test: logs, databases, pages. In a run of `cargo xtask test` it is kept
/// and scanned, else it is gone with the guard.
///
/// # Errors
/// When it cannot be made.
pub fn output_folder(name: &str) -> Result<OutputFolder> {
    output_folder_in(name, &env::temp_dir())
}

/// The same, below `folder` if it is not kept: a folder that is guarded is gone also when nobody is left to drop.
///
/// # Errors
/// When it cannot be made.
pub fn output_folder_in(name: &str, folder: &Path) -> Result<OutputFolder> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let kept = env::var_os(OUTPUT_VARIABLE).map(PathBuf::from);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let unique = format!("{name}-{}-{number}", std::process::id());
    let path = kept.as_deref().unwrap_or(folder).join(format!("leasehold-{unique}"));
    std::fs::create_dir_all(&path)?;
    Ok(OutputFolder { path, kept: kept.is_some() })
}

/// See [`output_folder`].
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    kept: bool,
}

impl OutputFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if !self.kept {
            // Already gone is as good.
            let _gone = std::fs::remove_dir_all(&self.path);
        }
    }
}
