//! The trace of a log that can only be read from its beginning, such as a bundle: each round of queries
//! is one pass over it, three or four in all, with no more in memory than what is found.

use super::gather::{Found, Gathered, Gathering, Query, Reach};
use domain::entry::Entry;
use std::collections::BTreeMap;

/// Answers the queries of a gathering by reading the log again and again. `pass` gives every entry, in
/// order, to what it is handed.
///
/// # Errors
/// Those of a pass.
pub fn gather<E>(
    mut gathering: Gathering,
    mut pass: impl FnMut(&mut dyn FnMut(Found)) -> Result<(), E>,
) -> Result<Gathered, E> {
    loop {
        let wanted = gathering.wanted();
        if wanted.is_empty() {
            return Ok(gathering.finish());
        }
        for (query, answer) in look(&wanted, &mut pass)? {
            gathering.take(query, answer);
        }
    }
}

type Answers<'q> = Vec<(&'q Query, Vec<Found>)>;

fn look<'q, E>(
    wanted: &'q [Query],
    pass: &mut impl FnMut(&mut dyn FnMut(Found)) -> Result<(), E>,
) -> Result<Answers<'q>, E> {
    let mut by_mention: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, query) in wanted.iter().enumerate() {
        by_mention.entry(&query.mention).or_default().push(at);
    }
    let mut answers: Answers<'q> = wanted.iter().map(|query| (query, Vec::new())).collect();
    pass(&mut |found| {
        let Ok(entry) = Entry::read(&found.bytes) else { return };
        for mention in entry.mentions() {
            for at in by_mention.get(&mention).into_iter().flatten() {
                if let Some((query, answer)) = answers.get_mut(*at) {
                    offer(query.reach, answer, &found);
                }
            }
        }
    })?;
    Ok(answers)
}

/// Keeps what the reach wants of the entries that come by in order.
pub fn offer(reach: Reach, answer: &mut Vec<Found>, found: &Found) {
    match reach {
        Reach::From { index, limit } if found.index >= index && answer.len() < limit => answer.push(found.clone()),
        Reach::LastBefore(index) if found.index < index => {
            answer.clear();
            answer.push(found.clone());
        }
        _ => {}
    }
}
