//! `leasehold lease …`: see, prolong and end leases.

use super::broker::Broker;
use super::complaint::Result;
use super::text::{self, time_short};
use super::{proof, view};
use domain::base::Span;
use proto::v1::issuance_service_client::IssuanceServiceClient;
use proto::v1::{GetLeaseRequest, Lease, ListLeasesRequest, RenewLeaseRequest, RevokeLeaseRequest};
use serde_json::json;
use std::collections::BTreeMap;

/// Verbs on leases.
#[derive(Debug, clap::Subcommand)]
pub enum LeaseVerb {
    /// List open leases, newest first.
    #[command(after_help = "Example:\n  leasehold lease list --state unproven")]
    List(ListArgs),
    /// Show one lease.
    #[command(after_help = "Example:\n  leasehold lease show lease-0193d1a0-…")]
    Show {
        /// Its id.
        lease: String,
    },
    /// Prolong a lease, as far as credential, task, approval and your SVID allow.
    #[command(after_help = "Example:\n  leasehold lease renew lease-0193d1a0-… --ttl 10m")]
    Renew(RenewArgs),
    /// End a lease before its task ends.
    #[command(after_help = "Example:\n  leasehold lease revoke lease-0193d1a0-… --wait")]
    Revoke(RevokeArgs),
}

/// Arguments of `lease list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only leases of this task.
    #[arg(long)]
    task: Option<String>,
    /// Only leases of this credential.
    #[arg(long)]
    credential: Option<String>,
    /// Only leases in this state, such as issued, ending or unproven.
    #[arg(long)]
    state: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Arguments of `lease renew`.
#[derive(Debug, clap::Args)]
pub struct RenewArgs {
    /// Its id.
    lease: String,
    /// Life wanted from now; the longest allowed without it.
    #[arg(long, value_parser = text::span)]
    ttl: Option<Span>,
}

/// Arguments of `lease revoke`.
#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// Its id.
    lease: String,
    /// Wait until its end is proven.
    #[arg(long)]
    wait: bool,
}

/// Runs a verb on leases.
pub(super) async fn run(broker: &mut Broker<'_>, verb: LeaseVerb) -> Result<()> {
    match verb {
        LeaseVerb::List(args) => list(broker, &args).await,
        LeaseVerb::Show { lease } => {
            let lease = read(broker, &lease).await?;
            show(broker, &lease)
        }
        LeaseVerb::Renew(args) => renew(broker, args).await,
        LeaseVerb::Revoke(args) => revoke(broker, args).await,
    }
}

/// Reads one lease.
pub(super) async fn read(broker: &mut Broker<'_>, lease_id: &str) -> Result<Lease> {
    let call = |channel, request| async move { IssuanceServiceClient::new(channel).get_lease(request).await };
    let request = GetLeaseRequest { lease_id: lease_id.to_owned() };
    let answer = broker.ask("read the lease", request, call).await?;
    broker.part(answer.lease, "lease")
}

/// Prolongs one lease; as far as possible without a `ttl`.
pub(super) async fn renewed(broker: &mut Broker<'_>, lease_id: &str, ttl: Option<Span>) -> Result<Lease> {
    let (request_id, lease_id) = (broker.request_id(), lease_id.to_owned());
    let request = RenewLeaseRequest { request_id, lease_id, ttl: ttl.map(text::wire_span) };
    let call = |channel, request| async move { IssuanceServiceClient::new(channel).renew_lease(request).await };
    let answer = broker.ask("renew the lease", request, call).await?;
    broker.part(answer.lease, "lease")
}

async fn list(broker: &mut Broker<'_>, args: &ListArgs) -> Result<()> {
    let mut filter: Vec<String> = Vec::new();
    for (name, value) in [("task", &args.task), ("credential", &args.credential), ("state", &args.state)] {
        filter.extend(value.as_ref().map(|value| format!("{name}={value}")));
    }
    let (mut leases, mut page_token) = (Vec::new(), String::new());
    loop {
        let page_size = i32::try_from((args.limit - leases.len()).clamp(1, PAGE_MAX)).unwrap_or(0);
        let request = ListLeasesRequest { page_size, page_token, filter: filter.join(" AND ") };
        let call = |channel, request| async move { IssuanceServiceClient::new(channel).list_leases(request).await };
        let page = broker.ask("list leases", request, call).await?;
        leases.extend(page.leases);
        page_token = page.next_page_token;
        if page_token.is_empty() || leases.len() >= args.limit {
            break;
        }
    }
    leases.truncate(args.limit);
    if broker.terminal.json {
        let leases: Vec<view::Lease> = leases.iter().map(Into::into).collect();
        return broker.terminal.document(&BTreeMap::from([("leases", leases)]));
    }
    let row = |lease: &Lease| {
        let expires = time_short(lease.expire_time.as_ref());
        let (state, assurance) = (view::lease_state(lease), view::assurance(lease));
        vec![lease.id.clone(), lease.credential.clone(), state, assurance, expires, lease.task_id.clone()]
    };
    let rows: Vec<Vec<String>> = leases.iter().map(row).collect();
    broker.terminal.table(&["LEASE", "CREDENTIAL", "STATE", "ASSURANCE", "EXPIRES", "TASK"], &rows)?;
    if !page_token.is_empty() {
        broker.terminal.say("there are more; raise --limit or narrow with --task, --credential, --state");
    }
    Ok(())
}

async fn renew(broker: &mut Broker<'_>, args: RenewArgs) -> Result<()> {
    let lease = renewed(broker, &args.lease, args.ttl).await?;
    show(broker, &lease)
}

async fn revoke(broker: &mut Broker<'_>, args: RevokeArgs) -> Result<()> {
    let watch = proof::Watch::begin();
    let request = RevokeLeaseRequest { request_id: broker.request_id(), lease_id: args.lease };
    let call = |channel, request| async move { IssuanceServiceClient::new(channel).revoke_lease(request).await };
    let answer = broker.ask("revoke the lease", request, call).await?;
    let lease = broker.part(answer.lease, "lease")?;
    if !args.wait {
        show(broker, &lease)?;
        broker.terminal.say(&format!("proof follows; see: leasehold lease show {}", lease.id));
        return Ok(());
    }
    let proven = watch.leases(broker, &[(&lease).into()]).await?;
    if broker.terminal.json {
        broker.terminal.document(&json!({ "proofs": proven }))?;
    }
    proven.iter().try_for_each(proof::Proven::or_complaint)
}

fn show(broker: &mut Broker<'_>, lease: &Lease) -> Result<()> {
    if broker.terminal.json {
        return broker.terminal.document(&view::Lease::from(lease));
    }
    broker.terminal.facts(&[
        ("lease", lease.id.clone()),
        ("task", lease.task_id.clone()),
        ("credential", lease.credential.clone()),
        ("state", view::lease_state(lease)),
        ("assurance", view::assurance(lease)),
        ("revocability", view::revocability(lease)),
        ("issued", time_short(lease.issue_time.as_ref())),
        ("expires", time_short(lease.expire_time.as_ref())),
        ("revoked", time_short(lease.revoke_time.as_ref())),
        ("log index", lease.log_index.to_string()),
    ])
}

/// The API's bound on a page.
const PAGE_MAX: usize = 100;
