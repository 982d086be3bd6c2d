//! An attacker who has the database and the log's signing key, and what finds them: the witness, the
//! broker's own start, and a monitor who holds one earlier cosigned checkpoint.
//!
//! They may (1) leave one issuance out and sign the log anew, (2) go back to an old copy, (3) show one
//! history to one party and another to the other. What they cannot do is make a witness forget.

use super::{ask, kept, policy, published, until_witnessed, witnesses};
use crate::fixtures::ports::TestClock;
use crate::fixtures::until;
use crate::fixtures::world::WORKLOAD;
use crate::wire::broker::{AUDITOR, Broker, log_key, reason};
use crate::witness::process::WitnessProcess;
use clap::Parser as _;
use leasehold::adapters::shelf::FileShelf;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::app::cli::{Cli, Verb};
use leasehold::client::{Connect, SignalSource, Target, Terminal, explain, run_on};
use leasehold::domain::entry::Entry;
use leasehold::domain::judge::BuiltInRules;
use leasehold::ports::{Batch, Lane, LogStore, NewEntry, Tile};
use leasehold::proto::v1;
use leasehold::services::journal::{Journal, Parts, StartError};
use leasehold::services::witnessed::{NotVouchedFor, Vouched, Witnessed};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::monitor::SplitView;
use leasehold::tlog::tree::Edge;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tonic::transport::Channel;
use v1::TaskState;

/// An honest log with one issuance, which a witness and a monitor have seen.
pub(super) struct Crime {
    pub(super) broker: Broker,
    /// Asked by the honest broker; it goes on to run, and remembers.
    _witnesses: Vec<WitnessProcess>,
    pub(super) policy: String,
    lease: String,
    /// What the monitor holds.
    pub(super) seen: Vouched,
    monitor: TempDir,
}

impl Crime {
    pub(super) async fn scene() -> Self {
        let broker = Broker::with_estate().await;
        let (witnesses, policy) = witnesses(1, 1);
        let asking = ask(&broker, &policy);
        let task = broker.task("api-key").await;
        broker.until(WORKLOAD, &task.id, TaskState::Active).await;
        let lease = issue(&broker, &task.id).await.unwrap().lease.unwrap().id;
        read_log(&broker).await;
        until_witnessed(&broker).await;
        drop(asking);
        let seen = (*broker.world.witnessed.newest().unwrap()).clone();
        let monitor = tempfile::tempdir().unwrap();
        std::fs::write(monitor.path().join("policy"), &policy).unwrap();
        std::fs::write(monitor.path().join("seen"), &seen.text).unwrap();
        Self { broker, _witnesses: witnesses, policy, lease, seen, monitor }
    }

    pub(super) async fn entries(&self) -> Vec<Vec<u8>> {
        let stored = self.broker.world.store.entries(0, 10_000).await.unwrap();
        stored.into_iter().map(|stored| stored.bytes).collect()
    }

    /// The same log without the issuance: every entry that names its lease is left out.
    async fn without_the_issuance(&self) -> Vec<Vec<u8>> {
        let mut entries = self.entries().await;
        let before = entries.len();
        entries.retain(|bytes| !String::from_utf8_lossy(bytes).contains(&self.lease));
        assert!(entries.len() < before, "the issuance was there");
        entries
    }

    /// Whether the monitor, who holds `seen`, is content with what this broker shows; and what it is told.
    async fn monitor(&self, broker: &Broker) -> (u8, String) {
        let before = std::fs::read_to_string(self.monitor.path().join("seen")).unwrap();
        let ran = run_monitor(broker, self.monitor.path()).await;
        if ran.0 != 0 {
            assert_eq!(std::fs::read_to_string(self.monitor.path().join("seen")).unwrap(), before, "its memory stays");
        }
        ran
    }

    /// Runs a broker over a forged log, as the attacker would: without the check at the start.
    async fn forged_broker(&self, entries: &[Vec<u8>], shown_as_witnessed: Option<Vouched>) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        forge(&folder.path().join("log.db"), entries).await;
        Broker::over(folder, Witnessed::starting_with(shown_as_witnessed)).await
    }
}

