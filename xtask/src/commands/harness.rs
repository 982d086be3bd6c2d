//! `cargo xtask harness`: builds and starts the conformance harness, whose stdout is its contract with
//! foreign suites. Nothing else is printed there.

use super::targets::targets;
use super::{Outcome, cargo, delegate};
use anyhow::{Result, bail};

pub(super) fn run(arguments: &[&str]) -> Result<Outcome> {
    if !targets("example")?.iter().any(|name| name == "harness") {
        bail!("this tree has no example `harness` yet");
    }
    delegate(cargo(&["run", "--quiet", "--example", "harness", "--"]).args(arguments))
}
