//! An estate change: a group of items, closed by `estate.applied`, in one transaction.

use super::command::{ApplyEstate, Decided, Draft, Reply};
use super::repeat::Outcome;
use super::{About, Bench, Broken, State};
use crate::entry::bodies::estate as body;
use crate::estate::{self, Change};
use crate::reason::{Denial, Reason};

impl State {
    pub(super) fn decide_estate(&self, ask: &ApplyEstate, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let version = self.estate.version();
        if ask.version != version {
            let sentence = format!("planned against version {}, in force: {version}", ask.version);
            return Err(Denial::new(Reason::EstateMoved, sentence));
        }
        let plan = estate::plan(&self.estate, &ask.document);
        if plan.is_empty() {
            return Ok(Decided::nothing(Reply::Estate(version)));
        }
        self.check_room_for_estate(bench.at)?;
        let mut drafts: Vec<Draft> = plan.changes.iter().map(item).collect();
        drafts.push(Draft::new(plan.seal()));
        Ok(Decided { drafts, reply: Reply::Estate(version + 1) })
    }

    pub(super) fn apply_item_set(&mut self, set: &body::ItemSet) -> Result<(), Broken> {
        let mut draft = self.group.take().unwrap_or_else(|| self.estate.open_group());
        draft.set(&set.kind, &set.name, &set.item.0).map_err(broken)?;
        self.group = Some(draft);
        Ok(())
    }

    pub(super) fn apply_item_removed(&mut self, removed: &body::ItemRemoved) -> Result<(), Broken> {
        let mut draft = self.group.take().unwrap_or_else(|| self.estate.open_group());
        draft.remove(&removed.kind, &removed.name).map_err(broken)?;
        self.group = Some(draft);
        Ok(())
    }

    pub(super) fn apply_estate(&mut self, about: &About<'_>, applied: &body::Applied) -> Result<(), Broken> {
        let draft = self.group.take().ok_or_else(|| Broken::new("estate-group", "closed without an item"))?;
        self.estate = draft.seal(applied).map_err(broken)?;
        self.forget_pace();
        self.remember(about, Outcome::Estate(applied.version));
        Ok(())
    }

    /// A fold that ends inside a group is refused.
    ///
    /// # Errors
    /// [`Broken`] if a group is open.
    pub fn check_end(&self) -> Result<(), Broken> {
        match self.group {
            None => Ok(()),
            Some(_) => Err(Broken::new("estate-group", "the log ends inside an estate group")),
        }
    }
}

fn item(change: &Change) -> Draft {
    let (kind, name) = (change.kind.to_string(), change.name.clone());
    match &change.json {
        Some(json) => Draft::new(body::ItemSet { item: body::ItemJson(json.clone()), kind, name }),
        None => Draft::new(body::ItemRemoved { kind, name }),
    }
}

fn broken(sentence: impl std::fmt::Display) -> Broken {
    Broken::new("estate-group", sentence.to_string())
}
