//! `leasehold dev trust`: the development trust domain as a process of its own.
//! Prints one JSON object with every endpoint, then `READY`, and runs until SIGINT or SIGTERM.

use super::{Config, DevTrust, DevTrustError, Identity, Lifetimes};
use crate::domain::base::{Span, TrustDomain};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves a development trust domain: a SPIFFE issuer and Workload API for this machine alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of the sockets; made if missing, removed at the end
    #[arg(long, value_name = "DIR", default_value = ".leasehold")]
    pub dir: PathBuf,
    /// Trust domain to issue for
    #[arg(long, value_name = "DOMAIN", value_parser = TrustDomain::parse)]
    pub trust_domain: TrustDomain,
    /// Identity with its own socket, such as billing-bot=spiffe://example.org/agent/billing-bot;
    /// append :dns=NAME for a DNS name in the certificate
    #[arg(long = "identity", value_name = "NAME=SPIFFE_ID[:dns=NAME]", required = true)]
    pub identities: Vec<Identity>,
    /// Further trust domain to issue for, federated with the first
    #[arg(long, value_name = "DOMAIN", value_parser = TrustDomain::parse)]
    pub federated: Vec<TrustDomain>,
    /// Serve each identity on a loopback port too, for gRPC C-core clients; every user of this
    /// machine can open it
    #[arg(long)]
    pub tcp: bool,
    /// Lifetime of X.509-SVIDs
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub x509_ttl_seconds: u64,
    /// Lifetime of JWT-SVIDs
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub jwt_ttl_seconds: u64,
}

/// Starts the trust domain, tells `out` where it is, and serves until a signal ends it.
///
/// # Errors
/// [`DevTrustError`] if it cannot start, or nobody can be told.
pub async fn run(args: Args, out: &mut (impl Write + Send)) -> Result<(), DevTrustError> {
    // Before READY, so that no signal can kill the process between the two.
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let lifetimes =
        Lifetimes::new(Span::from_seconds(args.x509_ttl_seconds), Span::from_seconds(args.jwt_ttl_seconds))?;
    let trust = DevTrust::start(Config {
        dir: args.dir,
        trust_domain: args.trust_domain.clone(),
        identities: args.identities.clone(),
        federated: args.federated,
        lifetimes,
        tcp: args.tcp,
    })
    .await?;
    announce(&args.trust_domain, &args.identities, &trust, out).map_err(DevTrustError::io("print the endpoints"))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    trust.shutdown().await;
    Ok(())
}

#[derive(Serialize)]
struct Announcement<'a> {
    development: bool,
    trust_domain: &'a TrustDomain,
    jwks_url: String,
    identities: BTreeMap<&'a str, Endpoints<'a>>,
}

#[derive(Serialize)]
struct Endpoints<'a> {
    spiffe_id: &'a str,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_endpoint: Option<String>,
}

fn announce(
    trust_domain: &TrustDomain,
    identities: &[Identity],
    trust: &DevTrust,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let identities = identities.iter().map(|identity| {
        let name = identity.name();
        let (endpoint, tcp_endpoint) = (trust.endpoint(name), trust.tcp_endpoint(name));
        (name, Endpoints { spiffe_id: identity.spiffe_id().as_str(), endpoint, tcp_endpoint })
    });
    let (jwks_url, identities) = (trust.jwks_url(), identities.collect());
    let told = Announcement { development: true, trust_domain, jwks_url, identities };
    writeln!(out, "{}", serde_json::to_string(&told)?)?;
    writeln!(out, "READY")?;
    out.flush()
}

fn listen(kind: SignalKind) -> Result<Signal, DevTrustError> {
    signal(kind).map_err(DevTrustError::io("listen for signals"))
}
