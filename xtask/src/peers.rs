//! The foreign servers that tests, demo and benches need: found or fetched, started on loopback
//! on a free port, gone when their owner is gone, however it went.
//!
//! - [`openbao`], [`postgres`]: the two real servers.
//! - [`estate`]: sets both up with the scripts in `deploy/`, so that docs and tests cannot drift.
//! - [`proxy`]: stands between the product and a server, and misbehaves as told.
//! - [`guard`], [`http`]: what the servers share. Nothing here is used in production.

pub mod estate;
pub mod guard;
pub mod http;
pub mod openbao;
pub mod postgres;
pub mod proxy;

use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Asks until the answer is `Some`, at most for `patience`.
///
/// # Errors
/// Names `what` if the time is over.
pub fn wait_for<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {patience:?} in vain for {what}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A loopback port that is free now, and whose successor is free too (OpenBao takes both).
///
/// # Errors
/// When no such pair was found in fifty tries.
pub fn free_port() -> Result<u16> {
    for _ in 0..50 {
        let first = TcpListener::bind(("127.0.0.1", 0))?;
        let port = first.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no pair of free ports on loopback")
}

/// Fresh random lower-case hex, `bytes` long before encoding.
///
/// # Errors
/// When the system's source of chance cannot be read.
pub fn random_hex(bytes: usize) -> Result<String> {
    let mut chance = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut chance)?;
    let mut text = String::new();
    for byte in chance {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// The first executable of that name on `PATH`.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The folder of the repository, where `deploy/` lies.
#[must_use]
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(std::path::Path::to_path_buf).unwrap_or(here)
}
