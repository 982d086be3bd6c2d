//! A broker and its witnesses, each a process of its own, over HTTP on loopback.

mod red_team;
mod rounds;
mod starting;

use super::broker::{Broker, log_key};
use crate::fixtures::until;
use crate::witness::process::WitnessProcess;
use leasehold::adapters::kept_file::KeptFile;
use leasehold::adapters::witness::HttpWitness;
use leasehold::ports::Witness;
use leasehold::services::witness::{Asked, Witnessing};
use leasehold::tlog::policy::Policy;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Witnesses of the tests' log and a policy of `needed` of them.
fn witnesses(count: usize, needed: usize) -> (Vec<WitnessProcess>, String) {
    let key = log_key().verifier().to_string();
    let processes: Vec<_> =
        (1..=count).map(|number| WitnessProcess::start(&format!("witness.example/w{number}"), &[&key])).collect();
    let names: Vec<String> = (1..=count).map(|number| format!("w{number}")).collect();
    let lines: String = processes.iter().zip(&names).map(|(process, name)| process.line(name)).collect();
    let policy = format!("log {key}\n{lines}group enough {needed} {}\nquorum enough\n", names.join(" "));
    (processes, policy)
}

pub(super) fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

fn kept(broker: &Broker) -> PathBuf {
    broker.folder.path().join("log.db.cosigned")
}

/// The broker asks the witnesses of this policy, as `app` has it ask.
pub(super) fn ask(broker: &Broker, text: &str) -> DropGuard {
    ask_by(broker, text, |way| Arc::new(way))
}

/// The same, by ways that the test stands in.
fn ask_by(broker: &Broker, text: &str, stand_in: impl Fn(HttpWitness) -> Arc<dyn Witness>) -> DropGuard {
    let policy = policy(text);
    let way = |name: &str, url: &str| stand_in(HttpWitness::new(name, url, None).unwrap());
    let asked = policy.witnesses().iter().map(|witness| Asked {
        witness: way(&witness.name, witness.url.as_deref().unwrap()),
        key: witness.key.clone(),
    });
    let asked = asked.collect();
    let witnessing = Witnessing::new(broker.world.clone(), policy, asked, Arc::new(KeptFile::at(kept(broker))));
    let stop = CancellationToken::new();
    broker.grounds.tasks.spawn(witnessing.run(stop.clone()));
    stop.drop_guard()
}

pub(super) fn published(broker: &Broker) -> u64 {
    broker.world.journal.published().state.size
}

pub(super) async fn until_witnessed(broker: &Broker) {
    until("every entry is witnessed", || broker.world.witnessed.size() == published(broker)).await;
}
