//! What every `LogIndex` keeps. It may forget everything at any time; what it may not do is to say that
//! it looked through entries that it did not look through.

use leasehold::domain::base::{Digest, LeaseId, Name, SpiffeId, TaskId, Time};
use leasehold::domain::entry::Mention;
use leasehold::ports::{FaultKind, Hits, LogIndex, Mark, Run, Seek};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One index, opened as often as a test likes.
pub(crate) trait Bench: Send + Sync {
    /// Opens it. Only after the one of an earlier call has been dropped.
    fn open(&self) -> Arc<dyn LogIndex>;
    /// Takes away what it keeps, behind the back of whoever has it open.
    fn lose(&self);
    /// Spoils what it keeps, while nobody has it open, in one way after another; false once there is none
    /// left. A reader can see each of them.
    fn spoil(&self, way: usize) -> bool;
}

/// A log in which entry `index` speaks of word `index % 11`, and every third entry of one word more.
fn log(from: u64, to: u64) -> Run {
    let one = (from..to).map(|index| (words()[(index % WORDS) as usize].clone(), index));
    let common = (from..to).filter(|index| index % 3 == 0).map(|index| (common(), index));
    Run { from, mentions: one.chain(common).collect(), mark: mark(to) }
}

/// What the log says, for comparison.
fn said(word: &Mention, size: u64) -> Vec<u64> {
    log(0, size).mentions.into_iter().filter_map(|(mention, index)| (mention == *word).then_some(index)).collect()
}

fn mark(size: u64) -> Mark {
    Mark { size, leaf: Digest::of(&[&size.to_be_bytes()]) }
}

const WORDS: u64 = 11;

/// One of each kind; and kinds that differ in nothing else must not answer for each other.
fn words() -> [Mention; WORDS as usize] {
    let time = Time::from_unix_seconds(1_800_000_000);
    let (task, name) = (TaskId::new(time, [1; 10]), Name::parse("ledger-ro").unwrap());
    let id = SpiffeId::parse("spiffe://example.org/agent/a").unwrap();
    [
        Mention::Task(task),
        Mention::LeasesOfTask(task),
        Mention::Lease(LeaseId::new(time, [1; 10])),
        Mention::LeasesOfCredential(name.clone()),
        Mention::TasksOfAgent(name.clone()),
        Mention::TasksOfSubject(id.clone()),
        Mention::Actor(id),
        Mention::AgentItem(name.clone()),
        Mention::CredentialItem(name),
        Mention::Estate(1),
        Mention::Estate(2),
    ]
}

fn common() -> Mention {
    Mention::Task(TaskId::new(Time::from_unix_seconds(1_800_000_001), [2; 10]))
}

async fn all(index: &dyn LogIndex, word: &Mention) -> Hits {
    index.find(word, Seek::From(0), 1_000).await.unwrap()
}

/// Everything up to `size` is found, and nothing else.
async fn check(index: &dyn LogIndex, size: u64) {
    assert_eq!(index.mark().await.unwrap(), (size > 0).then(|| mark(size)));
    for word in words().iter().chain([&common()]) {
        assert_eq!(all(index, word).await, Hits { indices: said(word, size), size }, "{word:?}");
    }
}

async fn assert_conflict(index: &dyn LogIndex, from: u64, to: u64) {
    assert_eq!(index.add(log(from, to)).await.unwrap_err().kind, FaultKind::Conflict, "{from} to {to}");
}

pub(crate) async fn an_empty_index_says_that_it_knows_nothing(bench: &dyn Bench) {
    let index = bench.open();
    check(&*index, 0).await;
    index.add(log(0, 1)).await.unwrap();
    check(&*index, 1).await;
}

pub(crate) async fn entries_are_found_by_every_kind_of_word(bench: &dyn Bench) {
    let kinds: BTreeSet<u8> = words().iter().map(Mention::kind).collect();
    assert_eq!(kinds, (1..=10).collect(), "a kind is missing from this suite");
    let index = bench.open();
    index.add(log(0, 100)).await.unwrap();
    check(&*index, 100).await;
    let unknown = Mention::Lease(LeaseId::new(Time::from_unix_seconds(7), [7; 10]));
    assert_eq!(all(&*index, &unknown).await, Hits { indices: vec![], size: 100 });
}

