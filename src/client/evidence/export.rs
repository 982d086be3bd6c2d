//! `leasehold evidence export`: a bundle for whoever checks it, whole or chosen. And `erase`: what a
//! bundle will not open any more.

use crate::broker::Broker;
use crate::complaint::{Complaint, Result};
use crate::text;
use domain::base::Time;
use proto::v1::evidence_service_client::EvidenceServiceClient;
use proto::v1::{EraseOpeningRequest, ErasureState, ExportRequest};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

/// Arguments of `evidence export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The new file.
    file: PathBuf,
    /// Only what concerns this task.
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Only what concerns this lease.
    #[arg(long, value_name = "LEASE")]
    lease: Option<String>,
    /// Only what concerns tasks of this agent.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only what concerns leases of this credential.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// From this time on, such as 2026-10-01 or 2026-10-01T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = text::instant)]
    from: Option<Time>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = text::instant)]
    to: Option<Time>,
    /// Open this commitment, such as purpose; may be given several times, '*' opens all. Without it
    /// the bundle tells nothing that the entries do not.
    #[arg(long = "open", value_name = "FIELD")]
    open: Vec<String>,
}

/// Arguments of `evidence erase`.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// Index of the entry.
    index: u64,
    /// Name of the commitment whose opening goes, such as purpose; may be given several times.
    #[arg(long = "field", value_name = "FIELD", required = true)]
    fields: Vec<String>,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
}

pub(super) const EXPORT_EXAMPLE: &str = "\
What is not chosen is folded into hashes: the bundle keeps the shape of the whole log, and every proof.
All requests, intents and issued leases of the period stay shown, and counted: none can be left out.

Examples:
  leasehold evidence export log.bundle
  leasehold evidence export october.bundle --credential ledger-ro --from 2026-10-01 --to 2026-11-01 --open purpose";

pub(super) const ERASE_EXAMPLE: &str = "\
Two operators say the same within 24 hours: the first asks, the second agrees. The entry, its
commitment and every proof stay; only the salt and the value go. Never of an open task or lease.

Example:
  leasehold evidence erase 42 --field purpose --because 'retention of 90 days'";

/// Between two words about the progress, about a second of work.
const PROGRESS_BYTES: usize = 64 << 20;

/// Writes the bundle. A file that is not whole is taken away again.
pub(super) async fn export(broker: &mut Broker<'_>, args: ExportArgs) -> Result<()> {
    let path = args.file.clone();
    let made = OpenOptions::new().write(true).create_new(true).open(&path);
    let out = made.map_err(|error| Complaint::file("write", &path, &error, "name a new file in a folder of yours"))?;
    let request = ExportRequest {
        from_time: args.from.map(text::wire_instant),
        to_time: args.to.map(text::wire_instant),
        task_id: args.task.unwrap_or_default(),
        lease_id: args.lease.unwrap_or_default(),
        agent: args.agent.unwrap_or_default(),
        credential: args.credential.unwrap_or_default(),
        opening_fields: args.open,
    };
    let written = write(broker, request, out).await;
    if written.is_err() {
        // What cannot be taken away now is seen to be cut short by whoever verifies it.
        let _ = std::fs::remove_file(&path);
    }
    let (lines, bytes) = written?;
    if broker.terminal.json {
        let value = json!({ "file": path.display().to_string(), "lines": lines, "bytes": bytes });
        return broker.terminal.document(&value);
    }
    let file = path.display();
    broker
        .terminal
        .say(&format!("{lines} lines, {bytes} bytes in {file}; next: leasehold evidence verify {file} --keys FILE"));
    Ok(())
}

async fn write(broker: &mut Broker<'_>, request: ExportRequest, out: File) -> Result<(usize, usize)> {
    const DOING: &str = "export the log";
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).export(request).await };
    let opened = broker.stream(DOING, request, call).await;
    let mut pieces = opened.map_err(|status| broker.complaint(DOING, &status))?;
    let (mut out, mut told) = (BufWriter::new(out), 0);
    let (mut lines, mut bytes) = (0, 0);
    while let Some(piece) = pieces.message().await.map_err(|status| broker.complaint(DOING, &status))? {
        out.write_all(&piece.lines).map_err(Complaint::writing)?;
        bytes += piece.lines.len();
        lines += piece.lines.iter().filter(|byte| **byte == b'\n').count();
        if bytes - told >= PROGRESS_BYTES {
            told = bytes;
            broker.terminal.say(&format!("{lines} lines so far"));
        }
    }
    out.flush().and_then(|()| out.get_ref().sync_all()).map_err(Complaint::writing)?;
    Ok((lines, bytes))
}

/// Asks for an erasure, or agrees to one.
pub(super) async fn erase(broker: &mut Broker<'_>, args: EraseArgs) -> Result<()> {
    let request = EraseOpeningRequest {
        request_id: broker.request_id(),
        index: args.index,
        fields: args.fields,
        justification: args.because,
    };
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).erase_opening(request).await };
    let answer = broker.ask("erase the opening", request, call).await?;
    let erased = answer.state() == ErasureState::Erased;
    if broker.terminal.json {
        return broker.terminal.document(&json!({ "index": args.index, "erased": erased }));
    }
    broker.terminal.line(if erased { "erased" } else { "requested" })?;
    if !erased {
        broker.terminal.say("a second operator must say the same within 24 hours");
    }
    Ok(())
}
