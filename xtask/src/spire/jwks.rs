//! The keys of SPIRE's JWT-SVIDs over HTTP on loopback, for OpenBao's `jwks_url`. Asks the server for
//! the bundle at every request, so that a rotated key is there at once. Public data only.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Serves until it is dropped.
#[derive(Debug)]
pub(super) struct KeyServer {
    url: String,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl KeyServer {
    /// Serves the bundle that this `spire-server` shows.
    pub(super) fn start(server: PathBuf, socket: PathBuf) -> Result<Self> {
        Self::serve(move || {
            let mut show = Command::new(&server);
            show.args(["bundle", "show", "-format", "spiffe", "-socketPath"]).arg(&socket).stdin(Stdio::null());
            let output = show.output().context("starting spire-server")?;
            if !output.status.success() {
                bail!("spire-server bundle show: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            jwt_keys(&String::from_utf8(output.stdout)?)
        })
    }

    /// Serves what `keys` gives at each request; an error of it is told as 503.
    pub(super) fn serve(keys: impl Fn() -> Result<String> + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A client that left early asks again.
                let _answered = answer(stream, keys());
            }
        });
        Ok(Self { url: format!("http://{address}/keys"), address, stop, thread: Some(thread) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread; if that fails it is gone already.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Reads the head of a request, whatever it asks for, and answers.
fn answer(mut stream: TcpStream, keys: Result<String>) -> Result<()> {
    stream.set_read_timeout(Some(REQUEST_MAX))?;
    let head = BufReader::new(stream.try_clone()?.take(HEAD_BYTES_MAX));
    let _read = head.lines().map_while(Result::ok).find(String::is_empty);
    let (status, body) = match keys {
        Ok(body) => ("200 OK", body),
        Err(error) => ("503 Service Unavailable", json!({ "error": format!("{error:#}") }).to_string()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    Ok(write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?)
}

/// Of a SPIFFE bundle (SPIFFE Trust Domain and Bundle, section 4) the keys that sign JWT-SVIDs, as a plain
/// JWK set: the others have no `kid`, and are not for OpenBao.
pub(super) fn jwt_keys(bundle: &str) -> Result<String> {
    let bundle: Value = serde_json::from_str(bundle).context("the bundle is not JSON")?;
    let keys = bundle.get("keys").and_then(Value::as_array).context("the bundle has no keys")?;
    let keys: Vec<_> = keys.iter().filter(|key| key.get("use").is_some_and(|it| it == "jwt-svid")).collect();
    Ok(json!({ "keys": keys }).to_string())
}

const REQUEST_MAX: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: u64 = 8192;
