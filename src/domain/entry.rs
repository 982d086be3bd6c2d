//! Entries: public bytes in canonical JSON, private openings beside them.

pub mod commitment;

pub use commitment::{Commitment, Opening};
