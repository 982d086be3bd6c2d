//! `leasehold dev`: one command, no privileges, nothing left behind. A development trust domain, an
//! OpenBao in memory, the broker and a sample estate, in the folder `.leasehold` of where it is run.
//!
//! For development only: whoever can open a socket is that identity, and it listens on loopback
//! alone. Nothing is approved by itself: people approve, with `--as payments-lead`.

mod banner;
mod bao;
mod database;
mod engine;
mod place;

use super::config::{Config, JwtLogin, Log, PROOF_SECONDS_DEFAULT, Vault};
use super::connect::SvidConnect;
use super::{serve, telemetry};
use crate::adapters::system::OsEntropy;
use crate::client::{Connect as _, Target};
use crate::devtrust::{self, DevTrust, Identity};
use crate::domain::base::{Secret, SpiffeId, TrustDomain};
use crate::domain::estate::{Document, Estate};
use crate::domain::vault_policy::policies;
use crate::ports::entropy;
use crate::proto::v1::estate_service_client::EstateServiceClient;
use crate::proto::v1::{ApplyEstateRequest, PlanEstateRequest};
use anyhow::{Context as _, Result, anyhow};
use bao::Bao;
use database::Ledger;
use place::Place;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What to start besides the usual.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The OpenBao to start, if it is not `bao` (or `vault`) on PATH
    #[arg(long, value_name = "PATH")]
    bao: Option<PathBuf>,
    /// Adds a database credential on this PostgreSQL, as a superuser of it; a password belongs into the
    /// variable, never on a command line
    #[arg(long, value_name = "DSN", env = "LEASEHOLD_DEV_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
}

/// Starts everything, says where it is, and serves until SIGINT or SIGTERM.
///
/// # Errors
/// The first part that did not start, or that ended by itself.
pub async fn run(args: Args) -> Result<()> {
    telemetry::start();
    let tasks = TaskTracker::new();
    let stop = stopped_by_signals(&tasks)?;
    let trust = DevTrust::start(trust_domain()?).await?;
    // Only now: the sockets are ours, so nobody else's run is in this folder.
    let place = Place::clear()?;
    let outcome = match stop.run_until_cancelled(Bao::start(args.bao.as_deref(), &place)).await {
        Some(Ok(bao)) => {
            let outcome = play(&args, &trust, &place, &bao, &stop).await;
            bao.end().await;
            outcome
        }
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    trust.shutdown().await;
    outcome
}

fn stopped_by_signals(tasks: &TaskTracker) -> Result<CancellationToken> {
    let (stop, end) = (CancellationToken::new(), serve::interruption()?);
    let told = stop.clone();
    tasks.spawn(async move {
        end.await;
        told.cancel();
    });
    Ok(stop)
}

/// With a database, if one was named: what is made in it is removed, however the rest went.
async fn play(args: &Args, trust: &DevTrust, place: &Place, bao: &Bao, stop: &CancellationToken) -> Result<()> {
    let Some(dsn) = &args.postgres else { return serve_on(trust, place, bao, None, stop).await };
    let ledger = Ledger::make(dsn).await?;
    let outcome = serve_on(trust, place, bao, Some(&ledger), stop).await;
    outcome.and(ledger.remove().await)
}

async fn serve_on(
    trust: &DevTrust,
    place: &Place,
    bao: &Bao,
    ledger: Option<&Ledger>,
    stop: &CancellationToken,
) -> Result<()> {
    let text = place.write_samples(ledger.is_some())?;
    let document = Document::parse(&text).map_err(|mistakes| anyhow!("the sample estate: {mistakes}"))?;
    bao.engine().set_up(&trust.jwks_url(), &policies(&Estate::of_document(&document))).await?;
    if let Some(ledger) = ledger {
        ledger.connect_engine(bao.engine()).await?;
    }
    let broker = serve::start(config(place, trust, bao)?).await?;
    let address = broker.address();
    apply(trust, address, text).await?;
    place.write_target(address, BROKER_ID)?;
    banner::tell(address, broker.http(), ledger.is_some())?;
    let end = async {
        tokio::select! {
            () = stop.cancelled() => false,
            () = bao.ended() => true,
        }
    };
    let alone = AtomicBool::new(false);
    broker.until(async { alone.store(end.await, Ordering::Relaxed) }).await?;
    if alone.into_inner() { Err(anyhow!("OpenBao ended by itself: start leasehold dev again")) } else { Ok(()) }
}

fn trust_domain() -> Result<devtrust::Config> {
    let mut config = devtrust::Config::new(place::FOLDER, TrustDomain::parse(TRUST_DOMAIN)?);
    config.identities = IDENTITIES.iter().map(|it| it.parse::<Identity>()).collect::<Result<_, _>>()?;
    Ok(config)
}

fn config(place: &Place, trust: &DevTrust, bao: &Bao) -> Result<Config> {
    let file = place.file("log.db");
    Ok(Config {
        trust_domain: TrustDomain::parse(TRUST_DOMAIN)?,
        federated: BTreeSet::new(),
        workload_api: Some(trust.endpoint("broker")),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        log: Log { key_file: file.with_extension("key"), file, origin: ORIGIN.into(), mode: "dev" },
        operators: BTreeSet::from([SpiffeId::parse(OPERATOR_ID)?]),
        vault: Vault {
            address: bao.address(),
            ca_file: None,
            namespace: None,
            jwt: JwtLogin { mount: "jwt".into(), role: "leasehold".into(), audience: engine::AUDIENCE.into() },
            request_seconds_max: bao::REQUEST_SECONDS_MAX,
        },
        witness: None,
        proof_seconds_max: PROOF_SECONDS_DEFAULT,
    })
}

/// As an operator would, over the API.
async fn apply(trust: &DevTrust, address: SocketAddr, document: String) -> Result<()> {
    let connect = SvidConnect::default();
    let target = Target {
        address: address.to_string(),
        broker_id: SpiffeId::parse(BROKER_ID)?,
        socket: trust.endpoint("platform-lead"),
    };
    let mut estate = EstateServiceClient::new(connect.channel(&target).await?);
    let plan = estate.plan_estate(PlanEstateRequest { document: document.clone() }).await?.into_inner();
    let request_id = uuid::Builder::from_random_bytes(connect.chance()).into_uuid().to_string();
    let request = ApplyEstateRequest { request_id, document, version: plan.version };
    estate.apply_estate(request).await.context("the sample estate was not applied")?;
    Ok(())
}

/// A fresh random password or token, in hex.
fn random_word() -> Secret {
    let chance: [u8; 16] = entropy::bytes(&OsEntropy);
    Secret::from_text(chance.iter().map(|byte| format!("{byte:02x}")).collect())
}

const TRUST_DOMAIN: &str = "example.org";
const BROKER_ID: &str = "spiffe://example.org/leasehold";
const OPERATOR_ID: &str = "spiffe://example.org/people/platform-lead";
/// A log keeps its mode for ever: it is in its origin, and so in the name of its key.
const ORIGIN: &str = "leasehold.example.org/dev";
const IDENTITIES: [&str; 7] = [
    "broker=spiffe://example.org/leasehold:dns=leasehold",
    "billing-bot=spiffe://example.org/agent/billing-bot",
    "stranger=spiffe://example.org/agent/stranger",
    "payments-lead=spiffe://example.org/people/payments-lead",
    "payments-deputy=spiffe://example.org/people/payments-deputy",
    "platform-lead=spiffe://example.org/people/platform-lead",
    "auditor=spiffe://example.org/people/auditor",
];
