//! `leasehold evidence trace`: the story of a task, lease, credential, identity or agent, as the broker
//! finds it in its log or as a bundle tells it; and `reindex`, which throws the broker's index away.

use super::bundle;
use crate::broker::Broker;
use crate::complaint::{Complaint, Result};
use crate::terminal::Terminal;
use crate::view::disclosed;
use audit::bundle::Shown;
use audit::trace::{Found, Gathered, Gathering, Story, Subject, gather, scan};
use domain::base::{LeaseId, Name, SpiffeId, TaskId};
use proto::v1::evidence_service_client::EvidenceServiceClient;
use proto::v1::trace_request::Subject as Asked;
use proto::v1::trace_response::Message;
use proto::v1::{RebuildIndexRequest, TraceRequest, TracedEntry};
use serde_json::json;
use std::path::{Path, PathBuf};
use tlog::leaf_hash;

/// Arguments of `evidence trace`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("subject").required(true).multiple(false)))]
pub struct TraceArgs {
    /// One task with its leases.
    #[arg(long, value_name = "TASK", group = "subject", value_parser = TaskId::parse)]
    task: Option<TaskId>,
    /// One lease with its task.
    #[arg(long, value_name = "LEASE", group = "subject", value_parser = LeaseId::parse)]
    lease: Option<LeaseId>,
    /// The leases of a credential.
    #[arg(long, value_name = "NAME", group = "subject", value_parser = Name::parse)]
    credential: Option<Name>,
    /// The tasks of an identity, and what it did or was refused besides.
    #[arg(long, value_name = "ID", group = "subject", value_parser = SpiffeId::parse)]
    spiffe_id: Option<SpiffeId>,
    /// The tasks of an agent.
    #[arg(long, value_name = "NAME", group = "subject", value_parser = Name::parse)]
    agent: Option<Name>,
    /// Only stories that begin at or after this index; the trace before says where there is more.
    #[arg(long, value_name = "INDEX", default_value_t = 0, hide_default_value = true)]
    from: u64,
    /// Tell at most so many stories, up to 100.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Read a bundle instead of asking a broker.
    #[arg(long, value_name = "FILE")]
    pub(super) bundle: Option<PathBuf>,
}

pub(super) const EXAMPLE: &str = "\
A trace tells; `evidence verify` and `evidence receipt` prove.

Examples:
  leasehold evidence trace --lease lease-01a1ff09-04a3-719a-b1ff-9b9b5f1f0932
  leasehold evidence trace --credential ledger-ro --bundle log.bundle";

impl TraceArgs {
    fn subject(&self) -> Result<Subject> {
        let name = |name: &Option<Name>| name.clone();
        let subject = (self.task.map(Subject::Task))
            .or_else(|| self.lease.map(Subject::Lease))
            .or_else(|| name(&self.credential).map(Subject::Credential))
            .or_else(|| self.spiffe_id.clone().map(Subject::SpiffeId))
            .or_else(|| name(&self.agent).map(Subject::Agent));
        subject
            .ok_or_else(|| Complaint::usage("nothing to trace", "name a task, lease, credential, SPIFFE ID or agent"))
    }
}

/// Asks the broker.
pub(super) async fn online(broker: &mut Broker<'_>, args: &TraceArgs) -> Result<()> {
    const DOING: &str = "trace";
    let of = args.subject()?;
    let subject = match &of {
        Subject::Task(id) => Asked::TaskId(id.to_string()),
        Subject::Lease(id) => Asked::LeaseId(id.to_string()),
        Subject::Credential(name) => Asked::Credential(name.to_string()),
        Subject::SpiffeId(id) => Asked::SpiffeId(id.to_string()),
        Subject::Agent(name) => Asked::Agent(name.to_string()),
    };
    let request = TraceRequest { subject: Some(subject), from_index: args.from, limit: i32::from(args.limit) };
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).trace(request).await };
    let opened = broker.stream(DOING, request, call).await;
    let mut pieces = opened.map_err(|status| broker.complaint(DOING, &status))?;
    let (mut found, mut gathered, mut size) = (Vec::new(), Gathered::default(), 0);
    while let Some(piece) = pieces.message().await.map_err(|status| broker.complaint(DOING, &status))? {
        match piece.message {
            Some(Message::Summary(summary)) => {
                size = summary.size;
                gathered.next_index = Some(summary.next_index).filter(|index| *index > 0);
                gathered.cut = summary.cut;
            }
            Some(Message::Entry(entry)) => found.push(shown(&entry)),
            None => {}
        }
    }
    gathered.steps = gather::steps(found);
    show(broker.terminal, &Story::tell(of, size, &gathered))
}

/// Reads a bundle.
pub(super) fn offline(args: &TraceArgs, file: &Path, terminal: &mut Terminal) -> Result<u8> {
    let of = args.subject()?;
    let (mut size, mut hidden) = (0, 0_u64);
    let pass = |each: &mut dyn FnMut(Found)| {
        let extent = bundle::read(file, each)?;
        size = extent.size;
        hidden = extent.folded.iter().map(|stretch| stretch.end - stretch.start).sum();
        Ok::<_, Complaint>(())
    };
    let gathered = scan::gather(Gathering::new(&of, args.from, usize::from(args.limit)), pass)?;
    show(terminal, &Story::tell(of, size, &gathered))?;
    if hidden > 0 {
        terminal.say(&format!("{hidden} of {size} entries are folded away in this bundle: the story may have more"));
    }
    Ok(0)
}

fn shown(entry: &TracedEntry) -> Found {
    let openings = entry.openings.iter().map(disclosed).collect();
    Found::shown(&Shown { entry: &entry.entry, index: entry.index, leaf: leaf_hash(&entry.entry), openings })
}

fn show(terminal: &mut Terminal, story: &Story) -> Result<()> {
    if terminal.json { terminal.document(story) } else { terminal.lines(&story.to_string()) }
}

/// Throws the index away and waits until it is filled again.
pub(super) async fn reindex(broker: &mut Broker<'_>) -> Result<()> {
    const DOING: &str = "rebuild the index";
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).rebuild_index(request).await };
    let opened = broker.stream(DOING, RebuildIndexRequest {}, call).await;
    let mut progress = opened.map_err(|status| broker.complaint(DOING, &status))?;
    let (mut indexed, mut size, mut told) = (0, 0, 0);
    while let Some(piece) = progress.message().await.map_err(|status| broker.complaint(DOING, &status))? {
        (indexed, size) = (piece.indexed, piece.size);
        if indexed >= told + TELL_EVERY {
            told = indexed;
            broker.terminal.say(&format!("{indexed} of {size} entries are indexed"));
        }
    }
    if broker.terminal.json {
        return broker.terminal.document(&json!({ "indexed": indexed, "size": size }));
    }
    broker.terminal.line(&format!("the index holds {indexed} of {size} entries"))
}

/// Entries between two words about the progress, some seconds of work.
const TELL_EVERY: u64 = 200_000;
