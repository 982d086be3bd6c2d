//! `leasehold dev trust`: the development trust domain as a process of its own.
//! Prints one JSON object with every endpoint, then `READY`, and runs until SIGINT or SIGTERM.

use super::{Config, DevTrust, DevTrustError, Identity, Lifetimes};
use domain::base::{Span, TrustDomain};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
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
    /// Serve each identity on a loopback port too, for clients that cannot use Unix sockets; every
    /// user of this machine can open it
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
    let end = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    serve(args, out, end).await
}

async fn serve(args: Args, out: &mut impl Write, end: impl Future<Output = ()>) -> Result<(), DevTrustError> {
    let seconds = Span::from_seconds;
    let trust = DevTrust::start(Config {
        dir: args.dir,
        trust_domain: args.trust_domain.clone(),
        identities: args.identities.clone(),
        federated: args.federated,
        lifetimes: Lifetimes::new(seconds(args.x509_ttl_seconds), seconds(args.jwt_ttl_seconds))?,
        tcp: args.tcp,
    })
    .await?;
    announce(&args.trust_domain, &args.identities, &trust, out).map_err(DevTrustError::io("print the endpoints"))?;
    end.await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[tokio::test]
    async fn endpoints_are_told_in_one_object_and_end_with_the_command() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("trust");
        let shown = dir.display().to_string();
        let identity = "broker=spiffe://example.org/leasehold:dns=leasehold";
        let line = ["trust", "--dir", &shown, "--trust-domain", "example.org", "--identity", identity, "--tcp"];
        let (mut out, seen) = (Vec::new(), dir.clone());
        let end = async move { assert!(seen.join("sockets/broker.sock").exists()) };
        serve(Line::parse_from(line).args, &mut out, end).await.unwrap();
        assert!(!dir.exists());

        let out = String::from_utf8(out).unwrap();
        let (object, ready) = out.split_once('\n').unwrap();
        assert_eq!(ready, "READY\n");
        let told: serde_json::Value = serde_json::from_str(object).unwrap();
        assert_eq!((&told["development"], &told["trust_domain"]), (&true.into(), &"example.org".into()));
        let broker = &told["identities"]["broker"];
        assert_eq!(broker["spiffe_id"], "spiffe://example.org/leasehold");
        assert_eq!(broker["endpoint"], format!("unix://{shown}/sockets/spiffe@broker.sock"));
        assert!(broker["tcp_endpoint"].as_str().unwrap().starts_with("tcp://127.0.0.1:"));
        assert!(told["jwks_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    }

    #[test]
    fn what_cannot_be_served_is_refused_on_the_command_line() {
        let parse = |more: &[&str]| Line::try_parse_from([&["trust"], more].concat());
        let (domain, identity) = (["--trust-domain", "example.org"], ["--identity", "a=spiffe://example.org/a"]);
        assert!(parse(&[domain, identity].concat()).is_ok());
        assert!(parse(&domain).is_err(), "nobody to serve");
        assert!(parse(&identity).is_err(), "the trust domain must be written down");
        assert!(parse(&[domain, ["--identity", "spiffe://example.org/a"]].concat()).is_err());
        assert!(parse(&[["--trust-domain", "Example.org"], identity].concat()).is_err());
    }
}
