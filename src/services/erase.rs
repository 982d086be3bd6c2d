//! Erasing openings: finds out what an entry is about, so that nothing goes that is still needed, and
//! lets the journal decide. The store forgets them in the transaction of `evidence.erased`.

use super::World;
use super::commit::Openings;
use super::publish;
use domain::base::{LeaseId, TaskId};
use domain::entry::{Entry, Opening, RequestMark};
use domain::reason::{Denial, Reason};
use domain::state::command::{Caller, EraseOpening};
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

/// Asks for an erasure, or agrees to one; `true` once the openings are gone.
///
/// # Errors
/// The [`Denial`] of the decision; `FIELD_INVALID` for a field that the entry does not commit to.
pub async fn erase(world: &World, caller: Caller, mark: RequestMark, erasure: Erasure) -> Result<bool, Denial> {
    let (task, lease) = concerned(world, &erasure).await?;
    let (ask, openings) = with_commitment(world, erasure, (task, lease));
    let durable = world.journal.propose(Command::Ask { caller, mark, ask: Ask::EraseOpening(ask) }, openings).await?;
    match durable.reply {
        Reply::Erasure { done } => Ok(done),
        _ => Err(Denial::new(Reason::Internal, "the writer told of no erasure")),
    }
}

/// Lets the journal turn down, and record, a caller whose role is not enough; nothing is looked up.
///
/// # Errors
/// The [`Denial`].
pub async fn turn_down(world: &World, caller: Caller, mark: RequestMark, erasure: Erasure) -> Result<bool, Denial> {
    let (ask, openings) = with_commitment(world, erasure, (None, None));
    world.journal.propose(Command::Ask { caller, mark, ask: Ask::EraseOpening(ask) }, openings).await?;
    Err(Denial::not_found())
}

fn with_commitment(
    world: &World,
    erasure: Erasure,
    (task, lease): (Option<TaskId>, Option<LeaseId>),
) -> (EraseOpening, Vec<Opening>) {
    let mut openings = Openings::of(&*world.entropy, "evidence.erasure_requested");
    let justification = erasure.justification.map(|text| openings.commit("justification", text));
    let Erasure { index, fields, .. } = erasure;
    (EraseOpening { index, fields, task, lease, justification }, openings.into_made())
}

/// The task and the lease that the entry is about.
async fn concerned(world: &World, erasure: &Erasure) -> Result<(Option<TaskId>, Option<LeaseId>), Denial> {
    let mut entry = read(world, erasure.index).await?;
    if let Some(field) = erasure.fields.iter().find(|field| !entry.commitments.contains_key(*field)) {
        let known: Vec<_> = entry.commitments.keys().map(String::as_str).collect();
        let sentence = format!("entry {} commits to {:?}, not to {field}", erasure.index, known.join(", "));
        return Err(Denial::of_field("fields", sentence));
    }
    let lease = entry.body.lease();
    for _ in 0..HOPS_MAX {
        match (entry.body.task(), entry.cause) {
            (Some(task), _) => return Ok((Some(task), lease)),
            (None, Some(cause)) if lease.is_some() => entry = read(world, cause).await?,
            (None, _) => break,
        }
    }
    Ok((None, lease))
}

async fn read(world: &World, index: u64) -> Result<Entry, Denial> {
    let stored = publish::page(world, index, 1).await?.pop().ok_or_else(Denial::not_found)?;
    publish::entry(&stored)
}
