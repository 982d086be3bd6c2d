//! The offline verifier on all cores of a machine: lines are prepared side by side and judged one after
//! another, in the order of the bundle. What is found is what `audit::verify` finds, sooner.
//!
//! Threads live for one block of lines and are joined before the next; nothing else is shared.

use audit::{Block, Blocks, Prepared, Report, Verifier, prepare, verify};
use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, Scope};
use tlog::policy::Policy;

/// More would wait for the one that judges.
const CORES_MAX: usize = 8;
/// Pieces of a block for each core: so many that a core which begins late does not hold up the others.
const PIECES_PER_CORE: usize = 8;

/// The lines of one block, in pieces that whoever is free prepares.
struct Bench<'a> {
    pieces: Vec<&'a [u8]>,
    next: AtomicUsize,
    prepared: Vec<OnceLock<Vec<Prepared>>>,
}

/// Verifies a bundle as [`verify`] does.
pub fn verify_on_all_cores(bundle: impl Read, trusted: impl Into<Policy>) -> Report {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(CORES_MAX);
    if cores == 1 { verify(bundle, trusted) } else { verify_on(cores, Blocks::new(bundle), trusted) }
}

fn verify_on(cores: usize, mut blocks: Blocks<impl Read>, trusted: impl Into<Policy>) -> Report {
    let (mut verifier, first) = match Verifier::begin(&mut blocks, trusted) {
        Ok(begun) => begun,
        Err(report) => return *report,
    };
    // While a block is prepared, the one before it is judged and the one behind it is read.
    let (mut judged_next, mut block) = (None, Some(first));
    while let Some(current) = block {
        let bench = Bench::new(&current, cores * PIECES_PER_CORE);
        let behind = thread::scope(|scope| {
            let _all = (1..cores).all(|_| help(Builder::new(), scope, &bench));
            let behind = judge(&mut verifier, judged_next.take()).then(|| blocks.next());
            bench.work();
            behind
        });
        let prepared = bench.take();
        let Some(behind) = behind else { break };
        judged_next = Some((prepared, current));
        block = behind;
    }
    judge(&mut verifier, judged_next);
    verifier.finish()
}

/// Whether one more prepares lines. Where no thread can be had, the work is done all the same, by fewer.
fn help<'s>(thread: Builder, scope: &'s Scope<'s, '_>, bench: &'s Bench<'_>) -> bool {
    thread.spawn_scoped(scope, || bench.work()).is_ok()
}

/// Whether it goes on behind these lines.
fn judge(verifier: &mut Verifier, lines: Option<(Vec<Vec<Prepared>>, Block)>) -> bool {
    lines.is_none_or(|(lines, block)| verifier.take(lines.into_iter().flatten()) && verifier.go_on(block))
}

impl<'a> Bench<'a> {
    fn new(block: &'a Block, pieces: usize) -> Self {
        let pieces = block.pieces(pieces);
        let prepared = pieces.iter().map(|_| OnceLock::new()).collect();
        Self { pieces, next: AtomicUsize::new(0), prepared }
    }

    /// Prepares pieces as long as there are any.
    fn work(&self) {
        loop {
            let mine = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(piece), Some(place)) = (self.pieces.get(mine), self.prepared.get(mine)) else { return };
            place.get_or_init(|| prepare(piece).collect());
        }
    }

    /// What was prepared, in the order of the lines.
    fn take(self) -> Vec<Vec<Prepared>> {
        self.prepared.into_iter().filter_map(OnceLock::into_inner).collect()
    }
}

#[cfg(test)]
mod tests;
