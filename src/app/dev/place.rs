//! The folder `.leasehold`: what `leasehold dev` writes there, and nothing else. Everything in
//! [`FILES`] is removed at the end, by the shell that stands beside `OpenBao`, also after a SIGKILL.

use anyhow::{Context as _, Result};
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The folder, below the working directory.
pub(super) const FOLDER: &str = ".leasehold";
/// Every file that a run makes there, sockets aside.
pub(super) const FILES: [&str; 15] = [
    "log.db",
    "log.db-wal",
    "log.db-shm",
    "log.db.lock",
    "log.db.reserve",
    "log.db.index",
    "log.db.index-wal",
    "log.db.index-shm",
    "log.db.snapshot",
    "log.db.snapshot.draft",
    "log.key",
    "dev.json",
    "estate.toml",
    "billing.task.toml",
    "ledger.task.toml",
];

/// The folder of one run.
pub(super) struct Place(PathBuf);

impl Place {
    /// Removes what a killed run has left.
    pub(super) fn clear() -> Result<Self> {
        let place = Self(std::path::absolute(FOLDER).context("the working directory is not readable")?);
        for file in FILES.map(|name| place.file(name)) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", file.display()));
                }
                _ => {}
            }
        }
        Ok(place)
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the sample estate and the sample tasks; gives the estate's text.
    pub(super) fn write_samples(&self, with_ledger: bool) -> Result<String> {
        let mut estate = ESTATE.to_owned();
        self.write("billing.task.toml", BILLING_TASK)?;
        if with_ledger {
            estate.push_str(LEDGER);
            self.write("ledger.task.toml", LEDGER_TASK)?;
        }
        self.write("estate.toml", &estate)?;
        Ok(estate)
    }

    /// Tells clients that are called with `--as` where the broker is. Written last: who sees the file
    /// can call.
    pub(super) fn write_target(&self, address: SocketAddr, broker_id: &str) -> Result<()> {
        let target = serde_json::json!({ "address": address.to_string(), "broker_id": broker_id });
        let draft = self.file("dev.json.draft");
        fs::write(&draft, format!("{target}\n")).context("cannot write dev.json")?;
        fs::rename(draft, self.file("dev.json")).context("cannot write dev.json")
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.file(name), text).with_context(|| format!("cannot write {name}"))
    }
}

const ESTATE: &str = include_str!("estate.toml");
const LEDGER: &str = include_str!("ledger.toml");
const BILLING_TASK: &str = r#"agent = "billing-bot"
purpose = "reconcile invoices for 2026-10"
purpose_code = "reconcile-invoices"
credentials = ["invoice-key", "agent-cert"]
window = "20m"
"#;
const LEDGER_TASK: &str = r#"agent = "billing-bot"
purpose = "read the ledger for 2026-10"
purpose_code = "reconcile-invoices"
credentials = ["ledger-ro"]
window = "20m"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estate::Document;

    #[test]
    fn the_sample_estate_is_one_with_and_without_a_database() {
        for text in [ESTATE.to_owned(), [ESTATE, LEDGER].concat()] {
            let document = Document::parse(&text).unwrap();
            assert!(document.warnings().is_empty(), "{:?}", document.warnings());
        }
    }
}
