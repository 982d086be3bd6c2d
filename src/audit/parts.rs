//! The laws of a log of which parts are folded away. The fold of the state needs every entry; here the
//! counters take its place: what is shown of a type is counted against `log.counted`, so an entry
//! of a type that is claimed to be complete cannot be missing, and lives are followed lease by lease.

use super::bundle::Selection;
use domain::base::{LeaseId, Time};
use domain::entry::body::Type;
use domain::entry::{Body, Entry};
use domain::state::{Broken, State, check_actor};
use std::collections::BTreeMap;

type Numbers = [u64; Type::ALL.len()];

/// What is known of the log at some place between its entries.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    selection: Option<Selection>,
    time: Time,
    /// Unsettled leases whose intent was shown; `true` once issued.
    open: BTreeMap<LeaseId, bool>,
    /// Exact numbers at the last place where they were known.
    base: Option<Numbers>,
    /// What was shown since then, by type.
    shown: Numbers,
    /// Time of the last place where the numbers were known.
    counted: Option<Time>,
    /// Something was folded away since.
    folded_since: bool,
    begins_at_start: bool,
}

/// Types of which a selection shows every entry between two counts, chosen or not.
pub(super) const COMPLETE: [Type; 3] = [Type::TaskRequested, Type::LeaseIntended, Type::LeaseIssued];

impl Parts {
    /// What the fold knew when the first entry was folded away.
    pub(super) fn after(state: &State, selection: Option<Selection>) -> Self {
        let open = state.leases.iter().map(|(id, lease)| (*id, lease.issued.is_some())).collect();
        let base = (state.size > 0).then(|| numbers(|kind| state.counts.of(kind)));
        Self {
            selection,
            time: state.time,
            open,
            base,
            shown: numbers(|_| 0),
            counted: (state.size > 0).then_some(state.time),
            folded_since: true,
            begins_at_start: state.size > 0,
        }
    }

    /// The next line folds entries away.
    pub(super) fn skip(&mut self) {
        self.folded_since = true;
    }

    /// Follows one shown entry.
    pub(super) fn follow(&mut self, index: u64, entry: &Entry) -> Result<(), Broken> {
        if entry.time < self.time {
            return Err(broken("time", "an entry is older than one before it"));
        }
        self.time = entry.time;
        check_actor(entry)?;
        self.live(&entry.body)?;
        if let Body::LogCounted(body) = &entry.body {
            self.count(index, entry.time, &body.counts)?;
        }
        if let Some(shown) = self.shown.get_mut(entry.body.kind() as usize) {
            *shown += 1;
        }
        Ok(())
    }

    fn live(&mut self, body: &Body) -> Result<(), Broken> {
        let (lease, issued, settles) = match body {
            Body::LeaseIntended(body) => {
                return match self.open.insert(body.lease, false) {
                    None => Ok(()),
                    Some(_) => Err(broken("lease", "intended twice")),
                };
            }
            Body::LeaseIssued(body) => {
                return match self.open.insert(body.lease, true) {
                    Some(false) => Ok(()),
                    None if !self.begins_at_start => Ok(()),
                    _ => Err(broken("lease", "issued without an open intent")),
                };
            }
            Body::LeaseNotIssued(body) => (body.lease, Some(false), true),
            Body::LeaseRenewed(body) => (body.lease, Some(true), false),
            Body::LeaseRevocationRequested(body) => (body.lease, Some(true), false),
            Body::LeaseRevocationAccepted(body) => (body.lease, Some(true), false),
            Body::LeaseRevoked(body) => (body.lease, Some(true), true),
            Body::LeaseExpired(body) => (body.lease, Some(true), true),
            Body::LeaseUnproven(body) => (body.lease, None, false),
            _ => return Ok(()),
        };
        match self.open.get(&lease) {
            Some(open) if issued.is_none_or(|issued| issued == *open) => {}
            // Its intent may stand in what was folded away before.
            None if !self.begins_at_start => self.open.extend(issued.map(|issued| (lease, issued))),
            _ => return Err(broken("lease", format!("{lease} is not open so, or its intent is not shown"))),
        }
        if settles {
            self.open.remove(&lease);
        }
        Ok(())
    }

    fn count(&mut self, index: u64, time: Time, counts: &BTreeMap<String, u64>) -> Result<(), Broken> {
        let counted = numbers(|kind| counts.get(kind.name()).copied().unwrap_or_default());
        let known = counts.keys().all(|name| Type::ALL.iter().any(|kind| kind.name() == name));
        if !known || counts.values().try_fold(0, |sum: u64, n| sum.checked_add(*n)) != Some(index) {
            return Err(broken("counts", "the numbers are not those of the entries before"));
        }
        if let Some(base) = self.base {
            self.compare(&base, &counted)?;
        } else if self.begins_late(time) {
            return Err(broken("complete", "the first count that is shown is not from before the period's beginning"));
        }
        // The entry itself belongs to the next stretch: the caller adds it to what was shown.
        (self.base, self.shown) = (Some(counted), numbers(|_| 0));
        (self.counted, self.folded_since) = (Some(time), false);
        Ok(())
    }

    fn compare(&self, base: &Numbers, counted: &Numbers) -> Result<(), Broken> {
        let between = base.iter().zip(&self.shown).map(|(base, shown)| base + shown);
        let rows = || Type::ALL.iter().zip(between.clone()).zip(counted);
        if let Some(((kind, _), _)) = rows().find(|((_, least), counted)| *counted < least) {
            let name = kind.name();
            return Err(broken("counts", format!("more entries of type {name} are shown than were counted")));
        }
        let missed = |row: &((&Type, u64), &u64)| COMPLETE.contains(row.0.0) && *row.1 > row.0.1;
        match rows().find(missed).filter(|_| self.selection.is_some()) {
            Some(((kind, least), counted)) => {
                Err(broken("complete", format!("{} {} are not shown", counted - least, kind.name())))
            }
            None => Ok(()),
        }
    }

    /// Whether something of the period may stand before the first count, where the log's beginning is not shown.
    fn begins_late(&self, first: Time) -> bool {
        let is_before = |from: &str| Time::parse(from).is_ok_and(|from| first < from);
        self.selection.as_ref().is_some_and(|selection| !selection.from.as_deref().is_some_and(is_before))
    }

    /// What cannot be said of the log's end.
    pub(super) fn end(&self) -> Result<(), Broken> {
        let Some(selection) = &self.selection else { return Ok(()) };
        let reaches = |to: &str| Time::parse(to).is_ok_and(|to| self.counted.is_some_and(|counted| counted >= to));
        if self.folded_since && !selection.to.as_deref().is_some_and(reaches) {
            return Err(broken("complete", "what follows on the last count that is shown may hold more"));
        }
        Ok(())
    }

    /// Leases whose end is not shown.
    pub(super) fn open_leases(&self) -> u64 {
        self.open.len() as u64
    }
}

fn numbers(of: impl Fn(Type) -> u64) -> Numbers {
    let mut numbers = [0; Type::ALL.len()];
    for (number, kind) in numbers.iter_mut().zip(Type::ALL) {
        *number = of(*kind);
    }
    numbers
}

fn broken(law: &'static str, sentence: impl Into<String>) -> Broken {
    Broken { law, sentence: sentence.into() }
}
