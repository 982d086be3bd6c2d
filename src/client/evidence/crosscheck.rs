//! `leasehold evidence crosscheck`: the engine's audit file beside a bundle of the whole log. Offline.

use super::bundle;
use crate::complaint::{Complaint, Result};
use crate::terminal::Terminal;
use audit::crosscheck::{Crosscheck, Tally};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

/// Arguments of `evidence crosscheck`.
#[derive(Debug, clap::Args)]
pub struct CrosscheckArgs {
    /// A bundle of the whole log.
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// What the engine's file audit device wrote; rotated files can be given one after the other.
    #[arg(long, value_name = "FILE", required = true)]
    audit: Vec<PathBuf>,
}

pub(super) const EXAMPLE: &str = "\
Exit code 0 only when each has what the other has. docs/auditing.md says what is compared.

Example:
  leasehold evidence crosscheck --bundle log.bundle --audit /var/log/openbao/audit.log";

#[derive(Serialize)]
struct Document<'a> {
    agrees: bool,
    #[serde(flatten)]
    tally: &'a Tally,
}

pub(super) fn run(args: &CrosscheckArgs, terminal: &mut Terminal) -> Result<u8> {
    let mut crosscheck = Crosscheck::default();
    let mut unreadable = None;
    let extent = bundle::read(&args.bundle, |found| {
        if let Err(why) = crosscheck.entry(found.index, &found.bytes) {
            unreadable.get_or_insert((found.index, why));
        }
    })?;
    if let Some((index, why)) = unreadable {
        let what = format!("entry {index} of the bundle cannot be read: {why}");
        return Err(Complaint::failed(what, "verify the bundle first (leasehold evidence verify)"));
    }
    if let Some(stretch) = extent.folded.first() {
        let what = format!("the bundle does not show entry {}: only a whole log can be compared", stretch.start);
        return Err(Complaint::failed(what, "export the log without choosing (leasehold evidence export)"));
    }
    for path in &args.audit {
        let refuse = |error| Complaint::file("read", path, &error, "name an audit file that you may read");
        let mut file = BufReader::new(File::open(path).map_err(refuse)?);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line).map_err(refuse)? > 0 {
            crosscheck.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let tally = crosscheck.finish();
    if terminal.json {
        terminal.document(&Document { agrees: tally.agrees(), tally: &tally })?;
    } else {
        terminal.lines(&tally.to_string())?;
    }
    Ok(u8::from(!tally.agrees()))
}
