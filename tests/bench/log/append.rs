//! Appends through the journal, many at a time and one at a time, each in turns with its floor.

use crate::floor::{PlainTable, RawFile};
use crate::plan::Size;
use crate::report::{against, median, plain};
use crate::story::BEGINNING;
use crate::through::Through;
use anyhow::Result;
use std::path::Path;

const PROPOSERS: usize = 64;
/// A fifth of a raw file's rate.
const RAW_MAX: f64 = 5.0;
const COMMITS_MAX: f64 = 2.0;
/// Bytes of the raw file: more than a block appends.
const RAW_BYTES: u64 = 64 << 20;

/// 64 proposers; the raw file then appends the same bytes in the same batches.
pub(crate) async fn many(folder: &Path, size: &Size) -> Result<()> {
    let through = Through::start(&folder.join("many.db"), BEGINNING).await?;
    let mut raw = RawFile::of(&folder.join("many.raw"), RAW_BYTES)?;
    let warm = through.propose(PROPOSERS, size.block).await?;
    raw.append(&warm.batches)?;
    let (mut ours, mut floors, mut entries, mut batches) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..size.rounds {
        let block = through.propose(PROPOSERS, size.block).await?;
        let count: usize = block.batches.iter().map(Vec::len).sum();
        ours.push(block.seconds * 1e6 / count as f64);
        floors.push(raw.append(&block.batches)? * 1e6 / count as f64);
        entries += count;
        batches += block.batches.len();
    }
    through.stop().await?;
    let ours = median(ours);
    plain("append.64.rate", 1e6 / ours, "1/s");
    plain("append.64.batch", entries as f64 / batches as f64, "1");
    against("append.64.entry", ours, median(floors), "us", RAW_MAX);
    Ok(())
}

/// One proposer; then the same row, committed in a plain table.
pub(crate) async fn single(folder: &Path, size: &Size) -> Result<()> {
    let through = Through::start(&folder.join("single.db"), BEGINNING).await?;
    let mut table = PlainTable::open(&folder.join("plain.db"))?;
    let (mut ours, mut floors, mut bytes) = (Vec::new(), Vec::new(), 0);
    let count = size.block / 16;
    for round in 0..=size.rounds {
        let (mut rows, mut walls) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for number in 0..count {
            let (wall, row) = through.one(number as u64).await?;
            walls.push(wall * 1e6);
            rows.push(row);
        }
        let commits = rows.iter().map(|row| Ok(table.commit(row)? * 1e6)).collect::<Result<Vec<f64>>>()?;
        bytes = rows.first().map_or(0, Vec::len);
        // The first round warms both up.
        if round > 0 {
            ours.extend(walls);
            floors.extend(commits);
        }
    }
    through.stop().await?;
    println!("append: entries of {bytes} bytes");
    against("append.1.p50", median(ours), median(floors), "us", COMMITS_MAX);
    Ok(())
}
