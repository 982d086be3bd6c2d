//! `cargo xtask`: the commands of the workshop. Data goes to stdout, talk to stderr; exit code 0 for
//! success, 1 for a failure, 2 for a command that was not understood.

mod commands;

use commands::{Outcome, Usage};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match commands::run(&arguments) {
        Ok(Outcome::Succeeded) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}
