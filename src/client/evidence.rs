//! `leasehold evidence …`: entries, receipts and checkpoints, as the broker gives them.
//!
//! Reading is not verifying: what is fetched here is checked offline, with keys from elsewhere.

mod bundle;
mod crosscheck;
mod export;
mod sample;
mod trace;

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use super::monitor::{self, MonitorArgs};
use super::terminal::Terminal;
use super::{consistency, verify, view};
use proto::v1::evidence_service_client::EvidenceServiceClient;
use proto::v1::{GetCheckpointRequest, GetReceiptRequest, StreamEntriesRequest, StreamEntriesResponse};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Verbs on the log.
#[derive(Debug, clap::Subcommand)]
pub enum EvidenceVerb {
    /// List entries up to the present end.
    #[command(after_help = "Example:\n  leasehold evidence list --from 100 --type 'task.*'")]
    List(ListArgs),
    /// Print the proof of one entry (C2SP tlog-proof); with --json also the entry and its openings.
    #[command(after_help = "Example:\n  leasehold evidence receipt 42 --json > receipt.json")]
    Receipt {
        /// Index of the entry, such as the `log_index` of a lease.
        index: u64,
    },
    /// Print the newest signed checkpoint (C2SP tlog-checkpoint).
    #[command(after_help = "Example:\n  leasehold evidence checkpoint > checkpoint.txt")]
    Checkpoint {
        /// The newest that a quorum of witnesses cosigned; it may cover fewer entries.
        #[arg(long)]
        cosigned: bool,
    },
    /// Check that the log still begins with what it showed before, and keep the newer checkpoint.
    #[command(after_help = monitor::EXAMPLE)]
    Monitor(MonitorArgs),
    /// Export the log up to now, or what is chosen of it, as a bundle that anyone can verify offline.
    #[command(after_help = export::EXPORT_EXAMPLE)]
    Export(export::ExportArgs),
    /// Erase openings of a settled entry: two operators, one after the other.
    #[command(after_help = export::ERASE_EXAMPLE)]
    Erase(export::EraseArgs),
    /// Tell everything the log says of a task, lease, credential, identity or agent, from request to end.
    #[command(after_help = trace::EXAMPLE)]
    Trace(trace::TraceArgs),
    /// Throw the broker's index over the log away and fill it anew from the log.
    #[command(after_help = "Example:\n  leasehold evidence reindex")]
    Reindex,
    /// Choose entries by a seed, so that anyone can repeat the choice.
    #[command(after_help = sample::EXAMPLE)]
    Sample(sample::SampleArgs),
    /// Lay the engine's audit file beside the log and show what one has and the other lacks.
    #[command(after_help = crosscheck::EXAMPLE)]
    Crosscheck(crosscheck::CrosscheckArgs),
    /// Print the proof that a newer log begins with an older one.
    #[command(after_help = consistency::EXAMPLE)]
    Consistency(consistency::ConsistencyArgs),
    /// Verify a bundle or a receipt offline: signature, structure, openings, and the laws of the log.
    #[command(after_help = VERIFY_EXAMPLE)]
    Verify(VerifyArgs),
}

/// Arguments of `evidence verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A bundle of `evidence export`, or a receipt of `evidence receipt N --json`.
    pub(super) file: PathBuf,
    /// The log's public key, `name+hash+base64`, from a source that you trust.
    #[arg(long, value_name = "KEY", required_unless_present = "keys")]
    pub(super) key: Option<String>,
    /// A file with the key, or a policy (C2SP tlog-policy): the log, witnesses, and how many must vouch.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(super) keys: Option<PathBuf>,
}

const VERIFY_EXAMPLE: &str = "\
Exit code 0 only when everything holds.

Example:
  leasehold evidence verify log.bundle --key 'leasehold.example.org/prod+8f2c01d3+AY…'";

/// Arguments of `evidence list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// First index.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// Read at most this many entries; all without it.
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    limit: u64,
    /// Show only this type, such as lease.revoked or 'lease.*'; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

/// Runs a verb on the log.
pub(super) async fn run(broker: &mut Broker<'_>, verb: EvidenceVerb) -> Result<()> {
    match verb {
        EvidenceVerb::List(args) => list(broker, &args).await,
        EvidenceVerb::Receipt { index } => receipt(broker, index).await,
        EvidenceVerb::Checkpoint { cosigned } => checkpoint(broker, cosigned).await,
        EvidenceVerb::Monitor(args) => monitor::run(broker, &args).await,
        EvidenceVerb::Export(args) => export::export(broker, args).await,
        EvidenceVerb::Erase(args) => export::erase(broker, args).await,
        EvidenceVerb::Consistency(args) => consistency::run(broker, &args).await,
        EvidenceVerb::Trace(args) => trace::online(broker, &args).await,
        EvidenceVerb::Reindex => trace::reindex(broker).await,
        EvidenceVerb::Sample(args) => sample::online(broker, &args).await,
        // They need no broker: `client::run_on` has done them before one is looked for.
        EvidenceVerb::Verify(_) | EvidenceVerb::Crosscheck(_) => Ok(()),
    }
}

