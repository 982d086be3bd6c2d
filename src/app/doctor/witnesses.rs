//! The witnesses, looked at from where `leasehold doctor` runs. Each is shown what it knows already: the
//! log's empty beginning, which makes it say how much it saw, and then the checkpoint that is kept here,
//! if that is as long. So no witness comes to remember more than before.

use crate::app::config::{Config, Witness as Settings};
use crate::app::{log_key, witnessing};
use crate::domain::preflight::{Seen, Stance, WitnessSurvey};
use crate::ports::{Fault, FaultKind, WitnessAnswer};
use crate::services::witness::Asked;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::cosignature;
use crate::tlog::note::Signer;
use crate::tlog::policy::{Policy, Witness};
use crate::tlog::tree::Edge;
use crate::tlog::witness::Request;
use anyhow::Result;
use futures_util::future::join_all;

/// How often a running broker may come between two looks.
const LOOKS_MAX: usize = 4;

/// All facts; nobody is asked without a policy that can be followed and the log's key.
pub(super) async fn survey(config: &Config, settings: &Settings) -> WitnessSurvey {
    let policy_file = settings.policy_file.display().to_string();
    let key = Key::of(config);
    match ways(settings, key.signer()) {
        Ok((policy, ways)) => ask_all(config, &key, policy_file, &policy, &ways).await,
        Err(error) => {
            let policy = Err(format!("{error:#}"));
            WitnessSurvey { policy_file, policy, kept: Seen::Absent, witnesses: Vec::new(), enough: false }
        }
    }
}

/// The log's key, or why nobody can be asked.
enum Key {
    Is(Box<Signer>),
    Absent,
    Unusable(String),
}

impl Key {
    fn of(config: &Config) -> Self {
        match log_key::load(&config.log.key_file, &config.log.origin) {
            Ok(signer) => Self::Is(Box::new(signer)),
            Err(_) if !config.log.key_file.exists() => Self::Absent,
            Err(error) => Self::Unusable(format!("{error:#}")),
        }
    }

    fn signer(&self) -> Option<&Signer> {
        if let Self::Is(signer) = self { Some(signer) } else { None }
    }
}

/// The policy, and the way to each of its witnesses; `None` for one without a URL, which the broker does
/// not ask either.
fn ways(settings: &Settings, key: Option<&Signer>) -> Result<(Policy, Vec<Option<Asked>>)> {
    let policy = witnessing::read_policy(settings, key.map(Signer::verifier).as_ref())?;
    let way = |it: &Witness| it.url.as_deref().map(|url| witnessing::way_to(it, url, settings)).transpose();
    let ways = policy.witnesses().iter().map(way).collect::<Result<_>>()?;
    Ok((policy, ways))
}

async fn ask_all(
    config: &Config,
    key: &Key,
    policy_file: String,
    policy: &Policy,
    ways: &[Option<Asked>],
) -> WitnessSurvey {
    let stances = join_all(ways.iter().map(async |way| match (way, key) {
        (None, _) => None,
        (Some(_), Key::Absent) => Some(Stance::NotYet),
        (Some(_), Key::Unusable(why)) => Some(Stance::Unasked(why.clone())),
        (Some(asked), Key::Is(signer)) => Some(stance(config, signer, asked).await),
    }));
    let stances = stances.await;
    let named = || policy.witnesses().iter().map(|witness| &witness.name).zip(&stances);
    let enough = policy.is_met_by(|witness| {
        named().any(|(name, stance)| *name == witness.name && matches!(stance, Some(Stance::Saw(_) | Stance::Agrees)))
    });
    let kept = match key.signer().map(|signer| witnessing::kept(config, &signer.verifier())).transpose() {
        Ok(kept) => kept.flatten().map_or(Seen::Absent, |(checkpoint, _)| Seen::Is(checkpoint.size)),
        Err(error) => Seen::Unread(format!("{error:#}")),
    };
    let witnesses = named().filter_map(|(name, stance)| Some((name.clone(), stance.clone()?))).collect();
    WitnessSurvey { policy_file, policy: Ok(()), kept, witnesses, enough }
}

async fn stance(config: &Config, key: &Signer, asked: &Asked) -> Stance {
    look(config, key, asked).await.unwrap_or_else(|fault| match fault.kind {
        FaultKind::Transient => Stance::Away(fault.sentence),
        _ => Stance::Refuses(fault.sentence),
    })
}

async fn look(config: &Config, key: &Signer, asked: &Asked) -> Result<Stance, Fault> {
    let (origin, head) = (key.name().to_owned(), Edge::new().head());
    let nothing = Checkpoint { origin, size: head.size, root: head.root }.sign(key);
    let mut saw = 0;
    for _ in 0..LOOKS_MAX {
        saw = match show(asked, 0, &nothing).await? {
            WitnessAnswer::Conflict(size) => size,
            WitnessAnswer::Cosigned(_) | WitnessAnswer::ProofRefused => 0,
        };
        // Read anew each time: a broker that runs keeps a newer one as it goes on.
        let kept = witnessing::kept(config, &key.verifier()).ok().flatten();
        let size = kept.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);
        match kept {
            Some((_, text)) if size == saw => match show(asked, size, &text).await? {
                WitnessAnswer::Cosigned(_) => return Ok(Stance::Agrees),
                // 422, and 409 of witnesses that follow the specification of before July 2026.
                WitnessAnswer::ProofRefused => return Ok(Stance::Contradicts),
                WitnessAnswer::Conflict(again) if again == size => return Ok(Stance::Contradicts),
                WitnessAnswer::Conflict(_) => {}
            },
            _ if saw <= size => break,
            _ => {}
        }
    }
    Ok(Stance::Saw(saw))
}

/// Shows a checkpoint of just this size; what it cosigns must verify under its key.
async fn show(asked: &Asked, old_size: u64, checkpoint: &str) -> Result<WitnessAnswer, Fault> {
    let request = Request { old_size, proof: Vec::new(), checkpoint_text: checkpoint.to_owned() };
    let answer = asked.witness.add_checkpoint(request.to_text()).await?;
    if let WitnessAnswer::Cosigned(lines) = &answer {
        cosignature::pick(checkpoint, lines, &asked.key).map_err(|error| {
            let sentence = format!("the witness {} has another key than the policy says", asked.witness.name());
            Fault::new(FaultKind::Permanent, sentence).because(error)
        })?;
    }
    Ok(answer)
}
