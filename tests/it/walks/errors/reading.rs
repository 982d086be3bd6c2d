//! Mistakes around the estate, evidence and signals.

use super::{Cast, Page};
use crate::walks::raw::{Raw, id};
use leasehold::proto::v1;
use leasehold::proto::v1::estate_service_client::EstateServiceClient;
use leasehold::proto::v1::evidence_service_client::EvidenceServiceClient;
use leasehold::proto::v1::signal_service_client::SignalServiceClient;
use tonic::Status;

const FAR: u64 = 1 << 40;

pub(super) async fn rows(page: &mut Page, cast: &Cast) {
    estates(page, cast).await;
    evidence(page, cast).await;
    signals(page, cast).await;
}

async fn apply(caller: &Raw, document: &str, version: u64) -> Result<(), Status> {
    let ask = v1::ApplyEstateRequest { request_id: id(), document: document.into(), version };
    EstateServiceClient::new(caller.channel.clone()).apply_estate(caller.request(ask)).await.map(drop)
}

async fn estates(page: &mut Page, cast: &Cast) {
    page.section("Estate");
    let estate = std::fs::read_to_string(cast.stage.file("estate.toml")).unwrap();
    let operator = &cast.operator;
    page.row("from somebody who is no operator", apply(&cast.bot, &estate, 1).await);
    page.row("what is no TOML", apply(operator, "[team", 1).await);
    page.row("a kind of thing that is none", apply(operator, "[robot.r2]\nowner = \"payments\"\n", 1).await);
    page.row("an unknown key", apply(operator, &estate.replacen("max_ttl", "max_tll", 1), 1).await);
    page.row("a life that is none", apply(operator, &estate.replacen("\"20m\"", "\"soon\"", 1), 1).await);
    let nobody = estate.replacen("owner = \"payments\"", "owner = \"payment\"", 1);
    page.row("an owner that is not declared", apply(operator, &nobody, 1).await);
    let twin = estate.replacen("example.org/agent/billing-bot", "example.org/people/auditor", 1);
    page.row("an agent that is also a person", apply(operator, &twin, 1).await);
    page.row("against a version that is not in force", apply(operator, &estate, FAR).await);
    page.row("five megabytes", apply(operator, &"#".repeat(5 << 20), 1).await);
}

async fn evidence(page: &mut Page, cast: &Cast) {
    page.section("Evidence");
    let client = |caller: &Raw| EvidenceServiceClient::new(caller.channel.clone());
    let entries = v1::StreamEntriesRequest { from_index: FAR, limit: 0 };
    page.row("entries beyond the log's end", client(&cast.auditor).stream_entries(entries).await);
    page.row("entries, as a workload", client(&cast.bot).stream_entries(entries).await);
    page.row(
        "a receipt beyond the log's end",
        client(&cast.auditor).get_receipt(v1::GetReceiptRequest { index: FAR }).await,
    );
    page.row(
        "a receipt of somebody else's entry",
        client(&cast.bot).get_receipt(v1::GetReceiptRequest { index: 0 }).await,
    );
    let trace =
        async |caller: &Raw, subject| client(caller).trace(v1::TraceRequest { subject, from_index: 0, limit: 0 }).await;
    page.row("a trace of nothing", trace(&cast.auditor, None).await);
    let agent = || Some(v1::trace_request::Subject::Agent("billing-bot".into()));
    page.row("a trace, as a workload", trace(&cast.bot, agent()).await);
    let no_id = Some(v1::trace_request::Subject::SpiffeId("https://example.org/agent/a".into()));
    page.row("a trace of what is no SPIFFE ID", trace(&cast.auditor, no_id).await);
    let rebuild = v1::RebuildIndexRequest {};
    page.row("a new index, as an auditor", client(&cast.auditor).rebuild_index(rebuild).await);
    let proof = async |old_size, new_size| {
        client(&cast.auditor).get_consistency_proof(v1::GetConsistencyProofRequest { old_size, new_size }).await
    };
    page.row("a proof from a newer tree to an older", proof(5, 3).await);
    page.row("a proof to a tree that is not there yet", proof(3, FAR).await);
}

async fn signals(page: &mut Page, cast: &Cast) {
    page.section("Signals");
    let subscribe = async |caller: &Raw, from_index, types: Vec<String>| {
        SignalServiceClient::new(caller.channel.clone()).subscribe(v1::SubscribeRequest { from_index, types }).await
    };
    page.row("as a workload", subscribe(&cast.bot, 0, Vec::new()).await);
    page.row("from beyond the log's end", subscribe(&cast.auditor, FAR, Vec::new()).await);
    page.row("a type that is none", subscribe(&cast.auditor, 0, vec!["lease.lost".into()]).await);
    page.row("sixty-five types", subscribe(&cast.auditor, 0, vec!["task.*".into(); 65]).await);
}
