//! How many entries of each type the log holds. Written into the log now and then (`log.counted`), the
//! numbers let whoever sees a part of it prove that nothing of a type was left out.

use super::{About, Broken, State};
use crate::entry::bodies::log::Counted;
use crate::entry::body::Type;

/// Entries by type, and where they were last written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    by_type: [u64; Type::ALL.len()],
    /// Size of the log right behind the last `log.counted`; 0 if there is none.
    pub(in crate::state) written: u64,
}

/// Entries after which the numbers are written again.
pub const COUNT_EVERY: u64 = 1_024;

impl Default for Counts {
    fn default() -> Self {
        Self { by_type: [0; Type::ALL.len()], written: 0 }
    }
}

impl Counts {
    /// How many entries of a type there are.
    #[must_use]
    pub fn of(&self, kind: Type) -> u64 {
        self.by_type.get(kind as usize).copied().unwrap_or_default()
    }

    /// What `log.counted` says.
    #[must_use]
    pub fn body(&self) -> Counted {
        let counts = Type::ALL.iter().map(|kind| (kind.name().to_owned(), self.of(*kind))).filter(|(_, n)| *n > 0);
        Counted { counts: counts.collect() }
    }

    /// The same numbers again, from their names; `None` for a name that is no type's.
    #[must_use]
    pub fn of_names<'n>(written: u64, named: impl IntoIterator<Item = (&'n str, u64)>) -> Option<Self> {
        let mut counts = Self { written, ..Self::default() };
        for (name, count) in named {
            let kind = Type::ALL.iter().find(|kind| kind.name() == name)?;
            *counts.by_type.get_mut(*kind as usize)? = count;
        }
        Some(counts)
    }

    /// Entries of all types.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.by_type.iter().fold(0, |all, count| all.saturating_add(*count))
    }

    pub(super) fn add(&mut self, kind: Type) {
        if let Some(count) = self.by_type.get_mut(kind as usize) {
            *count += 1;
        }
    }
}

impl State {
    /// The numbers, if so many entries came since they were last written that it is time again.
    #[must_use]
    pub fn count_due(&self) -> Option<Counted> {
        (self.size - self.counts.written >= COUNT_EVERY).then(|| self.counts.body())
    }

    /// The numbers, unless the last entry of the log is them.
    #[must_use]
    pub fn count_now(&self) -> Option<Counted> {
        (self.size > self.counts.written).then(|| self.counts.body())
    }

    pub(super) fn apply_counted(&mut self, about: &About<'_>, counted: &Counted) -> Result<(), Broken> {
        let kept = self.counts.body();
        if kept != *counted {
            let differs = |kind: &&Type| kept.counts.get(kind.name()) != counted.counts.get(kind.name());
            let what = Type::ALL.iter().find(differs).map_or("a type that does not exist", |kind| kind.name());
            return Err(Broken::new("counts", format!("the log holds another number of {what} than is written here")));
        }
        self.counts.written = about.index + 1;
        Ok(())
    }
}
