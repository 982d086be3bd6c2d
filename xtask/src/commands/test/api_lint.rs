//! `buf lint` on the API. buf comes as an npm package with the binary inside (Linux only), pinned by hash in
//! `xtask/buf/package-lock.json`; install scripts are not run. Where it cannot be had, the check is
//! NOT RUN, and says so.

use super::{Found, of_program};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::NOT_RUN;

pub(super) fn run() -> Result<Found> {
    match installed() {
        Ok(buf) => of_program(Command::new(buf).arg("lint").current_dir(xtask::root().join("proto"))),
        Err(error) => {
            let how = "npm with a registry, or `buf` on PATH";
            Ok(Found::NotRun(format!("{NOT_RUN}buf lint: {error:#}; it needs {how}")))
        }
    }
}

/// The pinned buf, installed when it is not there yet; else the one on `PATH`.
fn installed() -> Result<PathBuf> {
    pinned().or_else(|error| {
        let found = Command::new("buf").arg("--version").output().is_ok_and(|output| output.status.success());
        if found { Ok("buf".into()) } else { Err(error) }
    })
}

fn pinned() -> Result<PathBuf> {
    let (recipe, place) = (xtask::root().join("xtask/buf"), xtask::root().join("target/peers/buf"));
    // npm installs the one that fits the machine; the wrapper package that would choose needs all to exist.
    let platform = if cfg!(target_arch = "aarch64") { "buf-linux-aarch64" } else { "buf-linux-x64" };
    let buf = place.join("node_modules/@bufbuild").join(platform).join("bin/buf");
    let lock = "package-lock.json";
    let same = |name: &str| fs::read(recipe.join(name)).ok() == fs::read(place.join(name)).ok();
    if !same(lock) || !runs(&buf) {
        fs::create_dir_all(&place)?;
        for name in ["package.json", lock] {
            fs::copy(recipe.join(name), place.join(name))?;
        }
        install(&place)?;
    }
    anyhow::ensure!(runs(&buf), "the npm package was installed, but its binary does not run here");
    Ok(buf)
}

fn install(place: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(place);
    let output = npm.output().context("npm is missing")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "npm failed: {}", said.lines().take(3).collect::<Vec<_>>().join(" "));
    Ok(())
}

fn runs(buf: &Path) -> bool {
    Command::new(buf).arg("--version").output().is_ok_and(|output| output.status.success())
}
