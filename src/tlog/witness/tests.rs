//! The witness protocol against its specification.

use super::*;
use crate::leaf_hash;
use crate::note::Signer;
use crate::proof::{MemoryNodes, consistency, head};

const EXAMPLE: &str = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";

fn signer() -> Signer {
    Signer::generate("log.example", [1; 32]).unwrap()
}

/// A history: its leaves are numbers, from `fork` on other ones.
fn nodes(size: u64, fork: u64) -> MemoryNodes {
    let leaf = |index: u64| leaf_hash(format!("{index}{}", if index < fork { "" } else { "'" }).as_bytes());
    MemoryNodes::new(&(0..size).map(leaf).collect::<Vec<_>>())
}

fn checkpoint(size: u64, fork: u64) -> Checkpoint {
    Checkpoint { origin: "log.example".into(), size, root: head(size, &nodes(size, fork)).unwrap().root }
}

fn request(old_size: u64, size: u64, fork: u64) -> Request {
    let proof = consistency(old_size, size, &nodes(size, fork)).unwrap();
    Request { old_size, proof, checkpoint_text: checkpoint(size, fork).sign(&signer()) }
}

fn say(request: &Request, latest: Option<Checkpoint>) -> Result<u64, Refusal> {
    let admitted = decide(request, &[signer().verifier()], |origin| {
        assert_eq!(origin, "log.example");
        latest.map(|latest| latest.head())
    })?;
    assert_eq!(admitted.note_text, admitted.checkpoint.body());
    Ok(admitted.checkpoint.size)
}

#[test]
fn the_published_example_is_read_and_written_to_the_letter() {
    let request = Request::parse(EXAMPLE).unwrap();
    assert_eq!((request.old_size, request.proof.len()), (20_852_014, 4));
    assert!(request.checkpoint_text.starts_with("example.com/behind-the-sofa\n20852163\n"));
    assert_eq!(request.to_text(), EXAMPLE);
}

