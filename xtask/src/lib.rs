//! Chores of the workshop, and the peers that tests, demo and benches start. Depends on nothing
//! of the product: it starts binaries and talks to them as any stranger would.

pub mod canary;
pub mod children;
pub mod figures;
pub mod scene;
pub mod story;
pub mod terminal;

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The line of a check that could not be made: what, and why with how to get it. `cargo xtask test`
/// counts these lines, and prints them again at the end.
pub fn not_run(what: &str, why: &str) {
    println!("{NOT_RUN}{what}: {why}");
}

/// How such a line begins.
pub const NOT_RUN: &str = "NOT RUN: ";
pub mod foreign;
pub mod peers;
