//! The offline verifier: a bundle of entries and the log's public key in, a report out. Pure; it
//! needs no network, no broker and no clock, and it folds the entries with the very code that the
//! server runs, so the two cannot disagree about what a log means.

pub mod bundle;
pub mod crosscheck;
mod parts;
mod report;
pub mod sample;
pub mod select;
pub mod trace;
mod verify;

pub use report::{Complaint, Ends, Report};
pub use verify::{Block, Blocks, Prepared, Verifier, prepare, verify, verify_receipt};
