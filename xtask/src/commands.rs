//! One file per command; here is the list, and what the commands share.

mod audit;
mod bench;
mod demo;
mod harness;
mod targets;
mod test;

use anyhow::Result;
use std::fmt;
use std::process::Command;
use xtask::children::Children;

/// How a command went that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was as it should be.
    Succeeded,
    /// It was said what was not.
    Failed,
}

impl Outcome {
    fn of(good: bool) -> Self {
        if good { Self::Succeeded } else { Self::Failed }
    }
}

/// A command that was not understood, and what to write instead.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; `cargo xtask help` lists the commands", self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs the command that the arguments name.
pub(crate) fn run(arguments: &[String]) -> Result<Outcome> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h", ..] | [_, "--help" | "-h", ..] => {
            println!("{HELP}");
            Ok(Outcome::Succeeded)
        }
        ["test"] => test::run(),
        ["demo", flags @ ..] => demo::run(&demo::Options::parse(flags)?),
        ["bench", rest @ ..] => bench::run(rest),
        ["harness", rest @ ..] => harness::run(rest),
        ["audit"] => audit::run(),
        [command @ ("test" | "audit"), flag, ..] => Err(Usage(format!("`{command}` takes no `{flag}`")).into()),
        [other, ..] => Err(Usage(format!("there is no command `{other}`")).into()),
    }
}

/// The cargo that runs us, in the root of the repository.
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(xtask::root());
    cargo
}

/// Runs one program to its end with our own stdout and stderr.
fn delegate(command: &mut Command) -> Result<Outcome> {
    Ok(Outcome::of(Children::new()?.run(command)?.success()))
}

const HELP: &str = "\
cargo xtask COMMAND

  test            everything that must be true: format, lints, both builds, API lint, all tests, canary scan
  demo            one task, one secret, end to end on real parts, told in numbered steps
                    --spire  on spire-server and spire-agent, from PATH or LEASEHOLD_SPIRE_BIN, as root
                    --json   one JSON object per step on stdout
                    --keep   leave everything running at the end, for a look around
  bench NAME [PART…]  measure against the floor of the same run; without a name: the list
                    --json   one JSON object per figure on stdout
  harness [ARG…]  start the SPIFFE conformance harness (tests/harness)
  audit           licences, sources and advisories of all dependencies (needs cargo-deny)
  help            this text

What a command starts listens on loopback only and is gone when the command is, also after Ctrl-C.
Exit codes: 0 all is well, 1 something is not and was said, 2 the command was not understood.
NO_COLOR is honoured. docs/testing.md says how to run a single test.";
