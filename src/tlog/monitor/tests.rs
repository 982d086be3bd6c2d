//! What a monitor with one earlier checkpoint finds.

use super::*;
use crate::leaf_hash;
use crate::proof::{MemoryNodes, consistency, head};

/// The first `size` entries of a log from which one entry may be missing.
fn log(size: u64, without: Option<u64>) -> MemoryNodes {
    let kept = (0..).filter(|index| Some(*index) != without).take(usize::try_from(size).unwrap());
    MemoryNodes::new(&kept.map(|index: u64| leaf_hash(&index.to_be_bytes())).collect::<Vec<_>>())
}

fn checkpoint(size: u64, without: Option<u64>) -> Checkpoint {
    Checkpoint { origin: "log.example".into(), size, root: head(size, &log(size, without)).unwrap().root }
}

#[test]
fn a_log_that_only_grows_is_followed() {
    for (old, new) in [(0, 0), (0, 7), (5, 5), (5, 7), (4, 8), (1, 12)] {
        let proof = consistency(old, new, &log(new, None)).unwrap();
        let followed = follow(&checkpoint(old, None), &checkpoint(new, None), &proof);
        assert_eq!(followed, Ok(Followed { grown_by: new - old }), "{old} {new}");
    }
}

#[test]
fn a_log_that_lost_its_end_is_rolled_back() {
    let rolled_back = Err(SplitView::RolledBack { earlier: 7, newer: 5 });
    assert_eq!(follow(&checkpoint(7, None), &checkpoint(5, None), &[]), rolled_back);
}

#[test]
fn an_entry_that_was_left_out_is_seen_whatever_proof_is_given() {
    for missing in 0..6 {
        let at = Some(missing);
        assert_eq!(follow(&checkpoint(6, None), &checkpoint(6, at), &[]), Err(SplitView::TwoRoots { size: 6 }));
        let proofs =
            [consistency(6, 11, &log(11, at)).unwrap(), consistency(6, 11, &log(11, None)).unwrap(), Vec::new()];
        for proof in proofs {
            let split = follow(&checkpoint(6, None), &checkpoint(11, at), &proof);
            assert!(matches!(split, Err(SplitView::NotAnExtension { earlier: 6, newer: 11, .. })), "{missing}");
        }
    }
    let proof = consistency(6, 11, &log(11, Some(8))).unwrap();
    let followed = follow(&checkpoint(6, None), &checkpoint(11, Some(8)), &proof);
    assert!(followed.is_ok(), "what was never shown cannot be missed: witnesses see the log often for that reason");
}

#[test]
fn checkpoints_of_different_logs_say_nothing() {
    let other = Checkpoint { origin: "other.example".into(), ..checkpoint(7, None) };
    assert_eq!(follow(&checkpoint(7, None), &other, &[]), Err(SplitView::OtherLog));
}
