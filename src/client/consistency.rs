//! `leasehold evidence consistency`: the proof that a newer log begins with an older one.
//!
//! Who holds an old checkpoint checks it with the newer one and these hashes (RFC 6962 §2.1.2), with
//! any tool: nothing of ours need be believed.

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use proto::v1::GetConsistencyProofRequest;
use proto::v1::evidence_service_client::EvidenceServiceClient;
use serde_json::json;
use tlog::Hash;

/// Arguments of `evidence consistency`.
#[derive(Debug, clap::Args)]
pub struct ConsistencyArgs {
    /// Size of the older log: the second line of its checkpoint
    old: u64,
    /// Size of the newer log; without it, as it is now
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    new: Option<u64>,
}

pub(super) const EXAMPLE: &str = "\
One base64 hash a line, in the order of RFC 6962 (§2.1.2); none if the two are the same log.

Example:
  leasehold evidence consistency 1200";

/// Asks for the proof and prints it.
pub(super) async fn run(broker: &mut Broker<'_>, args: &ConsistencyArgs) -> Result<()> {
    let request = GetConsistencyProofRequest { old_size: args.old, new_size: args.new.unwrap_or_default() };
    let call =
        |channel, request| async move { EvidenceServiceClient::new(channel).get_consistency_proof(request).await };
    let answer = broker.ask("read the consistency proof", request, call).await?;
    let hashes =
        answer.hashes.into_iter().map(|hash| Ok(Hash::from_bytes(hash.try_into().map_err(|_| no_hash())?).to_string()));
    let hashes = hashes.collect::<Result<Vec<String>>>()?;
    let (old, new) = (args.old, answer.new_size);
    if broker.terminal.json {
        return broker.terminal.document(&json!({ "hashes": hashes, "new_size": new, "old_size": old }));
    }
    for hash in hashes {
        broker.terminal.line(&hash)?;
    }
    broker.terminal.say(&format!("proves that the log of {new} entries begins with that of {old}"));
    Ok(())
}

fn no_hash() -> Complaint {
    Complaint::failed(
        "the broker sent a hash that is none",
        "use a client and a broker of the same version (leasehold status)",
    )
}
