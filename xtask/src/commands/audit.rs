//! `cargo xtask audit`: what `deny.toml` says, held by cargo-deny. Not a part of `test`, because the
//! tool is slow to install and its advisories come over the network.

use super::{Outcome, cargo, delegate};
use anyhow::Result;

pub(super) fn run() -> Result<Outcome> {
    let there = cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !there {
        xtask::not_run("audit", "cargo-deny is missing; get it with `cargo install --locked cargo-deny`");
        return Ok(Outcome::Failed);
    }
    let held = delegate(&mut cargo(&["deny", "check", "licenses", "bans", "sources"]))?;
    let fetched = cargo(&["deny", "fetch", "db"]).output().is_ok_and(|output| output.status.success());
    if !fetched {
        xtask::not_run("audit of advisories", "the database cannot be fetched; try again with a network");
        return Ok(held);
    }
    let advised = delegate(&mut cargo(&["deny", "check", "advisories"]))?;
    Ok(Outcome::of(held == Outcome::Succeeded && advised == Outcome::Succeeded))
}
