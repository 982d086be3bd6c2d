//! The one binary: parses arguments, calls `app`, prints what went wrong, sets the exit code.

use clap::Parser as _;
use leasehold::{app::cli, client};
use std::process::ExitCode;

// Entries and frames are many small blocks that die on another thread than they were born on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.globals.json;
    cli::run(cli).unwrap_or_else(|error| {
        let (text, code) = client::explain(&error, json);
        if !text.is_empty() {
            eprintln!("{text}");
        }
        ExitCode::from(code)
    })
}
