//! Logs that hold but for one law, made by someone who holds the log's key: both verifiers name that law, at that
//! entry.

use super::bundles::Log;
use super::forged::forge;
use super::judged;
use super::mutations::Case;
use super::python::Python;
use leasehold::domain::base::{Span, Time};
use serde_json::{Value, json};

/// The golden log with some of its entries changed in turn, and what both must say of it.
struct Trial {
    log: Log,
    expected: Option<(&'static str, usize)>,
    what: &'static str,
}

impl Trial {
    fn new(what: &'static str) -> Self {
        Self { log: Log::golden(), expected: None, what }
    }

    /// The nth entry of a type, from 0.
    fn place(&self, kind: &str, nth: usize) -> usize {
        let mut places = (0..self.log.rows.len()).filter(|index| self.log.rows[*index].entry["type"] == kind);
        places.nth(nth).unwrap()
    }

    fn changed(mut self, index: usize, pointer: &str, value: impl Into<Value>) -> Self {
        let mut entry = self.log.rows[index].entry.clone();
        *entry.pointer_mut(pointer).unwrap() = value.into();
        self.log = forge(&self.log, index, entry);
        self
    }

    /// An entry once more, before another one and at its time.
    fn copied(mut self, index: usize, before: usize) -> Self {
        let mut entry = self.log.rows[index].entry.clone();
        entry["time"] = self.log.rows[before].entry["time"].clone();
        let row = self.log.rows[index].with(entry);
        self.log.rows.insert(before, row);
        self
    }

    fn breaks(mut self, law: &'static str, index: usize) -> Self {
        self.expected = Some((law, index));
        self
    }
}

#[test]
fn both_name_the_law_and_the_entry() {
    let (base, mut python) = (Log::golden().base(), Python::start());
    let trials: Vec<Trial> =
        [ends(), renewals(), actors()].into_iter().flatten().chain([without_its_start()]).collect();
    let cases: Vec<Case> = trials.iter().map(|it| base.to(&it.log.bundle(None), it.what.to_owned())).collect();
    for (trial, verdict) in trials.iter().zip(judged(&mut python, &base, &cases)) {
        let expected = trial.expected.map(|(law, index)| (law.to_owned(), Some(index as u64)));
        assert_eq!(verdict, expected, "{}", trial.what);
    }
}

fn without_its_start() -> Trial {
    let mut trial = Trial::new("a log without its start").breaks("log", 0);
    drop(trial.log.rows.remove(0));
    trial
}

fn ends() -> Vec<Trial> {
    let trial = Trial::new("a task is denied that is active");
    let completed = trial.place("task.completed", 0);
    let denied = trial.changed(completed, "/type", "task.denied").breaks("task", completed);

    let trial = Trial::new("a token is gone twice");
    let (completed, gone) = (trial.place("task.completed", 0), trial.place("token.revoked", 0));
    let twice = trial.copied(gone, completed + 1).copied(gone + 1, completed + 1).breaks("token", completed + 2);

    let trial = Trial::new("what was never issued is revoked");
    let (closed, revoked) = (trial.place("lease.not_issued", 0), trial.place("lease.revoked", 1));
    let id = trial.log.rows[closed].entry["what"]["lease"].clone();
    let never = trial
        .changed(closed, "/what", json!({ "lease": id, "missing": "engine" }))
        .changed(closed, "/type", "lease.unproven")
        .copied(revoked, closed + 1)
        .changed(closed + 1, "/what/lease", id)
        .breaks("revocation", closed + 1);
    vec![denied, twice, never]
}

fn renewals() -> Vec<Trial> {
    let longer = |what, seconds| {
        let trial = Trial::new(what);
        let (asked, approved) = (trial.place("task.requested", 0), trial.place("task.approved", 0));
        let (active, renewed) = (trial.place("task.activated", 0), trial.place("lease.renewed", 0));
        let behind = |index: usize, seconds| {
            let time = trial.log.rows[index].entry["time"].as_str().unwrap();
            Time::parse(time).unwrap().plus(Span::from_seconds(seconds)).to_string()
        };
        let (until, ends, expires) = (behind(approved, 7_000), behind(active, 7_000), behind(renewed, seconds));
        let trial = trial
            .changed(asked, "/what/window_seconds", 7_200)
            .changed(approved, "/what/until", until)
            .changed(active, "/what/ends", ends)
            .changed(renewed, "/what/expires", expires);
        (trial, renewed)
    };
    let (within, _) = longer("as long as the credential allows", 1_200);
    let (beyond, renewed) = longer("longer than the credential allows", 1_201);
    let trial = Trial::new("prolonged although it is not renewable");
    let issued = trial.place("lease.issued", 0);
    let fixed = trial.changed(issued, "/what/renewable", false).breaks("renewal", renewed);
    vec![within, beyond.breaks("renewal", renewed), fixed]
}

fn actors() -> Vec<Trial> {
    let broker = json!({ "id": "leasehold" });
    let person = Log::golden().rows[Trial::new("").place("task.denied", 0)].entry["actor"].clone();
    let as_if = |what, kind: &str, nth, actor: &Value| {
        let trial = Trial::new(what);
        let index = trial.place(kind, nth);
        (trial.changed(index, "/actor", actor.clone()), index)
    };
    let proven = json!({ "id": "leasehold", "serial": "0a" });
    let mut trials: Vec<Trial> = [
        as_if("a person says that a secret was issued", "lease.issued", 0, &person),
        as_if("a person approves by a rule", "task.approved", 1, &person),
        as_if("the broker says a person's yes", "task.approved", 0, &broker),
        as_if("the broker completes a task", "task.completed", 0, &broker),
        as_if("the broker reads the evidence", "evidence.read", 0, &broker),
        as_if("the broker with a certificate", "broker.stopped", 0, &proven),
        as_if("the broker with a certificate, where callers may be too", "lease.renewed", 0, &proven),
    ]
    .into_iter()
    .map(|(trial, index)| trial.breaks("actor", index))
    .collect();
    trials.push(as_if("the broker prolongs a lease, as it does", "lease.renewed", 0, &broker).0);
    trials
}
