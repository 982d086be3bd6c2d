//! `leasehold evidence sample`: entries chosen by a seed, the same from a broker and from a bundle.

use super::{bundle, particulars};
use crate::broker::Broker;
use crate::complaint::{Complaint, Result};
use crate::terminal::Terminal;
use crate::view;
use audit::sample::{SIZE_MAX, Sample};
use domain::entry::{Body, Entry};
use proto::v1::StreamEntriesRequest;
use proto::v1::evidence_service_client::EvidenceServiceClient;
use serde::Serialize;
use serde_json::value::RawValue;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Arguments of `evidence sample`.
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// What decides; agree on it before anybody has seen the log.
    #[arg(long, value_name = "TEXT", value_parser = seed)]
    seed: String,
    /// How many entries.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX as i64))]
    n: u32,
    /// Of this type.
    #[arg(long = "type", value_name = "TYPE", default_value = "lease.issued", value_parser = kind)]
    kind: &'static str,
    /// First index.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// Index before which it ends; without it the present end, which is printed: name it to sample again.
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Read a bundle instead of asking a broker.
    #[arg(long, value_name = "FILE")]
    pub(super) bundle: Option<PathBuf>,
}

pub(super) const EXAMPLE: &str = "\
Of the entries of the type, those with the smallest SHA-256(\"leasehold/v1/sample\" 00 seed 00 index).

Example:
  leasehold evidence sample --seed 'audit 2026-10' --n 25 --type lease.issued --bundle log.bundle";

#[derive(Serialize)]
struct Document<'a> {
    seed: &'a str,
    n: u32,
    r#type: &'a str,
    from: u64,
    to: u64,
    of: u64,
    sample: Vec<Chosen>,
}

#[derive(Serialize)]
struct Chosen {
    index: u64,
    entry: Box<RawValue>,
}

/// A sample that is being drawn.
struct Draw<'a> {
    args: &'a SampleArgs,
    sample: Sample<Vec<u8>>,
}

impl<'a> Draw<'a> {
    fn new(args: &'a SampleArgs) -> Self {
        Self { args, sample: Sample::new(&args.seed, usize::try_from(args.n).unwrap_or(SIZE_MAX)) }
    }

    fn range(&self) -> Range<u64> {
        self.args.from..self.args.to.unwrap_or(u64::MAX)
    }

    fn see(&mut self, index: u64, bytes: &[u8]) {
        let is_meant = || Entry::read(bytes).is_ok_and(|entry| entry.body.type_name() == self.args.kind);
        if self.range().contains(&index) && is_meant() {
            self.sample.offer(index, || bytes.to_vec());
        }
    }

    fn show(self, size: u64, terminal: &mut Terminal) -> Result<()> {
        let SampleArgs { seed, n, kind, from, to, .. } = self.args;
        let to = to.unwrap_or(size).min(size);
        let (of, chosen) = self.sample.finish();
        if terminal.json {
            let chosen = chosen.iter().map(|(index, bytes)| Ok(Chosen { index: *index, entry: view::entry(bytes)? }));
            let sample = chosen.collect::<Result<_>>()?;
            return terminal.document(&Document { seed, n: *n, r#type: kind, from: *from, to, of, sample });
        }
        for (index, bytes) in &chosen {
            let time = Entry::read(bytes).map(|entry| entry.time.to_string()).unwrap_or_default();
            terminal.line(&format!("{index:>8}  {time}  {kind:<30}  {}", particulars(bytes)))?;
        }
        terminal.say(&format!("{} of {of} entries {kind} from {from} to {to}, by seed {seed:?}", chosen.len()));
        Ok(())
    }
}

/// Asks the broker.
pub(super) async fn online(broker: &mut Broker<'_>, args: &SampleArgs) -> Result<()> {
    const DOING: &str = "read entries";
    let mut draw = Draw::new(args);
    let limit = args.to.map_or(0, |to| to.saturating_sub(args.from));
    let mut size = args.from;
    if args.to.is_none_or(|to| to > args.from) {
        let request = StreamEntriesRequest { from_index: args.from, limit };
        let call = |channel, request| async move { EvidenceServiceClient::new(channel).stream_entries(request).await };
        let opened = broker.stream(DOING, request, call).await;
        let mut entries = opened.map_err(|status| broker.complaint(DOING, &status))?;
        while let Some(item) = entries.message().await.map_err(|status| broker.complaint(DOING, &status))? {
            size = item.index + 1;
            draw.see(item.index, &item.entry);
        }
    }
    draw.show(size, broker.terminal)
}

/// Reads a bundle, which must show every entry of the range.
pub(super) fn offline(args: &SampleArgs, file: &Path, terminal: &mut Terminal) -> Result<u8> {
    let mut draw = Draw::new(args);
    let extent = bundle::read(file, |found| draw.see(found.index, &found.bytes))?;
    if let Some(index) = extent.hidden_in(&draw.range()) {
        let what = format!("the bundle does not show entry {index}: a sample of it would not be one of the log");
        return Err(Complaint::failed(
            what,
            "export the whole log, or name a range that is shown with --from and --to",
        ));
    }
    draw.show(extent.size, terminal)?;
    Ok(0)
}

fn seed(text: &str) -> std::result::Result<String, &'static str> {
    let plain = !text.is_empty() && text.len() <= 256 && !text.contains('\0');
    if plain { Ok(text.into()) } else { Err("is 1 to 256 bytes of text") }
}

fn kind(text: &str) -> std::result::Result<&'static str, String> {
    Body::TYPES.iter().find(|name| **name == text).copied().ok_or_else(|| format!("no entry has the type {text:?}"))
}
