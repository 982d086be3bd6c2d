//! Erasing openings: lets the journal say whether the caller may ask at all, finds out what the entry is
//! about, so that nothing goes that is still needed, and lets the journal decide. The store forgets them
//! in the transaction of `evidence.erased`.

use super::World;
use super::commit::Openings;
use super::publish;
use domain::entry::{Entry, RequestMark};
use domain::reason::{Denial, Reason};
use domain::state::command::{Caller, Concerns, EraseOpening};
use domain::state::{Ask, Command, Reply};

/// What is to be erased, typed and bounded.
#[derive(Debug)]
pub struct Erasure {
    /// Index of the entry.
    pub index: u64,
    /// Names of its commitments, ascending, each once.
    pub fields: Vec<String>,
    /// Why.
    pub justification: Option<String>,
}

/// From an entry to the one that names its task: a lease's own intent is its cause, or the cause of that.
const HOPS_MAX: usize = 8;

/// Asks for an erasure, or agrees to one; `true` once the openings are gone. Nothing is looked up for a
/// caller whom the journal turns down, and nothing is recorded that was not looked up.
///
/// # Errors
/// The [`Denial`] of the decision; `FIELD_INVALID` for a field that the entry does not commit to.
pub async fn erase(world: &World, caller: Caller, mark: RequestMark, erasure: Erasure) -> Result<bool, Denial> {
    if let Some(done) = propose(world, &caller, mark, &erasure, None).await? {
        return Ok(done);
    }
    let concerns = concerned(world, &erasure).await?;
    let done = propose(world, &caller, mark, &erasure, Some(concerns)).await?;
    done.ok_or_else(|| Denial::new(Reason::Internal, "the writer told of no erasure"))
}

/// `None` if nothing was recorded because nothing was looked up yet.
async fn propose(
    world: &World,
    caller: &Caller,
    mark: RequestMark,
    erasure: &Erasure,
    concerns: Option<Concerns>,
) -> Result<Option<bool>, Denial> {
    let mut openings = Openings::of(&*world.entropy, "evidence.erasure_requested");
    let justification = erasure.justification.clone().map(|text| openings.commit("justification", text));
    let ask = EraseOpening { index: erasure.index, fields: erasure.fields.clone(), concerns, justification };
    let command = Command::Ask { caller: caller.clone(), mark, ask: Ask::EraseOpening(ask) };
    match world.journal.propose(command, openings.into_made()).await?.reply {
        Reply::Erasure { done } => Ok(Some(done)),
        _ => Ok(None),
    }
}

/// The task and the lease that the entry is about.
async fn concerned(world: &World, erasure: &Erasure) -> Result<Concerns, Denial> {
    let mut entry = read(world, erasure.index).await?;
    if let Some(field) = erasure.fields.iter().find(|field| !entry.commitments.contains_key(*field)) {
        let known: Vec<_> = entry.commitments.keys().map(String::as_str).collect();
        let sentence = format!("entry {} commits to {:?}, not to {field}", erasure.index, known.join(", "));
        return Err(Denial::of_field("fields", sentence));
    }
    let lease = entry.body.lease();
    for _ in 0..HOPS_MAX {
        match (entry.body.task(), entry.cause) {
            (Some(task), _) => return Ok(Concerns { task: Some(task), lease }),
            (None, Some(cause)) if lease.is_some() => entry = read(world, cause).await?,
            (None, _) => break,
        }
    }
    Ok(Concerns { task: None, lease })
}

async fn read(world: &World, index: u64) -> Result<Entry, Denial> {
    let stored = publish::page(world, index, 1).await?.pop().ok_or_else(Denial::not_found)?;
    publish::entry(&stored)
}