pub(crate) async fn it_is_filled_in_order_and_each_run_whole_or_not_at_all(bench: &dyn Bench) {
    let index = bench.open();
    assert_conflict(&*index, 1, 5).await;
    index.add(log(0, 10)).await.unwrap();
    for (from, to) in [(0, 10), (9, 12), (11, 12), (1 << 40, (1 << 40) + 1)] {
        assert_conflict(&*index, from, to).await;
        check(&*index, 10).await;
    }
    index.add(log(10, 11)).await.unwrap();
    index.add(log(11, 300)).await.unwrap();
    check(&*index, 300).await;
}

pub(crate) async fn of_many_runs_that_begin_at_its_end_one_is_added(bench: &dyn Bench) {
    let index = bench.open();
    let mut size = 0;
    for _ in 0..5 {
        let adds = (1..=8).map(|more| {
            let index = Arc::clone(&index);
            tokio::spawn(async move { (size + more, index.add(log(size, size + more)).await) })
        });
        let mut won = Vec::new();
        for add in adds.collect::<Vec<_>>() {
            match add.await.unwrap() {
                (end, Ok(())) => won.push(end),
                (_, Err(fault)) => assert_eq!(fault.kind, FaultKind::Conflict, "{fault}"),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        size = won[0];
        check(&*index, size).await;
    }
}

pub(crate) async fn an_entry_that_says_a_word_twice_is_found_once(bench: &dyn Bench) {
    let index = bench.open();
    let Run { mentions, mark, .. } = log(0, 4);
    let twice = mentions.iter().chain(&mentions).cloned().collect();
    index.add(Run { from: 0, mentions: twice, mark }).await.unwrap();
    check(&*index, 4).await;
}

pub(crate) async fn an_answer_is_bounded_and_goes_on_in_both_directions(bench: &dyn Bench) {
    let index = bench.open();
    index.add(log(0, 30)).await.unwrap();
    for (seek, limit, expected) in [
        (Seek::From(0), 3, vec![0, 3, 6]),
        (Seek::From(6), 2, vec![6, 9]),
        (Seek::From(7), 2, vec![9, 12]),
        (Seek::From(27), 9, vec![27]),
        (Seek::From(28), 9, vec![]),
        (Seek::From(u64::MAX), 9, vec![]),
        (Seek::Before(9), 2, vec![6, 3]),
        (Seek::Before(0), 9, vec![]),
        (Seek::Before(u64::MAX), 2, vec![27, 24]),
        (Seek::From(0), 0, vec![]),
        (Seek::Before(30), usize::MAX, said(&common(), 30).into_iter().rev().collect()),
    ] {
        let hits = index.find(&common(), seek, limit).await.unwrap();
        assert_eq!(hits, Hits { indices: expected, size: 30 }, "{limit} {seek:?}");
    }
}

/// Whoever asks while it is filled learns up to where the answer is whole, and reads on from there.
pub(crate) async fn what_it_says_while_it_is_behind_is_whole_up_to_where_it_says(bench: &dyn Bench) {
    let index = bench.open();
    let (seen, mut sizes) = tokio::sync::watch::channel(0);
    let reader = {
        let index = Arc::clone(&index);
        tokio::spawn(async move {
            let mut last = 0;
            while last < 400 {
                let Hits { indices, size } = all(&*index, &common()).await;
                assert!(size >= last && size.is_multiple_of(40), "{size} after {last}");
                assert_eq!(indices, said(&common(), size));
                last = size;
                seen.send_replace(last);
                tokio::task::yield_now().await;
            }
        })
    };
    for from in (0..400).step_by(40) {
        index.add(log(from, from + 40)).await.unwrap();
        sizes.wait_for(|size| *size > from).await.unwrap();
    }
    reader.await.unwrap();
}

pub(crate) async fn after_opening_again_it_goes_as_far_as_it_says(bench: &dyn Bench) {
    let mut end = 0;
    for _ in 0..3 {
        let index = bench.open();
        let size = index.mark().await.unwrap().map_or(0, |mark| mark.size);
        assert!(size == end || size == 0, "all or nothing: {size} of {end}");
        check(&*index, size).await;
        end = size + 20;
        index.add(log(size, end)).await.unwrap();
        check(&*index, end).await;
    }
}

pub(crate) async fn what_is_cleared_is_empty_and_is_filled_from_the_beginning(bench: &dyn Bench) {
    let index = bench.open();
    index.add(log(0, 20)).await.unwrap();
    check(&*index, 20).await;
    index.clear().await.unwrap();
    check(&*index, 0).await;
    assert_conflict(&*index, 20, 30).await;
    index.add(log(0, 30)).await.unwrap();
    check(&*index, 30).await;
    drop(index);
    let index = bench.open();
    assert!(index.mark().await.unwrap().is_none_or(|found| found == mark(30)));
    index.clear().await.unwrap();
    index.clear().await.unwrap();
    check(&*index, 0).await;
}

pub(crate) async fn what_is_lost_while_it_is_open_is_missed_at_the_next_question(bench: &dyn Bench) {
    let index = bench.open();
    index.add(log(0, 20)).await.unwrap();
    check(&*index, 20).await;
    bench.lose();
    assert_emptied(&*index).await;
    index.add(log(0, 20)).await.unwrap();
    bench.lose();
    let added = index.add(log(20, 30)).await.unwrap_err();
    assert!(matches!(added.kind, FaultKind::Conflict | FaultKind::Transient), "{added}");
    assert_emptied(&*index).await;
    index.add(log(0, 30)).await.unwrap();
    check(&*index, 30).await;
}

pub(crate) async fn what_is_spoiled_is_met_and_thrown_away_never_believed(bench: &dyn Bench) {
    let mut ways = 0;
    loop {
        let index = bench.open();
        index.clear().await.unwrap();
        index.add(log(0, 20)).await.unwrap();
        check(&*index, 20).await;
        drop(index);
        if !bench.spoil(ways) {
            break;
        }
        assert_emptied(&*bench.open()).await;
        let index = bench.open();
        index.add(log(0, 20)).await.unwrap();
        check(&*index, 20).await;
        ways += 1;
    }
    assert!(ways > 0);
}

/// It may say once that it met damage. It never says that it looked and found too little, and then it is
/// empty.
async fn assert_emptied(index: &dyn LogIndex) {
    for word in words() {
        match index.find(&word, Seek::From(0), 1_000).await {
            Ok(hits) if hits.size > 0 => assert_eq!(hits.indices, said(&word, hits.size), "{word:?}"),
            Ok(hits) => assert!(hits.indices.is_empty(), "{word:?}"),
            Err(fault) => assert_eq!(fault.kind, FaultKind::Transient, "{fault}"),
        }
    }
    assert_eq!(index.mark().await.unwrap(), None);
}

macro_rules! index_contract {
    ($bench:path) => {
        $crate::contract::index::index_contract! { $bench:
            an_empty_index_says_that_it_knows_nothing
            entries_are_found_by_every_kind_of_word
            it_is_filled_in_order_and_each_run_whole_or_not_at_all
            of_many_runs_that_begin_at_its_end_one_is_added
            an_entry_that_says_a_word_twice_is_found_once
            an_answer_is_bounded_and_goes_on_in_both_directions
            what_it_says_while_it_is_behind_is_whole_up_to_where_it_says
            after_opening_again_it_goes_as_far_as_it_says
            what_is_cleared_is_empty_and_is_filled_from_the_beginning
            what_is_lost_while_it_is_open_is_missed_at_the_next_question
            what_is_spoiled_is_met_and_thrown_away_never_believed
        }
    };
    ($bench:path: $($sentence:ident)*) => {$(
        #[tokio::test]
        async fn $sentence() {
            $crate::contract::index::$sentence(&$bench()).await;
        }
    )*};
}
pub(crate) use index_contract;