pub(super) async fn issue(broker: &Broker, task: &str) -> Result<v1::IssueSecretResponse, tonic::Status> {
    let request = v1::IssueSecretRequest {
        request_id: broker.request_id(),
        task_id: task.into(),
        credential: "api-key".into(),
        ..Default::default()
    };
    broker.issuance(WORKLOAD).issue_secret(request).await.map(tonic::Response::into_inner)
}

/// Some entries that have nothing to do with the issuance.
pub(super) async fn read_log(broker: &Broker) {
    for _ in 0..3 {
        let request = v1::StreamEntriesRequest { from_index: 0, limit: 1 };
        broker.evidence(AUDITOR).stream_entries(request).await.unwrap();
    }
}

/// Writes a log of these entries, signed with the log's key: what the attacker can do.
pub(super) async fn forge(path: &Path, entries: &[Vec<u8>]) {
    let store = SqliteStore::open(path).unwrap();
    let mut edge = Edge::new();
    let tiles = entries.iter().flat_map(|bytes| edge.push(leaf_hash(bytes))).collect::<Vec<_>>();
    let tiles = tiles.into_iter().map(|tile| Tile { level: tile.level, number: tile.number, bytes: tile.bytes });
    let (signer, head) = (log_key(), edge.head());
    let checkpoint = Checkpoint { origin: signer.name().into(), size: head.size, root: head.root }.sign(&signer);
    let entries = entries.iter().map(|bytes| NewEntry { bytes: bytes.clone(), openings: Vec::new() }).collect();
    let (tiles, lane) = (tiles.collect(), Lane::Ordinary);
    store.append(Batch { expected_size: 0, entries, tiles, checkpoint, lane, erased: Vec::new() }).await.unwrap();
}

/// The ordinary start of a broker on a log, when witnesses are known to have vouched for `vouched`.
async fn start(path: &Path, vouched: Option<&Vouched>) -> Result<(), StartError> {
    let parts = Parts {
        store: Arc::new(SqliteStore::open(path).unwrap()),
        clock: Arc::new(TestClock::default()),
        signer: log_key(),
        judge: Arc::new(BuiltInRules),
        bootstrap: Vec::new(),
        mode: "dev",
        engine_request_seconds_max: 2,
        shelf: Arc::new(FileShelf::beside(path).unwrap()),
        vouched: vouched.map(|vouched| vouched.checkpoint.clone()),
    };
    Journal::start(parts).await.map(drop)
}

struct Straight(Channel);

#[async_trait::async_trait]
impl Connect for Straight {
    async fn channel(&self, _: &Target) -> anyhow::Result<Channel> {
        Ok(self.0.clone())
    }

    fn chance(&self) -> [u8; 16] {
        [7; 16]
    }
}

