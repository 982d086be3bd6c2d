//! `leasehold evidence verify`: offline, with nothing but a file and the log's public key.

use super::complaint::{Complaint, Result};
use super::evidence::VerifyArgs;
use super::terminal::Terminal;
use crate::audit::bundle::Disclosed;
use crate::audit::{Report, verify, verify_receipt};
use crate::tlog::note::VerifierKey;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// `evidence receipt N --json`.
#[derive(Deserialize)]
struct Receipt {
    proof: String,
    entry: String,
    #[serde(default)]
    openings: Vec<Disclosed>,
}

/// The report for programs.
#[derive(Serialize)]
struct Document<'a> {
    holds: bool,
    #[serde(flatten)]
    report: &'a Report,
}

/// Verifies; exit code 0 only when everything holds.
pub(super) fn run(args: &VerifyArgs, terminal: &mut Terminal) -> Result<u8> {
    let key = key(args)?;
    let bytes = read(&args.file)?;
    let report = match serde_json::from_slice::<Receipt>(&bytes) {
        Ok(receipt) => verify_receipt(&receipt.proof, receipt.entry.as_bytes(), &receipt.openings, &key),
        Err(_) => verify(bytes.as_slice(), &key),
    };
    show(&report, terminal)?;
    Ok(u8::from(!report.holds()))
}

/// Prints a report as data.
pub(crate) fn show(report: &Report, terminal: &mut Terminal) -> Result<()> {
    if terminal.json {
        return terminal.document(&Document { holds: report.holds(), report });
    }
    terminal.lines(&report.to_string())
}

fn key(args: &VerifyArgs) -> Result<VerifierKey> {
    let text = match (&args.key, &args.keys) {
        (Some(key), _) => key.clone(),
        (None, Some(file)) => {
            let text = String::from_utf8_lossy(&read(file)?).into_owned();
            text.lines().next().unwrap_or_default().trim().to_owned()
        }
        (None, None) => String::new(),
    };
    VerifierKey::parse(&text).map_err(|error| {
        Complaint::usage(
            format!("{text:?} is no key: {error}"),
            "give the log's key, name+hash+base64, from a source that you trust",
        )
    })
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| Complaint::file("read", file, &error, "name a file that you may read"))
}
