//! `leasehold witness`: a small witness of its own, for tests and for small sites. Its key and what it
//! cosigned are two files that belong together: without the second it would forget, and a witness that
//! forgets is none.

use super::{key_file, serve, telemetry};
use crate::adapters::kept_file::KeptFile;
use crate::adapters::system::{OsEntropy, SystemClock};
use crate::ports::Keepsake as _;
use crate::services::cosign::{Cosign, EMPTY_BOOK};
use crate::surfaces;
use crate::tlog::cosignature::Cosigner;
use crate::tlog::note::VerifierKey;
use anyhow::{Context as _, Result, bail};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves a witness: it cosigns a log's checkpoints, and never two that do not belong together.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, plain HTTP; 0 as port picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8490")]
    pub listen: SocketAddr,
    /// File with what was cosigned last, one head for each log; made at the first start
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// File with the witness's private key, mode 0600; made at the first start
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Verifier key of a log to vouch for, name+hash+base64; may be given several times
    #[arg(long = "log", value_name = "KEY", value_parser = VerifierKey::parse, required = true)]
    pub logs: Vec<VerifierKey>,
    /// Name of a key that is made now: a URL without schema that says whose witness it is
    #[arg(long, value_name = "NAME", default_value = "leasehold-witness")]
    pub name: String,
}

/// What `--help` says at its end.
pub const EXAMPLE: &str = "\
The line `witness NAME KEY URL` that standard error shows belongs into the policy file of the broker
and of everyone who verifies (docs/witness.md). Put TLS in front of it if others are to reach it.

Example:
  leasehold witness --listen 127.0.0.1:8490 --state witness.json --key witness.key \\
    --name witness.example.org/w1 --log 'leasehold.example.org/prod+8f2c01d3+AY…'";

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// What kept it from starting, with the next step.
pub async fn run(args: Args) -> Result<()> {
    telemetry::start();
    let end = serve::interruption()?;
    let book = Arc::new(KeptFile::alone_at(args.state)?);
    let cosigner = key_and_book(&args.key, &args.name, &book)?;
    let key = cosigner.verifier();
    let cosign = Arc::new(Cosign::start(args.logs, cosigner, book, SystemClock::wall)?);
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    eprintln!("witness {} {key} http://{address}", key.name());
    let mut out = std::io::stdout();
    let told = writeln!(out, "LISTENING {address}").and_then(|()| out.flush());
    told.context("nobody reads where the witness listens")?;
    let stopped = stop.clone();
    let ending = async move {
        end.await;
        stopped.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = surfaces::witness::serve(cosign, listener, stop) => served.context("the witness's listener failed"),
        () = ending => Ok(()),
    }
}

/// Both, or neither yet. The book is made first: an empty one without a key has promised nothing.
fn key_and_book(file: &Path, name: &str, book: &KeptFile) -> Result<Cosigner> {
    const WHOSE: &str = "the witness's key";
    let (state, written) = (book.path().display(), book.recall()?);
    match (file.exists(), written) {
        (true, Some(_)) => key_file::read(file, WHOSE),
        (true, None) => bail!(
            "the key {} exists, but what it cosigned, {state}, does not: restore it. If it is lost, this witness is \
             lost: make another with a new key, and replace the old one in every policy",
            file.display()
        ),
        (false, Some(written)) if written != EMPTY_BOOK => {
            bail!("{state} holds what a witness cosigned, but its key {} does not exist: restore it", file.display())
        }
        (false, _) => {
            book.keep(EMPTY_BOOK)?;
            key_file::make(file, name, WHOSE, &OsEntropy)
        }
    }
}
