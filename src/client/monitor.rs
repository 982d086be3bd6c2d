//! `leasehold evidence monitor`: whether the log that a broker shows today begins with the log that it
//! showed before. Keeps one small file, trusts nothing but the keys in the policy, and no word of the
//! broker.

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use domain::base::Time;
use proto::v1::evidence_service_client::EvidenceServiceClient;
use proto::v1::{GetCheckpointRequest, GetConsistencyProofRequest};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use tlog::Hash;
use tlog::checkpoint::Checkpoint;
use tlog::monitor::{Followed, SplitView, follow};
use tlog::policy::{Judged, Policy};

/// Arguments of `evidence monitor`.
#[derive(Debug, clap::Args)]
pub struct MonitorArgs {
    /// The checkpoint seen last; replaced by the newer one, and made at the first look.
    #[arg(long, value_name = "FILE")]
    since: PathBuf,
    /// The log's key and the witnesses whose word counts: a policy file, or one bare key.
    #[arg(long, value_name = "POLICY")]
    keys: PathBuf,
}

/// What `--help` says at its end.
pub(super) const EXAMPLE: &str = "\
Exit code 0 only if the log was followed. On a split view the two checkpoints are the proof,
under the log's own key: the file stays, and the other one is written beside it as FILE.conflict.
Run it from a timer, on a machine that whoever runs the broker cannot write to.

Example:
  leasehold evidence monitor --since seen.checkpoint --keys log.policy";

/// Asks, compares, keeps.
pub(super) async fn run(broker: &mut Broker<'_>, args: &MonitorArgs) -> Result<()> {
    let policy = fs::read(&args.keys).map_err(|error| {
        Complaint::file("read", &args.keys, &error, "name the policy file, or a file with the log's key")
    })?;
    let policy = Policy::parse(&policy).map_err(|error| {
        Complaint::usage(format!("{} is no policy: {error}", args.keys.display()), "docs/witness.md shows one")
    })?;
    let earlier = earlier(&args.since, &policy)?;
    let shown = look(broker, &policy).await?;
    let newer = &shown.judged.checkpoint;
    let mut grown_by = None;
    if let Some(earlier) = &earlier {
        let followed = compare(broker, earlier, newer).await?;
        grown_by = Some(followed.map_err(|split| split_view(&args.since, &shown.text, &split))?.grown_by);
    }
    keep(&args.since, &shown.text)
        .map_err(|error| Complaint::file("write", &args.since, &error, "name a file in a folder of yours"))?;
    // What witnesses vouched for could be an old one that is shown for ever; what the log proves
    // today stands under its own newest checkpoint.
    if let Some((text, tip)) = &shown.tip {
        let followed = compare(broker, newer, tip).await?;
        followed.map_err(|split| split_view(&args.since, text, &split))?;
    }
    show(broker, &shown, grown_by)
}

/// What the broker shows.
struct Shown {
    /// The checkpoint that is kept, as it was shown.
    text: String,
    /// What the policy says of it.
    judged: Judged,
    /// The log's newest, if that is another: under its own signature alone.
    tip: Option<(String, Checkpoint)>,
}

/// The log's own signature is enough here: the file is ours.
fn earlier(file: &Path, policy: &Policy) -> Result<Option<Checkpoint>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Complaint::file("read", file, &error, "name the checkpoint that was seen last")),
    };
    policy.judge(&text).map(|judged| Some(judged.checkpoint)).map_err(|error| {
        let what = format!("{} is no checkpoint under these keys: {error}", file.display());
        Complaint::usage(what, "name the file that this verb wrote, and the policy of the same log")
    })
}

