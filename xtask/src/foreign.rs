//! What is written in other languages, made ready to run: go-spiffe (`tests/foreign/go`), a reader and a
//! witness of logs in Go (`tests/foreign/tlog`), PyPI `spiffe` (`tests/foreign/py`), and our own verifier
//! in Python (`clients/verify-py`). Versions are pinned with hashes; each language's own package client checks them. Everything made goes to `target/peers`.
//!
//! A machine that cannot have a client gets [`Missing`], which a test prints as NOT RUN. A client that
//! does not build, or a hash that does not match, is an error like any other.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Why a client cannot be had on this machine, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Which client.
    pub what: &'static str,
    /// Why, and how to get it: one line.
    pub why: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Missing {}

/// The Python client: an interpreter that has its packages, and the script to give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PyClient {
    /// `python` of a virtual environment.
    pub python: PathBuf,
    /// The script, its first argument.
    pub script: PathBuf,
}

/// Builds the Go client.
///
/// # Errors
/// [`Missing`] without Go or its modules; otherwise what the build says.
pub fn go_client() -> Result<PathBuf> {
    go_program(GO, "1.24", "go", "go-spiffe-client")
}

/// Builds the reader and witness of logs in Go.
///
/// # Errors
/// [`Missing`] without Go or its modules; otherwise what the build says.
pub fn go_tlog() -> Result<PathBuf> {
    go_program(GO_TLOG, "1.25", "tlog", "go-tlog")
}

/// Builds the Go program in this folder of `tests/foreign`.
fn go_program(what: &'static str, version: &str, folder: &str, name: &str) -> Result<PathBuf> {
    let source = root().join("tests/foreign").join(folder);
    let program = peers()?.join(name);
    let _one_at_a_time = lock("go")?;
    let go = |arguments: &[&OsStr]| {
        let mut command = Command::new("go");
        // The compiler that is there, or none: nothing is fetched but the pinned modules.
        command.args(arguments).current_dir(&source).env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=readonly");
        command.output()
    };
    let missing =
        |why: String| Missing { what, why: format!("{why}; it needs Go {version} or newer and a Go module proxy") };
    let downloaded = match go(&["mod".as_ref(), "download".as_ref()]) {
        Err(error) if is_absent(&error) => return Err(missing("there is no `go`".to_owned()).into()),
        other => other?,
    };
    if !downloaded.status.success() {
        let said = last_line(&downloaded);
        let forged = ["checksum mismatch", "SECURITY ERROR"].iter().any(|sign| text(&downloaded).contains(sign));
        return if forged { bail!("go mod download: {said}") } else { Err(missing(said).into()) };
    }
    let flags = ["build", "-buildvcs=false", "-o"].map(AsRef::as_ref);
    let built = go(&[&flags[..], &[program.as_os_str(), ".".as_ref()]].concat())?;
    if !built.status.success() {
        bail!("go build in {}: {}", source.display(), text(&built));
    }
    Ok(program)
}

/// Makes the Python client's environment, once for each state of its requirements.
///
/// # Errors
/// [`Missing`] without Python or its packages; otherwise what pip says.
pub fn py_client() -> Result<PyClient> {
    let source = root().join("tests/foreign/py");
    let python = environment(PYTHON, "py", "spiffe", &source.join("requirements.txt"))?;
    Ok(PyClient { python, script: source.join("client.py") })
}

/// The Python that has what our verifier in Python needs. Gives `python` of a virtual environment.
///
/// # Errors
/// [`Missing`] without Python or the package; otherwise what pip says.
pub fn py_verifier() -> Result<PathBuf> {
    environment(VERIFIER, "verify-py", "cryptography", &root().join("clients/verify-py/requirements.txt"))
}

/// Makes a virtual environment, once for each state of its requirements, and gives its `python`.
fn environment(what: &'static str, name: &str, import: &str, requirements: &Path) -> Result<PathBuf> {
    let environment = peers()?.join(name);
    let python = environment.join("bin/python");
    let _one_at_a_time = lock(name)?;
    let wanted = fs::read(requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let stamp = environment.join("installed-requirements.txt");
    let import = format!("import {import}");
    let runs = Command::new(&python).args(["-c", &import]).output().is_ok_and(|ran| ran.status.success());
    if runs && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    make_environment(what, &environment)?;
    install(what, &python, requirements)?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}

fn make_environment(what: &'static str, environment: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(environment);
    match command.output() {
        Err(error) if is_absent(&error) => Err(py_missing(what, "there is no `python3`".to_owned()).into()),
        Ok(made) if !made.status.success() => Err(py_missing(what, format!("no venv: {}", last_line(&made))).into()),
        other => Ok(other.map(drop)?),
    }
}

fn install(what: &'static str, python: &Path, requirements: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    // Wheels only: no stranger's build script runs.
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(requirements);
    let installed = pip.output()?;
    if installed.status.success() {
        Ok(())
    } else if text(&installed).contains("DO NOT MATCH THE HASHES") {
        bail!("pip install: {}", text(&installed))
    } else {
        Err(py_missing(what, format!("pip cannot install its packages: {}", last_line(&installed))).into())
    }
}

fn py_missing(what: &'static str, why: String) -> Missing {
    Missing {
        what,
        why: format!("{why}; it needs Python {PYTHON_VERSION} or newer with venv, and a package index for pip"),
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn last_line(output: &Output) -> String {
    let text = text(output);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim().to_owned()
}

/// Held while one process prepares a client; tests run in parallel, also as processes.
fn lock(name: &str) -> Result<File> {
    let file = File::create(peers()?.join(format!("{name}.lock")))?;
    file.lock()?;
    Ok(file)
}

fn peers() -> Result<PathBuf> {
    let peers = root().join("target/peers");
    fs::create_dir_all(&peers).with_context(|| format!("making {}", peers.display()))?;
    Ok(peers)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

const GO: &str = "go-spiffe client";
const GO_TLOG: &str = "reader and witness of logs in Go";
const PYTHON: &str = "Python spiffe client";
const VERIFIER: &str = "verifier in Python";
const PYTHON_VERSION: &str = "3.10";
