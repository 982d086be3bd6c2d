//! The register: one line per secret (in hex) or per output (a path), appended by any process of the run.

use super::FILE_VARIABLE;
use super::forms::hex;
use anyhow::{Context as _, Result, bail, ensure};
use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A register on disk, readable by its owner alone.
#[derive(Debug, Clone)]
pub struct Register {
    file: PathBuf,
}

/// What a register holds.
#[derive(Default)]
pub struct Registered {
    /// The secrets.
    pub values: Vec<Vec<u8>>,
    /// Where they must not be.
    pub outputs: Vec<PathBuf>,
}

impl Register {
    /// Shorter values would be found by chance.
    pub const VALUE_BYTES_MIN: usize = 8;

    /// The register that `cargo xtask test` named, if it did.
    #[must_use]
    pub fn of_this_run() -> Option<Self> {
        env::var_os(FILE_VARIABLE).map(|file| Self { file: file.into() })
    }

    /// A new, empty register; its folder is made with mode 0700.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create(file: &Path) -> Result<Self> {
        let folder = file.parent().context("a register needs a folder")?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        Ok(Self { file: file.to_path_buf() })
    }

    /// Adds a secret.
    ///
    /// # Errors
    /// When it is shorter than [`Self::VALUE_BYTES_MIN`], or the file cannot be written.
    pub fn value(&self, value: &[u8]) -> Result<()> {
        let least = Self::VALUE_BYTES_MIN;
        ensure!(value.len() >= least, "a canary of {} bytes is found by chance: take at least {least}", value.len());
        self.append(&format!("value {}\n", hex(value)))
    }

    /// Adds a place that must hold none of the secrets.
    ///
    /// # Errors
    /// When the path has no absolute form, or the file cannot be written.
    pub fn output(&self, path: &Path) -> Result<()> {
        let path = std::path::absolute(path)?;
        self.append(&format!("output {}\n", path.to_str().context("a path in UTF-8")?))
    }

    /// Reads all lines.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not ours: a register that is half read proves nothing.
    pub fn read(&self) -> Result<Registered> {
        let mut registered = Registered::default();
        for line in fs::read_to_string(&self.file).context("reading the canary register")?.lines() {
            match line.split_once(' ') {
                Some(("value", text)) => registered.values.push(from_hex(text)?),
                Some(("output", path)) => registered.outputs.push(path.into()),
                _ => bail!("the canary register holds a line that is not ours"),
            }
        }
        registered.values.sort();
        registered.values.dedup();
        Ok(registered)
    }

    /// Removes the file and, if nothing else is in it, its folder.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.file)?;
        // Another register may lie beside it.
        let _left = self.file.parent().map(fs::remove_dir);
        Ok(())
    }

    /// One write per line, so that lines of several processes do not mix.
    fn append(&self, line: &str) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.file).context("opening the canary register")?;
        Ok(file.write_all(line.as_bytes())?)
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_registered_is_read_back_and_nobody_else_may_read_it() {
        let folder = super::super::output_folder("register").unwrap();
        let file = folder.path().join("run").join("values");
        let register = Register::create(&file).unwrap();
        register.value(b"\x00binary \xff\n value").unwrap();
        register.value(b"twice the same").unwrap();
        register.value(b"twice the same").unwrap();
        register.output(Path::new("/nowhere/a log")).unwrap();
        let registered = register.read().unwrap();
        assert_eq!(registered.values, [b"\x00binary \xff\n value".to_vec(), b"twice the same".to_vec()]);
        assert_eq!(registered.outputs, [PathBuf::from("/nowhere/a log")]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert!(Register::create(&file).is_err(), "an old register is not taken over");
        register.remove().unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_value_that_would_be_found_by_chance_is_refused() {
        let folder = super::super::output_folder("short").unwrap();
        let register = Register::create(&folder.path().join("values")).unwrap();
        register.value(b"12345678").unwrap();
        assert!(register.value(b"1234567").is_err());
    }

    #[test]
    fn a_register_with_a_foreign_line_is_not_read() {
        let folder = super::super::output_folder("foreign").unwrap();
        let file = folder.path().join("values");
        let register = Register::create(&file).unwrap();
        register.value(b"12345678").unwrap();
        assert!(register.read().is_ok());
        fs::write(&file, "value 31323\u{e9}\n").unwrap();
        assert!(register.read().is_err());
        fs::write(&file, "walue 3132\n").unwrap();
        assert!(register.read().is_err());
    }
}
