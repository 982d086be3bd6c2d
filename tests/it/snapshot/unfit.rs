//! Snapshots that cannot be used are passed over; those that tell of another log are not.

use super::{NAME, ORIGIN, Site};
use leasehold::domain::base::{Digest, Time};
use leasehold::domain::entry::bodies::log::{BrokerStopped, LogStarted};
use leasehold::domain::entry::{Actor, Body, Commitments, Entry};
use leasehold::domain::state::State;
use leasehold::services::journal::StartError;
use leasehold::tlog::note::{Signer, sign};

/// The note, and what is behind it.
fn parts(file: &[u8]) -> (String, Vec<u8>) {
    let blank = file.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    let end = blank + file[blank..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    (String::from_utf8(file[..end].to_vec()).unwrap(), file[end..].to_vec())
}

/// The lines that were signed: label, origin, size, root, form, digest.
fn lines(file: &[u8]) -> Vec<String> {
    parts(file).0.split("\n\n").next().unwrap().lines().map(str::to_owned).collect()
}

/// Signs other lines over other content.
fn signed(signer: &Signer, lines: &[String], content: &[u8]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    [sign(&text, &[signer]).unwrap().as_bytes(), content].concat()
}

/// The same file with one line changed, and signed again by this key.
fn resigned(file: &[u8], signer: &Signer, line: usize, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut lines = lines(file);
    lines[line] = change(&lines[line]);
    signed(signer, &lines, &parts(file).1)
}

fn cut_short(file: &[u8]) -> Vec<u8> {
    file[..file.len() - 1].to_vec()
}

fn bad_ones(good: &[u8], own: &Signer) -> Vec<(&'static str, Vec<u8>)> {
    let stranger = Signer::generate(ORIGIN, [8; 32]).unwrap();
    let foreign = Signer::generate("other.test/log", [7; 32]).unwrap();
    let (note, content) = parts(good);
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let size = format!("\n{}\n", lines(good)[2]);
    vec![
        ("tampered content", flipped(good.len() - 1)),
        ("tampered edge", flipped(note.len())),
        ("tampered size", [note.replacen(&size, "\n9\n", 1).as_bytes(), &content].concat()),
        ("tampered signature", flipped(note.len() - 10)),
        ("another key of the name", signed(&stranger, &lines(good), &content)),
        ("the key of another name", signed(&foreign, &lines(good), &content)),
        ("another origin", resigned(good, own, 1, |_| "other.test/log".into())),
        ("another label", resigned(good, own, 0, |_| "leasehold/v2/snapshot".into())),
        ("an older form", resigned(good, own, 4, |_| "leasehold-state/0".into())),
        ("a digest of something else", resigned(good, own, 5, |_| Digest::of(&[b"x"]).to_string())),
        ("a size spelled otherwise", resigned(good, own, 2, |size| format!("0{size}"))),
        ("a line too many", signed(own, &[lines(good), vec!["more".into()]].concat(), &content)),
        ("no content", note.clone().into_bytes()),
        ("an empty file", Vec::new()),
        ("something else", vec![0xff; 5_000]),
        ("half a note", note.as_bytes()[..note.len() / 2].to_vec()),
        ("half of it", good[..good.len() / 2].to_vec()),
        ("its last byte missing", cut_short(good)),
        ("a byte too many", [good, b"\0"].concat()),
    ]
}

#[tokio::test]
async fn a_snapshot_that_is_not_ours_or_not_whole_is_passed_over_and_made_anew() {
    let site = Site::new().with_tail(5).await;
    let (good, own) = (site.shelf.of(NAME).unwrap(), site.signer());
    assert_eq!(resigned(&good, &own, 0, str::to_owned), good, "the way of making bad ones makes good ones too");
    assert!(site.start().await.journal.snapshot_size() > 0);
    for (what, file) in bad_ones(&good, &own) {
        assert_ne!(file, good, "{what}");
        site.shelf.set(NAME, Some(file));
        let broker = site.start().await;
        assert_eq!(broker.journal.snapshot_size(), 0, "{what}");
        assert_eq!(broker.journal.published().state, site.folded().await, "{what}");
        broker.run_snapshots();
        crate::fixtures::until(what, || broker.journal.snapshot_size() == broker.size()).await;
        let size = broker.size();
        drop(broker);
        assert_eq!(site.start().await.journal.snapshot_size(), size, "{what}: the new one serves");
    }
}

#[tokio::test]
async fn a_shelf_that_cannot_be_read_costs_a_whole_fold_and_nothing_else() {
    let site = Site::new().with_tail(5).await;
    site.shelf.set_broken(true);
    let broker = site.start().await;
    assert_eq!(broker.journal.snapshot_size(), 0);
    assert_eq!(broker.journal.published().state, site.folded().await);
    assert!(broker.journal.take_snapshot().is_err());
    broker.notes(3).await;
}

/// A state of so many entries that knows no broker and no estate.
fn stranger(size: u64) -> State {
    let mut state = State::default();
    let mut add = |body: Body| {
        let (actor, commitments) = (Actor::broker(), Commitments::new());
        let entry = Entry { actor, cause: None, commitments, request: None, time: Time::default(), body };
        state.apply(&entry, Digest::of(&[b"leaf"])).unwrap();
    };
    add(LogStarted { mode: "dev".into(), origin: "x".into() }.into());
    (1..size).for_each(|_| add(BrokerStopped { epoch: 0 }.into()));
    state
}

#[tokio::test]
async fn a_state_that_the_log_does_not_follow_on_is_passed_over() {
    let site = Site::new().with_tail(0).await;
    let good = site.shelf.of(NAME).unwrap();
    let (mut lines, content) = (lines(&good), parts(&good).1);
    let size: u64 = lines[2].parse().unwrap();
    // Over the right tree and by the own key: only the state is another one.
    let edge = 32 * (0..8).map(|level| (size >> (8 * level)) % 256).sum::<u64>();
    let content = [&content[..usize::try_from(edge).unwrap()], &stranger(size).to_snapshot().unwrap()].concat();
    lines[5] = Digest::of(&[&content]).to_string();
    // The tail has an activation that such a state cannot have before it.
    assert_eq!(site.start().await.journal.snapshot_size(), size);
    site.shelf.set(NAME, Some(signed(&site.signer(), &lines, &content)));
    let broker = site.start().await;
    assert_eq!(broker.journal.snapshot_size(), 0);
    assert_eq!(broker.journal.published().state, site.folded().await);
}

#[tokio::test]
async fn a_log_that_was_rolled_back_behind_its_snapshot_is_refused() {
    let site = Site::new().with_tail(0).await;
    let newer = site.shelf.of(NAME).unwrap();
    let signed: u64 = lines(&newer)[2].parse().unwrap();
    let backup = Site { disk: site.disk.cut(signed - 3, &site.signer()), shelf: Default::default(), ..site.clone() };
    assert_eq!(backup.start().await.size(), signed - 2, "without the snapshot it is a log like any other");
    // What it tells of the log is in the note: also where its content cannot be read.
    let later = resigned(&newer, &site.signer(), 4, |_| "leasehold-state/9".into());
    for file in [newer.clone(), later, cut_short(&newer)] {
        backup.shelf.set(NAME, Some(file));
        let refused = backup.try_start().await.err().unwrap();
        let StartError::RolledBack { found, signed: by, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((found, by), (signed - 2, signed));
    }
    let told = backup.try_start().await.err().unwrap().to_string();
    assert!(told.contains("rolled back") && told.contains("keep shelf:snapshot"), "{told}");
    // A log that is gone altogether was rolled back to nothing.
    let gone = Site { disk: Default::default(), ..backup };
    assert!(matches!(gone.try_start().await.err().unwrap(), StartError::RolledBack { found: 0, .. }));
    // Whoever means it says so, by removing the file.
    gone.shelf.set(NAME, None);
    assert_eq!(gone.start().await.size(), 2);
}

#[tokio::test]
async fn a_log_that_is_another_than_the_one_in_its_snapshot_is_refused() {
    let site = Site::new().with_tail(0).await;
    let snapshot = site.shelf.of(NAME).unwrap();
    for tail in [0, 300] {
        let other = site.other().with_tail(tail).await;
        drop(other.start().await);
        for file in [snapshot.clone(), cut_short(&snapshot)] {
            other.shelf.set(NAME, Some(file));
            let refused = other.try_start().await.err().unwrap();
            assert!(matches!(refused, StartError::Replaced { .. }), "{refused:?}");
            let told = refused.to_string();
            assert!(told.contains("replaced") && told.contains("keep shelf:snapshot"), "{told}");
        }
        other.shelf.set(NAME, None);
        assert_eq!(other.start().await.journal.published().state, other.folded().await);
    }
}