#[test]
fn malformed_requests_are_refused() {
    let bare = "old 0\n\norigin\n1\n";
    assert_eq!(Request::parse(bare).unwrap().proof, []);
    let hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let with = |count: usize| format!("old 0\n{}\norigin\n", hash.repeat(count));
    assert_eq!(Request::parse(&with(63)).unwrap().proof.len(), 63);
    let malformed = [
        String::new(),
        "old 0\n".into(),
        "\n\norigin\n".into(),
        "old\n\norigin\n".into(),
        "old  0\n\norigin\n".into(),
        "old 00\n\norigin\n".into(),
        "old +1\n\norigin\n".into(),
        "old -1\n\norigin\n".into(),
        "old 18446744073709551616\n\norigin\n".into(),
        "Old 0\n\norigin\n".into(),
        "old 0\r\n\norigin\n".into(),
        "old 0 \n\norigin\n".into(),
        "old 0\nnot a hash\n\norigin\n".into(),
        format!("old 0\n {hash}\norigin\n"),
        with(64),
    ];
    for text in malformed {
        assert!(Request::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn a_log_that_grows_is_cosigned() {
    assert_eq!(say(&request(0, 5, 9), None), Ok(5), "the first look is believed");
    assert_eq!(say(&request(5, 8, 9), Some(checkpoint(5, 9))), Ok(8));
    assert_eq!(say(&request(8, 8, 9), Some(checkpoint(8, 9))), Ok(8), "the same again");
    assert_eq!(say(&request(0, 0, 0), None), Ok(0), "an empty log");
    for old in 1..=12 {
        for new in old..=12 {
            assert_eq!(say(&request(old, new, 99), Some(checkpoint(old, 99))), Ok(new), "{old} {new}");
        }
    }
}

#[test]
fn another_size_than_the_last_is_a_conflict_that_states_the_last() {
    assert_eq!(say(&request(3, 8, 9), None), Err(Refusal::Conflict { size: 0 }));
    assert_eq!(say(&request(3, 8, 9), Some(checkpoint(5, 9))), Err(Refusal::Conflict { size: 5 }));
    assert_eq!(say(&request(0, 8, 9), Some(checkpoint(5, 9))), Err(Refusal::Conflict { size: 5 }));
    let rolled_back = say(&request(3, 4, 9), Some(checkpoint(5, 9)));
    assert_eq!(rolled_back, Err(Refusal::Conflict { size: 5 }), "a log that shrank cannot prove its way");
}

#[test]
fn another_history_is_refused_at_every_size() {
    assert_eq!(say(&request(8, 8, 8), Some(checkpoint(8, 9))), Ok(8), "positive control");
    assert_eq!(say(&request(8, 8, 7), Some(checkpoint(8, 9))), Err(Refusal::Proof), "not one that may try again");
    for old in 1..=12 {
        for new in old + 1..=12 {
            let forked = say(&request(old, new, old - 1), Some(checkpoint(old, 99)));
            assert_eq!(forked, Err(Refusal::Proof), "{old} {new}");
        }
    }
}

#[test]
fn a_proof_that_is_not_exactly_right_is_refused() {
    let right = request(5, 8, 9);
    assert_eq!(say(&right, Some(checkpoint(5, 9))), Ok(8));
    let hash = leaf_hash(b"x");
    let wrong: [fn(&mut Vec<Hash>, Hash); 4] =
        [|p, _| _ = p.pop(), |p, h| p.push(h), |p, h| p[0] = h, |p, _| p.swap(0, 1)];
    for change in wrong {
        let mut request = right.clone();
        change(&mut request.proof, hash);
        assert_eq!(say(&request, Some(checkpoint(5, 9))), Err(Refusal::Proof));
    }
    let superfluous = Request { proof: vec![hash], ..request(0, 8, 9) };
    assert_eq!(say(&superfluous, None), Err(Refusal::Proof), "from nothing the proof is empty");
    let superfluous = Request { proof: vec![hash], ..request(8, 8, 9) };
    assert_eq!(say(&superfluous, Some(checkpoint(8, 9))), Err(Refusal::Proof));
}

#[test]
fn who_signed_and_for_which_log_is_looked_at_before_anything_else() {
    let decided = |request: &Request, logs: &[VerifierKey]| decide(request, logs, |_| None).map(drop);
    let (ours, good) = (signer().verifier(), request(0, 8, 9));
    assert_eq!(decided(&good, std::slice::from_ref(&ours)), Ok(()));
    let other_log = Signer::generate("other.example", [1; 32]).unwrap().verifier();
    assert_eq!(decided(&good, &[other_log]), Err(Refusal::UnknownLog));
    let other_key = Signer::generate("log.example", [2; 32]).unwrap();
    assert_eq!(decided(&good, &[other_key.verifier()]), Err(Refusal::UnknownKey));
    assert_eq!(decided(&good, &[other_key.verifier(), ours.clone()]), Ok(()), "a log may have two keys");
    let forged = good.checkpoint_text.replace("\n8\n", "\n9\n");
    assert_eq!(
        decided(&Request { checkpoint_text: forged, ..good.clone() }, std::slice::from_ref(&ours)),
        Err(Refusal::UnknownKey)
    );
    let behind = Request { old_size: 9, ..good.clone() };
    assert_eq!(
        decided(&behind, std::slice::from_ref(&ours)),
        Err(Refusal::Malformed),
        "an old size beyond the checkpoint's"
    );
    for text in ["", "log.example\n8\n", "log.example\n8\nroot\n\n\u{2014} x AAAAAAA=\n"] {
        let malformed = Request { checkpoint_text: text.into(), ..good.clone() };
        assert_eq!(decided(&malformed, std::slice::from_ref(&ours)), Err(Refusal::Malformed), "{text:?}");
    }
}
