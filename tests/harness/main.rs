//! The conformance harness: the broker's own verifier stack behind the plain contract that foreign
//! suites drive (docs/conformance.md). Told nothing but `SPIFFE_ENDPOINT_SOCKET`; `--hold-open`
//! keeps an X.509 session until the peer leaves or trust in it ends. Ends with the process.

mod serve;

use leasehold::adapters::spire::{SpireOptions, TrustPolicy};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> ExitCode {
    let hold_open = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--hold-open" => true,
        _ => {
            eprintln!("usage: SPIFFE_ENDPOINT_SOCKET=unix:///path harness [--hold-open]");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter("info").init();
    let options =
        SpireOptions { endpoint: None, policy: TrustPolicy::AsDelivered, start_timeout: Duration::from_secs(60) };
    match run(options, hold_open).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: SpireOptions, hold_open: bool) -> anyhow::Result<()> {
    let tasks = TaskTracker::new();
    let harness = serve::start(options, hold_open, &tasks).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "SPIFFE_HARNESS_VERSION=1")?;
    writeln!(out, "SPIFFE_X509_PORT={}", harness.x509.port())?;
    writeln!(out, "SPIFFE_CONTROL_PORT={}", harness.control.port())?;
    writeln!(out, "READY")?;
    out.flush()?;
    drop(out);
    tasks.close();
    tasks.wait().await;
    Ok(())
}