async fn run_monitor(broker: &Broker, folder: &Path) -> (u8, String) {
    let (since, keys) = (folder.join("seen"), folder.join("policy"));
    let options =
        ["--address", "127.0.0.1:1", "--broker-id", "spiffe://example.org/leasehold", "--socket", "unix:///s"];
    let verb = ["evidence", "monitor", "--since", since.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let cli = Cli::try_parse_from(["leasehold"].iter().chain(&options).chain(&verb)).unwrap();
    let Verb::Client(verb) = cli.verb else { panic!("a verb of the client") };
    let out = folder.join("out");
    let file = || Box::new(std::fs::OpenOptions::new().create(true).append(true).open(&out).unwrap());
    std::fs::write(&out, "").unwrap();
    let (_, signals) = tokio::sync::mpsc::channel(1);
    let signals = SignalSource::Fed(signals);
    let mut terminal =
        Terminal { data: file(), talk: file(), person: None, data_is_screen: false, json: false, signals };
    let ran = run_on(verb, &cli.globals, &Straight(broker.channel(Some(AUDITOR))), &mut terminal).await;
    let said = |text: &str| std::fs::read_to_string(&out).unwrap() + text;
    match ran {
        Ok(code) => (code, said("")),
        Err(complaint) => {
            let (text, code) = explain(&anyhow::Error::new(complaint), false);
            (code, said(&text))
        }
    }
}

/// Shows the log of a broker to the witness, until the witness has found it out.
async fn found_by_the_witness(crime: &Crime, broker: &Broker) -> SplitView {
    let _asking = ask(broker, &crime.policy);
    until("the witness finds it out", || broker.world.witnessed.broken().is_some()).await;
    let broken = broker.world.witnessed.broken().unwrap();
    let said = format!("{broken}: {}", broken.view);
    assert!(said.contains("witness w1") && said.contains("nothing more is issued"), "{said}");
    broken.view
}

#[tokio::test]
async fn the_honest_log_is_followed_by_everyone() {
    let crime = Crime::scene().await;
    let (code, said) = crime.monitor(&crime.broker).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 entries since the last look") && said.contains("w1 at 20"), "{said}");
    read_log(&crime.broker).await;
    let _asking = ask(&crime.broker, &crime.policy);
    until_witnessed(&crime.broker).await;
    let (code, said) = crime.monitor(&crime.broker).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 entries since the last look"), "{said}");
    assert!(crime.broker.world.witnessed.broken().is_none());
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("log.db");
    forge(&path, &crime.entries().await).await;
    start(&path, Some(&crime.seen)).await.unwrap();
}

#[tokio::test]
async fn an_issuance_that_is_left_out_is_found_by_all_three() {
    let crime = Crime::scene().await;
    let mut forged = crime.without_the_issuance().await;
    // As long as the honest log or longer, so that its length tells nothing.
    let last = forged.last().unwrap().clone();
    assert_eq!(Entry::read(&last).unwrap().body.type_name(), "evidence.read");
    forged.extend(std::iter::repeat_n(last, 5));
    let path = tempfile::tempdir().unwrap();
    let file = path.path().join("log.db");
    forge(&file, &forged).await;
    let refused = start(&file, Some(&crime.seen)).await.unwrap_err();
    assert!(matches!(refused, StartError::Vouched(NotVouchedFor::Changed { .. })), "{refused}");
    start(&file, None).await.expect("positive control: without the witness nothing would be wrong with it");

    let broker = crime.forged_broker(&forged, None).await;
    let (code, said) = crime.monitor(&broker).await;
    assert_eq!(code, 1);
    assert!(said.contains("no checkpoint that witnesses cosigned"), "{said}");
    let view = found_by_the_witness(&crime, &broker).await;
    assert!(matches!(view, SplitView::NotAnExtension { earlier, .. } if earlier == crime.seen.checkpoint.size));

    // They show the honest checkpoint again, which is all that any witness ever signed.
    let broker = crime.forged_broker(&forged, Some(crime.seen.clone())).await;
    let (code, said) = crime.monitor(&broker).await;
    assert_eq!(code, 1);
    assert!(said.contains("split view") && said.contains("does not begin with the log"), "{said}");
    let proof = std::fs::read_to_string(crime.monitor.path().join("seen.conflict")).unwrap();
    let judged = policy(&crime.policy).judge(&proof).unwrap();
    assert!(judged.checkpoint.size >= crime.seen.checkpoint.size, "the other half of the proof, under the log's key");
}

#[tokio::test]
async fn going_back_to_an_old_copy_is_found_by_all_three() {
    let crime = Crime::scene().await;
    let mut old = crime.entries().await;
    old.truncate(old.len() - 4);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    forge(&file, &old).await;
    let refused = start(&file, Some(&crime.seen)).await.unwrap_err();
    let (vouched, found) = (crime.seen.checkpoint.size, old.len() as u64);
    let expected = NotVouchedFor::RolledBack { vouched, found };
    assert_eq!(refused.to_string(), expected.to_string());
    assert!(refused.to_string().contains("rolled back") && refused.to_string().contains("Restore"), "{refused}");
    let size = SqliteStore::open(&file).unwrap().head().await.unwrap().unwrap().size;
    assert_eq!(size, found, "a log that is refused does not grow");

    // Their broker starts, for they took the file with the cosigned checkpoint away.
    let broker = crime.forged_broker(&old, None).await;
    assert!(published(&broker) < vouched, "still shorter than what the witness saw");
    let view = found_by_the_witness(&crime, &broker).await;
    assert!(matches!(view, SplitView::RolledBack { earlier, .. } if earlier == vouched), "{view}");

    let broker = crime.forged_broker(&old, Some(crime.seen.clone())).await;
    let (code, said) = crime.monitor(&broker).await;
    assert_eq!(code, 1);
    assert!(said.contains("rolled back"), "{said}");
}

#[tokio::test]
async fn two_histories_for_two_parties_are_found_as_soon_as_one_is_witnessed() {
    let crime = Crime::scene().await;
    // The second party is shown a log of exactly the same size with another end.
    let mut other = crime.entries().await;
    let size = other.len();
    other.truncate(size - 2);
    let again = other.last().unwrap().clone();
    other.push(again.clone());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let mut same_size = other.clone();
    same_size.push(again);
    forge(&file, &same_size).await;
    let refused = start(&file, Some(&crime.seen)).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Vouched(NotVouchedFor::Changed { size: at }) if at == size as u64),
        "{refused}"
    );

    // Starting appends one entry, so that this log ends as long as the one that the witness saw.
    let broker = crime.forged_broker(&other, None).await;
    until("both histories are equally long", || published(&broker) >= crime.seen.checkpoint.size).await;
    let view = found_by_the_witness(&crime, &broker).await;
    assert!(matches!(view, SplitView::TwoRoots { .. } | SplitView::NotAnExtension { .. }), "{view}");

    // The second party cannot get a cosigned checkpoint of its history, so a monitor is not content.
    let (code, said) = crime.monitor(&broker).await;
    assert_eq!(code, 1, "{said}");
    // Two monitors who saw different things need only to compare.
    let second = broker.world.journal.published().checkpoint.clone();
    let second = policy(&crime.policy).judge(&second).unwrap().checkpoint;
    assert_ne!(second.root, crime.seen.checkpoint.root);
    assert!(leasehold::tlog::monitor::follow(&crime.seen.checkpoint, &second, &[]).is_err());
}

