//! What `[witness]` in leasehold.toml leads to: the policy, the ways to its witnesses, and the newest
//! checkpoint that they cosigned, as it was left beside the log.

use super::config::{Config, Witness};
use crate::adapters::kept_file::KeptFile;
use crate::adapters::witness::HttpWitness;
use crate::ports::Keepsake;
use crate::services::World;
use crate::services::witness::{Asked, Witnessing};
use crate::services::witnessed::Vouched;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::note::VerifierKey;
use crate::tlog::policy::{self, Policy};
use anyhow::{Context as _, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything but the world.
pub(super) struct Prepared {
    policy: Policy,
    witnesses: Vec<Asked>,
    kept: Arc<KeptFile>,
    /// The checkpoint in the file beside the log: it is the log's own, whoever cosigned it.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The same with its cosignatures, if they are enough under this policy.
    pub(super) vouched: Option<Vouched>,
}

/// Reads policy and file; `None` without `[witness]`.
///
/// # Errors
/// What has to be changed, and where.
pub(super) fn prepare(config: &Config, key: &VerifierKey) -> Result<Option<Prepared>> {
    let Some(settings) = &config.witness else { return Ok(None) };
    let policy = read_policy(settings, Some(key))?;
    let witnesses = policy.witnesses().iter().filter_map(|witness| Some((witness, witness.url.as_deref()?)));
    let witnesses = witnesses.map(|(witness, url)| way_to(witness, url, settings)).collect::<Result<Vec<_>>>()?;
    let kept = Arc::new(KeptFile::at(beside(&config.log.file)));
    let (checkpoint, vouched) = recall(&kept, &policy, key)?;
    if checkpoint.is_some() && vouched.is_none() {
        tracing::warn!(file = %kept.path().display(), "the cosigned checkpoint is not enough for the policy of today: the witnesses are asked anew");
    }
    Ok(Some(Prepared { policy, witnesses, kept, checkpoint, vouched }))
}

impl Prepared {
    /// Asks the witnesses for what the world's log becomes.
    pub(super) fn witnessing(self, world: World) -> Witnessing {
        Witnessing::new(world, self.policy, self.witnesses, self.kept)
    }
}

/// The checkpoint that is kept beside the log and its text, whoever cosigned it.
///
/// # Errors
/// If it cannot be read, or is no checkpoint of this log.
pub(super) fn kept(config: &Config, key: &VerifierKey) -> Result<Option<(Checkpoint, String)>> {
    open(&KeptFile::at(beside(&config.log.file)), key)
}

/// The policy, for the log of this key if there is one yet.
///
/// # Errors
/// What has to be changed in it.
pub(super) fn read_policy(settings: &Witness, key: Option<&VerifierKey>) -> Result<Policy> {
    let file = settings.policy_file.display();
    let text = fs::read(&settings.policy_file).with_context(|| format!("cannot read witness.policy_file {file}"))?;
    let policy = Policy::parse(&text).map_err(|error| anyhow!("{file}, {error}"))?;
    if !policy.asks_for_witnesses() {
        bail!("the policy {file} asks for no witness: name a quorum in it, or leave [witness] out");
    }
    if !policy.is_met_by(|witness| witness.url.is_some()) {
        bail!("in the policy {file} too few witnesses have a URL for the quorum: add where to reach them");
    }
    let Some(key) = key else { return Ok(policy) };
    let narrowed = policy.for_log(key);
    narrowed.ok_or_else(|| anyhow!("the policy {file} does not name this log: add the line `log {key}`"))
}

/// The way to a witness of the policy.
///
/// # Errors
/// Of its URL or of `ca_file`.
pub(super) fn way_to(witness: &policy::Witness, url: &str, settings: &Witness) -> Result<Asked> {
    let way = HttpWitness::new(&witness.name, url, settings.ca_file.as_deref())?;
    Ok(Asked { witness: Arc::new(way), key: witness.key.clone() })
}

/// The log's own signature is asked of it at any rate; that of a quorum only if it is to be shown again.
fn recall(kept: &KeptFile, policy: &Policy, key: &VerifierKey) -> Result<(Option<Checkpoint>, Option<Vouched>)> {
    let Some((checkpoint, text)) = open(kept, key)? else { return Ok((None, None)) };
    let enough = policy.judge(&text).is_ok_and(|judged| judged.quorum_met);
    let vouched = enough.then(|| Vouched { checkpoint: checkpoint.clone(), text });
    Ok((Some(checkpoint), vouched))
}

fn open(kept: &KeptFile, key: &VerifierKey) -> Result<Option<(Checkpoint, String)>> {
    let Some(text) = kept.recall()? else { return Ok(None) };
    let checkpoint = Checkpoint::open(&text, key).with_context(|| {
        let file = kept.path().display();
        format!(
            "{file} is no checkpoint of this log: find out who changed it; it may be deleted then, and is made anew"
        )
    })?;
    Ok(Some((checkpoint, text)))
}

fn beside(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".cosigned");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::cosignature::Cosigner;
    use crate::tlog::hash::leaf_hash;
    use crate::tlog::note::Signer;

    fn log() -> Signer {
        Signer::generate("log.example", [1; 32]).unwrap()
    }

    fn cosigner() -> Cosigner {
        Cosigner::generate("w.example", [4; 32]).unwrap()
    }

    fn policy(text: &str) -> Result<Policy> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.policy");
        let text = text.replace("{L}", &log().verifier().to_string());
        fs::write(&file, text.replace("{W}", &cosigner().verifier().to_string())).unwrap();
        read_policy(&Witness { policy_file: file, ca_file: None }, Some(&log().verifier()))
    }

    #[test]
    fn a_policy_that_the_broker_could_not_follow_is_refused_with_what_to_do() {
        assert!(policy("log {L}\nwitness w {W} http://127.0.0.1:1\nquorum w\n").is_ok());
        assert!(policy("witness w {W} http://127.0.0.1:1\nquorum w\n").is_ok(), "the broker knows its log");
        let other = Signer::generate("log.example", [2; 32]).unwrap().verifier();
        for (text, word) in [
            ("log {L}\nquorum none\n".into(), "leave [witness] out"),
            ("{L}\n".into(), "leave [witness] out"),
            ("log {L}\nwitness w {W}\nquorum w\n".into(), "too few witnesses have a URL"),
            (format!("log {other}\nwitness w {{W}} http://127.0.0.1:1\nquorum w\n"), "add the line `log log.example+"),
            ("log {L}\nwitness w {W} http://127.0.0.1:1\nquorum v\n".into(), "line 3: v is not defined above"),
        ] {
            let said = format!("{:#}", policy(&text).unwrap_err());
            assert!(said.contains(word) && said.contains("log.policy"), "{said}");
        }
    }

    #[test]
    fn what_was_vouched_for_is_recalled_under_the_policy_of_today() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFile::at(beside(&folder.path().join("log.db")));
        assert!(kept.path().ends_with("log.db.cosigned"));
        let strict = policy("log {L}\nwitness w {W} http://127.0.0.1:1\nquorum w\n").unwrap();
        let recall = || recall(&kept, &strict, &log().verifier());
        assert_eq!(recall().unwrap(), (None, None), "nobody has vouched yet");
        let checkpoint = Checkpoint { origin: "log.example".into(), size: 7, root: leaf_hash(b"root") };
        let text = checkpoint.sign(&log()) + &cosigner().cosign(&checkpoint.body(), 9);
        kept.keep(&text).unwrap();
        let vouched = Vouched { checkpoint: checkpoint.clone(), text };
        assert_eq!(recall().unwrap(), (Some(checkpoint.clone()), Some(vouched)));
        kept.keep(&checkpoint.sign(&log())).unwrap();
        assert_eq!(recall().unwrap(), (Some(checkpoint.clone()), None), "still what the log must begin with");
        let forged = Signer::generate("log.example", [2; 32]).unwrap();
        kept.keep(&checkpoint.sign(&forged)).unwrap();
        assert!(recall().unwrap_err().to_string().contains("is no checkpoint of this log"));
    }
}