async fn look(broker: &mut Broker<'_>, policy: &Policy) -> Result<Shown> {
    let call = |channel, request| async move { EvidenceServiceClient::new(channel).get_checkpoint(request).await };
    let answer = broker.ask("read the checkpoint", GetCheckpointRequest {}, call).await?;
    let tip = judge(policy, &answer.checkpoint)?;
    if !policy.asks_for_witnesses() {
        return Ok(Shown { text: answer.checkpoint, judged: tip, tip: None });
    }
    if answer.cosigned_checkpoint.is_empty() {
        return Err(Complaint::failed(
            "the broker has no checkpoint that witnesses cosigned",
            "ask whoever runs it: leasehold status says since when the log is unwitnessed",
        ));
    }
    let judged = judge(policy, &answer.cosigned_checkpoint)?;
    if judged.quorum_met {
        let tip = Some((answer.checkpoint, tip.checkpoint));
        return Ok(Shown { text: answer.cosigned_checkpoint, judged, tip });
    }
    Err(Complaint::failed(
        format!("too few witnesses cosigned the broker's checkpoint of {} entries", judged.checkpoint.size),
        "compare your policy with the broker's; until then nobody vouches that all see the same log",
    ))
}

fn judge(policy: &Policy, text: &str) -> Result<Judged> {
    policy.judge(text).map_err(|error| {
        Complaint::failed(
            format!("the broker's checkpoint is not to be believed: {error}"),
            "check that the policy is of this log; if it is, this is not the log that you know",
        )
    })
}

async fn compare(
    broker: &mut Broker<'_>,
    earlier: &Checkpoint,
    newer: &Checkpoint,
) -> Result<std::result::Result<Followed, SplitView>> {
    let proof = proof(broker, earlier.size, newer.size).await?;
    Ok(follow(earlier, newer, &proof))
}

/// None is needed, and none exists, unless the log has grown.
async fn proof(broker: &mut Broker<'_>, old_size: u64, new_size: u64) -> Result<Vec<Hash>> {
    if old_size >= new_size {
        return Ok(Vec::new());
    }
    let call =
        |channel, request| async move { EvidenceServiceClient::new(channel).get_consistency_proof(request).await };
    let request = GetConsistencyProofRequest { old_size, new_size };
    let answer = broker.ask("read the consistency proof", request, call).await?;
    let hash = |bytes: Vec<u8>| bytes.try_into().map(Hash::from_bytes).ok();
    let hashes: Option<Vec<Hash>> = answer.hashes.into_iter().map(hash).collect();
    hashes
        .ok_or_else(|| Complaint::failed("the broker's proof is not made of hashes", "ask it again, or tell its owner"))
}

fn split_view(since: &Path, newer: &str, split: &SplitView) -> Complaint {
    let cause = std::error::Error::source(split).map(|cause| format!(" ({cause})")).unwrap_or_default();
    let mut name = since.as_os_str().to_owned();
    name.push(".conflict");
    let other = PathBuf::from(name);
    let (since, shown) = (since.display(), other.display());
    let kept = match keep(&other, newer) {
        Ok(()) => format!("keep {since} and {shown}: together they are the proof"),
        Err(error) => format!("keep {since}; the other checkpoint could not be written to {shown}: {error}"),
    };
    let next_step =
        format!("believe nothing that this log proves until it is explained; {kept}, under the log's own key");
    Complaint::failed(format!("split view: {split}{cause}"), next_step)
}

fn show(broker: &mut Broker<'_>, shown: &Shown, grown_by: Option<u64>) -> Result<()> {
    let time = |seconds: u64| Time::from_unix_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string();
    let Judged { checkpoint, witnesses, .. } = &shown.judged;
    if broker.terminal.json {
        let witness = |(name, seconds): &(String, u64)| json!({ "name": name, "time": time(*seconds) });
        return broker.terminal.document(&json!({
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "grown_by": grown_by,
            "witnesses": witnesses.iter().map(witness).collect::<Vec<_>>(),
        }));
    }
    if grown_by.is_none() {
        broker.terminal.say("the first look: there is nothing yet to compare it with");
    }
    let witnesses: Vec<String> = witnesses.iter().map(|(name, at)| format!("{name} at {}", time(*at))).collect();
    broker.terminal.facts(&[
        ("log", format!("{}, {} entries", checkpoint.origin, checkpoint.size)),
        ("grown by", grown_by.map_or_else(|| "-".into(), |count| format!("{count} entries since the last look"))),
        ("witnessed", if witnesses.is_empty() { "by nobody".into() } else { witnesses.join(", ") }),
    ])
}

/// As a whole or not at all.
fn keep(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut out = File::create(&beside)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&beside, file)
}