#[tokio::test]
async fn once_found_out_nothing_more_is_issued() {
    let crime = Crime::scene().await;
    let task = crime.broker.task("api-key").await;
    crime.broker.until(WORKLOAD, &task.id, TaskState::Active).await;
    let forged = crime.without_the_issuance().await;
    let broker = crime.forged_broker(&forged, None).await;
    issue(&broker, &task.id).await.expect("and here too, as long as nobody knows");
    found_by_the_witness(&crime, &broker).await;
    let refused = issue(&broker, &task.id).await.err().expect("nothing is issued");
    assert_eq!(reason(&refused), "STOPPING");
    assert!(!kept(&broker).exists(), "nobody vouched for this log");
}

#[tokio::test]
async fn a_monitor_that_asks_for_no_witness_still_finds_what_it_was_shown_itself() {
    let crime = Crime::scene().await;
    std::fs::write(crime.monitor.path().join("policy"), format!("{}\n", log_key().verifier())).unwrap();
    let (code, said) = crime.monitor(&crime.broker).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("by nobody"), "{said}");
    let broker = crime.forged_broker(&crime.without_the_issuance().await, None).await;
    let (code, said) = crime.monitor(&broker).await;
    assert_eq!(code, 1);
    assert!(said.contains("split view"), "{said}");
}

#[tokio::test]
async fn the_first_look_of_a_monitor_is_believed_and_kept() {
    let crime = Crime::scene().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy"), &crime.policy).unwrap();
    let (code, said) = run_monitor(&crime.broker, folder.path()).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the first look"), "{said}");
    let seen: PathBuf = folder.path().join("seen");
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), crime.seen.text);
    std::fs::write(&seen, "something else\n").unwrap();
    let (code, said) = run_monitor(&crime.broker, folder.path()).await;
    assert_eq!(code, 2, "{said}");
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), "something else\n");
}
