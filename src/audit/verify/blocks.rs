//! Cuts a bundle into blocks of whole lines. Bytes and line ends only: nothing is read here.

use std::io::Read;

/// No line is longer, its line feed included: an entry, its openings, and what stands around them.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a block, unless a line is longer: long enough that a thread is worth its while.
const BLOCK_BYTES: usize = 1 << 20;

/// A bundle that is read block by block.
#[derive(Debug)]
pub struct Blocks<R> {
    bundle: R,
    /// The beginning of a line whose end was not read yet.
    begun: Vec<u8>,
    block_bytes: usize,
    over: bool,
}

/// Whole lines, one after another.
#[derive(Debug, Default)]
pub struct Block {
    lines: Vec<u8>,
    /// Why nothing follows on these lines that could be read.
    pub(super) broken: Option<String>,
}

impl<R: Read> Blocks<R> {
    /// Nothing is read yet.
    pub fn new(bundle: R) -> Self {
        Self::of(bundle, BLOCK_BYTES)
    }

    /// In blocks of at least so many bytes.
    pub fn of(bundle: R, block_bytes: usize) -> Self {
        Self { bundle, begun: Vec::new(), block_bytes: block_bytes.max(1), over: false }
    }

    /// The next lines, one at least.
    fn fill(&mut self) -> Block {
        let mut lines = std::mem::take(&mut self.begun);
        let (whole, broken) = loop {
            // Never more than the longest line: a line feed that is found then ends no longer one.
            let wanted = self.block_bytes.min(LINE_BYTES_MAX - lines.len());
            lines.reserve_exact(wanted);
            let before = lines.len();
            let read = self.bundle.by_ref().take(wanted as u64).read_to_end(&mut lines);
            self.over = lines.len() - before < wanted;
            let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            match read {
                Err(error) => break (whole, Some(error.to_string())),
                Ok(_) if self.over && whole < lines.len() => break (whole, Some("the last line is not whole".into())),
                Ok(_) if self.over || whole > 0 => break (whole, None),
                Ok(_) if lines.len() == LINE_BYTES_MAX => break (0, Some("the line is too long".into())),
                Ok(_) => {}
            }
        };
        self.over |= broken.is_some();
        self.begun = lines.split_off(whole);
        Block { lines, broken }
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        (!self.over).then(|| self.fill()).filter(|block| !block.lines.is_empty() || block.broken.is_some())
    }
}

impl Block {
    /// Takes the first line out, without its line feed.
    ///
    /// # Errors
    /// A sentence, if there is none that is whole.
    pub(super) fn first_line(&mut self) -> Result<Vec<u8>, String> {
        let Some(end) = self.lines.iter().position(|byte| *byte == b'\n') else {
            return Err(self.broken.take().unwrap_or_else(|| "no head".into()));
        };
        let rest = self.lines.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.lines, rest);
        line.pop();
        Ok(line)
    }

    /// The lines, in about so many pieces of about the same length.
    #[must_use]
    pub fn pieces(&self, count: usize) -> Vec<&[u8]> {
        let length = self.lines.len().div_ceil(count.max(1));
        let (mut pieces, mut rest) = (Vec::with_capacity(count), self.lines.as_slice());
        while !rest.is_empty() {
            let end = rest.iter().skip(length - 1).position(|byte| *byte == b'\n').map_or(rest.len(), |at| length + at);
            let (piece, behind) = rest.split_at(end);
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }

    /// All of the lines.
    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }
}
