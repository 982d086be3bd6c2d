//! Evidence: entries, openings, receipts, signals, and who may see which opening.

use super::fields::invalid;
use super::timestamp;
use domain::base::Time;
use domain::entry::{Body, Entry, Opening};
use domain::reason::Denial;
use domain::roles::{CallerRole, HeldRoles};
use ports::StoredEntry;
use proto::v1;
use services::publish::Shown;
use services::receipt::Proven;

/// Which entries a subscriber wants.
#[derive(Debug, Default)]
pub(in crate::grpc) struct TypeFilter(Vec<Wanted>);

#[derive(Debug)]
enum Wanted {
    /// One type.
    Type(&'static str),
    /// All types that begin so, dot included.
    Group(&'static str),
}

/// Most types in one filter.
const TYPES_MAX: usize = 64;
/// Handles at the engine: of use to whoever may act there, not to the owner of a secret.
const ENGINE_HANDLES: [&str; 3] = ["engine_lease", "accessor", "tag"];

impl TypeFilter {
    pub(in crate::grpc) fn parse(types: &[String]) -> Result<Self, Denial> {
        if types.len() > TYPES_MAX {
            return Err(invalid("types", format!("must be at most {TYPES_MAX}")));
        }
        let wanted = types.iter().enumerate().map(|(at, text)| {
            wanted(text).ok_or_else(|| invalid(&format!("types[{at}]"), format!("no entry has the type {text:?}")))
        });
        wanted.collect::<Result<_, _>>().map(Self)
    }

    pub(in crate::grpc) fn wants(&self, name: &str) -> bool {
        let matches = |wanted: &Wanted| match wanted {
            Wanted::Type(wanted) => name == *wanted,
            Wanted::Group(prefix) => name.starts_with(prefix),
        };
        self.0.is_empty() || self.0.iter().any(matches)
    }
}

fn wanted(text: &str) -> Option<Wanted> {
    let Some(prefix) = text.strip_suffix('*').filter(|prefix| prefix.ends_with('.')) else {
        return Body::TYPES.iter().find(|name| **name == text).map(|name| Wanted::Type(name));
    };
    let of_group = Body::TYPES.iter().find(|name| name.starts_with(prefix))?;
    of_group.get(..prefix.len()).map(Wanted::Group)
}

/// A signal.
pub(in crate::grpc) fn signal(stored: StoredEntry, entry: &Entry) -> v1::SubscribeResponse {
    v1::SubscribeResponse {
        index: stored.index,
        r#type: entry.body.type_name().into(),
        time: Some(timestamp(entry.time)),
        entry: stored.bytes,
    }
}

/// A sign of life that only moves the cursor.
pub(in crate::grpc) fn heartbeat(last_index: u64, now: Time) -> v1::SubscribeResponse {
    v1::SubscribeResponse { index: last_index, r#type: String::new(), time: Some(timestamp(now)), entry: Vec::new() }
}

/// How much of an entry's openings a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::grpc) enum Sight {
    /// All: operators and auditors.
    All,
    /// All but the handles at the engine: whom the entry concerns.
    Concerned,
    /// None: scorers.
    Nothing,
}

impl Sight {
    /// Of a reader whom the entry does not concern.
    pub(in crate::grpc) const fn by_office(held: HeldRoles) -> Self {
        if held.holds(CallerRole::Operator) || held.holds(CallerRole::Auditor) { Self::All } else { Self::Nothing }
    }

    /// What is left of the openings.
    pub(in crate::grpc) fn of(self, openings: Vec<Opening>) -> Vec<Opening> {
        let visible = |opening: &Opening| match self {
            Self::All => true,
            Self::Concerned => !ENGINE_HANDLES.contains(&opening.field.as_str()),
            Self::Nothing => false,
        };
        openings.into_iter().filter(visible).collect()
    }
}

/// An entry with openings.
pub(in crate::grpc) fn shown(shown: Shown, sight: Sight) -> v1::StreamEntriesResponse {
    let Shown { stored, openings } = shown;
    v1::StreamEntriesResponse {
        index: stored.index,
        entry: stored.bytes,
        openings: sight.of(openings).into_iter().map(opening).collect(),
    }
}

/// A receipt.
pub(in crate::grpc) fn receipt(proven: Proven) -> v1::Receipt {
    v1::Receipt {
        proof: proven.receipt.to_text(),
        entry: proven.entry,
        openings: proven.openings.into_iter().map(opening).collect(),
        witnessed: proven.witnessed,
    }
}

pub(super) fn opening(opening: Opening) -> v1::Opening {
    v1::Opening { field: opening.field, salt: opening.salt.to_vec(), value: opening.value }
}

#[cfg(test)]
mod tests;