/// Runs a verb that needs no broker; `None` for any other.
pub(super) fn run_offline(verb: &EvidenceVerb, terminal: &mut Terminal) -> Option<Result<u8>> {
    match verb {
        EvidenceVerb::Verify(args) => Some(verify::run(args, terminal)),
        EvidenceVerb::Crosscheck(args) => Some(crosscheck::run(args, terminal)),
        EvidenceVerb::Trace(args) => args.bundle.as_ref().map(|file| trace::offline(args, file, terminal)),
        EvidenceVerb::Sample(args) => args.bundle.as_ref().map(|file| sample::offline(args, file, terminal)),
        _ => None,
    }
}

/// Who acted and the entry's own fields, as `name=value`.
pub(super) fn particulars(entry: &[u8]) -> String {
    let Ok(Value::Object(entry)) = serde_json::from_slice(entry) else { return "(not JSON)".into() };
    let actor = entry.get("actor").and_then(|actor| actor.get("id")).map(|id| ("by", id));
    let own = entry.get("what").and_then(Value::as_object).into_iter().flatten();
    let words: Vec<String> = own
        .map(|(name, value)| (name.as_str(), value))
        .chain(actor)
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    words.join(" ")
}

async fn list(broker: &mut Broker<'_>, args: &ListArgs) -> Result<()> {
    const DOING: &str = "read entries";
    let request = StreamEntriesRequest { from_index: args.from, limit: args.limit };
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).stream_entries(request).await };
    let opened = broker.stream(DOING, request, call).await;
    let mut entries = opened.map_err(|status| broker.complaint(DOING, &status))?;
    let mut read = 0_u64;
    while let Some(item) = entries.message().await.map_err(|status| broker.complaint(DOING, &status))? {
        read += 1;
        show(broker, &item, &args.types)?;
    }
    if read == 0 {
        broker.terminal.say(&format!("no entries from index {}", args.from));
    }
    Ok(())
}

fn show(broker: &mut Broker<'_>, item: &StreamEntriesResponse, types: &[String]) -> Result<()> {
    let entry = view::entry(&item.entry)?;
    let fields: Map<String, Value> = serde_json::from_slice(&item.entry).unwrap_or_default();
    let word = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let (kind, time) = (word("type"), word("time"));
    if !types.is_empty() && !types.iter().any(|wanted| matches(wanted, &kind)) {
        return Ok(());
    }
    if broker.terminal.json {
        let openings = item.openings.iter().map(view::disclosed).collect();
        return broker.terminal.record(&view::Entry { index: item.index, entry, openings });
    }
    broker.terminal.line(&format!("{:>8}  {time}  {kind:<30}  {}", item.index, particulars(&item.entry)))
}

async fn receipt(broker: &mut Broker<'_>, index: u64) -> Result<()> {
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).get_receipt(request).await };
    let answer = broker.ask("read the receipt", GetReceiptRequest { index }, call).await?;
    let receipt = broker.part(answer.receipt, "receipt")?;
    if broker.terminal.json {
        return broker.terminal.document(&view::Receipt::from(&receipt));
    }
    broker.terminal.lines(&receipt.proof)?;
    if !receipt.witnessed {
        broker.terminal.say("unwitnessed: no third party vouches for this checkpoint yet");
    }
    Ok(())
}

async fn checkpoint(broker: &mut Broker<'_>, cosigned: bool) -> Result<()> {
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).get_checkpoint(request).await };
    let answer = broker.ask("read the checkpoint", GetCheckpointRequest {}, call).await?;
    if broker.terminal.json {
        return broker.terminal.document(&json!({
            "checkpoint": answer.checkpoint,
            "cosigned_checkpoint": answer.cosigned_checkpoint,
            "verifier_key": answer.verifier_key,
        }));
    }
    if cosigned {
        return print_cosigned(broker, &answer.cosigned_checkpoint);
    }
    if answer.checkpoint.is_empty() {
        return Err(Complaint::failed("the log has no checkpoint yet", "try again after the first entry"));
    }
    broker.terminal.lines(&answer.checkpoint)?;
    broker.terminal.say(&format!("the broker says its key is {}; to trust it, get it elsewhere", answer.verifier_key));
    Ok(())
}

fn print_cosigned(broker: &mut Broker<'_>, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Complaint::failed(
            "no quorum of witnesses has cosigned a checkpoint of this log",
            "ask whoever runs the broker which witnesses it asks (docs/witness.md)",
        ));
    }
    broker.terminal.lines(text)
}

/// `lease.*` stands for every type of that family.
fn matches(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(family) => kind.starts_with(family),
        None => wanted == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_single_types_are_told_apart() {
        assert!(matches("lease.*", "lease.revoked") && matches("lease.revoked", "lease.revoked") && matches("*", "x"));
        assert!(!matches("lease.*", "task.requested") && !matches("lease.r", "lease.revoked"));
    }

    #[test]
    fn particulars_are_the_own_fields_and_who_acted() {
        let entry =
            br#"{"actor":{"id":"a","serial":"1"},"time":"t","type":"lease.issued","v":1,"what":{"credential":"c"}}"#;
        assert_eq!(particulars(entry), "credential=c by=a");
        assert_eq!(particulars(b"\xff"), "(not JSON)");
    }
}
