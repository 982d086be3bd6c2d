//! `leasehold evidence verify`: offline, with nothing but a file and the log's public key.

mod cores;

pub use cores::verify_on_all_cores;

use super::complaint::{Complaint, Result};
use super::evidence::VerifyArgs;
use super::terminal::Terminal;
use audit::bundle::Disclosed;
use audit::{Report, verify_receipt};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use tlog::policy::Policy;

/// The first key of a bundle's head; a receipt is laid out for reading.
const BUNDLE_BEGINS: &[u8] = b"{\"checkpoint\":";

/// An entry, its openings and its proof are far shorter.
const RECEIPT_BYTES_MAX: u64 = 1 << 24;

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
    let policy = policy(args)?;
    let refuse = |error| Complaint::file("read", &args.file, &error, "name a file that you may read");
    let file = File::open(&args.file).map_err(refuse)?;
    let report = match either(file).map_err(refuse)? {
        Either::Bundle(bundle) => verify_on_all_cores(bundle, &policy),
        Either::Other(bytes) => receipt(&bytes, &policy)?,
    };
    show(&report, terminal)?;
    Ok(u8::from(!report.holds()))
}

/// What a file begins as.
enum Either<R> {
    Bundle(R),
    /// All of it, or more than a receipt can be.
    Other(Vec<u8>),
}

/// Reads it once and in order: it may be a pipe, which gives each byte once, and few at a time.
fn either(mut file: impl Read) -> io::Result<Either<impl Read>> {
    let mut begin = Vec::new();
    file.by_ref().take(BUNDLE_BEGINS.len() as u64).read_to_end(&mut begin)?;
    if begin == BUNDLE_BEGINS {
        return Ok(Either::Bundle(BUNDLE_BEGINS.chain(file)));
    }
    file.take(RECEIPT_BYTES_MAX).read_to_end(&mut begin)?;
    Ok(Either::Other(begin))
}

fn receipt(bytes: &[u8], policy: &Policy) -> Result<Report> {
    if bytes.is_empty() {
        return Err(Complaint::failed(
            "the file is empty",
            "name a file of `evidence export` or of `evidence receipt N --json`",
        ));
    }
    let receipt: Receipt = serde_json::from_slice(bytes).map_err(|error| {
        Complaint::failed(
            format!("the file is neither a bundle nor a receipt: {error}"),
            "give a file of `evidence export` or of `evidence receipt N --json`",
        )
    })?;
    Ok(verify_receipt(&receipt.proof, receipt.entry.as_bytes(), &receipt.openings, policy))
}

/// Prints a report as data.
///
/// # Errors
/// Standard output could not be written.
pub fn show(report: &Report, terminal: &mut Terminal) -> Result<()> {
    if terminal.json {
        return terminal.document(&Document { holds: report.holds(), report });
    }
    terminal.lines(&report.to_string())
}

fn policy(args: &VerifyArgs) -> Result<Policy> {
    let bytes = match (&args.key, &args.keys) {
        (Some(key), _) => key.clone().into_bytes(),
        (None, Some(file)) => read(file)?,
        (None, None) => Vec::new(),
    };
    let policy = Policy::parse(&bytes).map_err(|error| {
        Complaint::usage(
            format!("no key and no policy: {error}"),
            "give the log's key, name+hash+base64, from a source that you trust, or a policy file with it",
        )
    })?;
    if policy.logs().is_empty() {
        return Err(Complaint::usage(
            "the policy names no log",
            "add a line: log, and the log's key from a source that you trust",
        ));
    }
    Ok(policy)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| Complaint::file("read", file, &error, "name a file that you may read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a pipe may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let length = to.len().min(1);
            self.0.read(to.get_mut(..length).unwrap())
        }
    }

    #[test]
    fn a_bundle_is_known_as_one_however_slowly_it_comes_and_all_of_it_is_read() {
        let bundle = [BUNDLE_BEGINS, b"\"\"}\n"].concat();
        let mut read = Vec::new();
        let Ok(Either::Bundle(mut rest)) = either(Slow(&bundle)) else { panic!("it is a bundle") };
        rest.read_to_end(&mut read).unwrap();
        assert_eq!(read, bundle);
        for other in [b"".as_slice(), b"{\"check", b"{\n  \"entry\": \"\"\n}\n"] {
            assert!(matches!(either(Slow(other)), Ok(Either::Other(bytes)) if bytes == other));
        }
    }
}
