//! `leasehold log check`: looks at every byte of a log's file, without a broker or beside one: the
//! pages, each entry and tile, each opening, the signature, and the laws of the log. Changes nothing.
//!
//! The laws are the offline verifier's: the file is read to it as a bundle.

use super::config::Config;
use super::log_key;
use crate::adapters::sqlite::LogFile;
use crate::audit::bundle::{Disclosed, Head, Shown};
use crate::audit::{Complaint, verify};
use crate::client::{Globals, Terminal, show_report};
use crate::ports::StoredEntry;
use crate::tlog::leaf_hash;
use crate::tlog::tree::{Edge, FullTile};
use anyhow::{Context as _, Result, anyhow, bail};
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;

/// Verbs about the log's own file.
#[derive(Debug, clap::Subcommand)]
pub enum LogVerb {
    /// Check every byte of the log's file, or of a copy: pages, entries, tiles, openings, signature, laws.
    #[command(after_help = CHECK)]
    Check(CheckArgs),
}

/// Which log.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The broker's configuration: it names the log and its key.
    #[arg(long, value_name = "FILE", default_value = "leasehold.toml")]
    config: PathBuf,
    /// Check this file instead, such as a copy of the log.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const CHECK: &str = "\
Exit code 0 only when everything holds. Changes nothing; the broker may run or not.

Example:
  leasehold log check --config leasehold.toml --file /backup/log.db";

/// Checks and shows.
///
/// # Errors
/// If the configuration, the key or the file cannot be read at all.
pub fn run(verb: LogVerb, globals: &Globals) -> Result<ExitCode> {
    let LogVerb::Check(CheckArgs { config, file }) = verb;
    let mut terminal = Terminal::of_process(globals.json);
    let text = std::fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    let config = Config::parse(&text).map_err(|mistakes| anyhow!("{}: {mistakes}", config.display()))?;
    let key = log_key::load(&config.log.key_file, &config.log.origin)?.verifier();
    let file = file.unwrap_or(config.log.file);
    let log = LogFile::open(&file)?;
    terminal.say(&format!("looking at the pages of {}", file.display()));
    let mut complaints: Vec<_> = log.page_faults()?.into_iter().map(|what| complaint(None, "pages", what)).collect();
    let (head, standing) = log.head()?;
    let Some(head) = head else { bail!("the log {} is empty", file.display()) };
    if head.size != standing {
        let meaning = format!("{standing} entries are in the file, and its head says {}", head.size);
        complaints.push(complaint(None, "head", meaning));
    }
    terminal.say(&format!("looking at {} entries", head.size));
    let mut bundle = Bundle::new(&log, head, &mut terminal);
    let mut report = verify(&mut bundle, &key);
    complaints.append(&mut bundle.complaints);
    complaints.append(&mut report.complaints);
    report.complaints = complaints;
    show_report(&report, &mut terminal)?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file as lines of a bundle, page by page; keeps what the verifier cannot see.
struct Bundle<'a> {
    log: &'a LogFile,
    terminal: &'a mut Terminal,
    size: u64,
    edge: Edge,
    lines: Vec<u8>,
    read: usize,
    complaints: Vec<Complaint>,
}

const PAGE: u32 = 1_000;
const HASH_LENGTH: usize = 32;
const TILE_WIDTH: u64 = 256;
/// About a second's work.
const PROGRESS: u64 = 100_000;

impl<'a> Bundle<'a> {
    fn new(log: &'a LogFile, head: crate::ports::Head, terminal: &'a mut Terminal) -> Self {
        let lines = Head::new(head.checkpoint, None).to_line().into_bytes();
        Self { log, terminal, size: head.size, edge: Edge::new(), lines, read: 0, complaints: Vec::new() }
    }

    /// The next page. What cannot be read ends the bundle, and is named.
    fn turn(&mut self) {
        (self.read, self.lines) = (0, Vec::new());
        let from = self.edge.size();
        let limit = u64::from(PAGE).min(self.size.saturating_sub(from));
        if from > 0 && from.is_multiple_of(PROGRESS) {
            self.terminal.say(&format!("{from} of {} entries", self.size));
        }
        let openings = self.log.openings(from, from + limit);
        let openings = openings.unwrap_or_else(|fault| {
            self.complain(Some(from), "file", fault.sentence);
            Vec::new()
        });
        let mut openings = openings.into_iter().peekable();
        for stored in self.page(from, limit) {
            let mut disclosed = Vec::new();
            while let Some((_, _, it)) = openings.next_if(|(index, _, _)| *index <= stored.index) {
                disclosed.push(Disclosed::new(&it.field, &it.salt, &it.value));
            }
            self.entry(stored.index, &stored.bytes, disclosed);
        }
    }

    /// Fewer than asked for only where the file has no more to give; that is named by its index.
    fn page(&mut self, from: u64, limit: u64) -> Vec<StoredEntry> {
        if let Ok(page) = self.log.entries(from, u32::try_from(limit).unwrap_or(PAGE))
            && page.len() as u64 == limit
        {
            return page;
        }
        let mut page = Vec::new();
        loop {
            let index = from + page.len() as u64;
            match self.log.entries(index, 1) {
                Ok(mut one) if !one.is_empty() => page.append(&mut one),
                Ok(_) => self.complain(Some(index), "file", "it is missing, and so is all that follows".into()),
                Err(fault) => self.complain(Some(index), "file", fault.sentence),
            }
            if from + page.len() as u64 == index {
                self.size = index;
                return page;
            }
        }
    }

    fn entry(&mut self, index: u64, bytes: &[u8], mut openings: Vec<Disclosed>) {
        openings.sort_by(|one, other| one.field.cmp(&other.field));
        let leaf = leaf_hash(bytes);
        self.lines.extend(Shown { entry: bytes, index, leaf, openings }.to_line());
        let tiles = self.edge.push(leaf);
        tiles.iter().for_each(|tile| self.compare(tile));
    }

    /// A leaf tile that disagrees says which entry it is about.
    fn compare(&mut self, made: &FullTile) {
        let name = format!("tile {}/{}", made.level, made.number);
        match self.log.tile(made.level, made.number) {
            Ok(Some(found)) if found == made.bytes => {}
            Ok(Some(found)) if made.level == 0 => {
                let hashes = found.chunks(HASH_LENGTH).zip(made.bytes.chunks(HASH_LENGTH));
                let differ = (made.number * TILE_WIDTH..).zip(hashes).filter(|(_, (found, made))| found != made);
                differ.for_each(|(index, _)| {
                    self.complain(Some(index), "tile", format!("its bytes are not those that {name} was made of"));
                });
            }
            Ok(Some(_)) => self.complain(None, "tile", format!("{name} is not that of the entries")),
            Ok(None) => self.complain(None, "tile", format!("{name} is missing")),
            Err(fault) => self.complain(None, "tile", fault.sentence),
        }
    }

    fn complain(&mut self, index: Option<u64>, law: &str, meaning: String) {
        self.complaints.push(complaint(index, law, meaning));
    }
}

impl Read for Bundle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Bundle<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read >= self.lines.len() && self.edge.size() < self.size {
            self.turn();
        }
        Ok(self.lines.get(self.read..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

fn complaint(index: Option<u64>, law: &str, meaning: String) -> Complaint {
    Complaint { index, law: law.into(), meaning }
}
