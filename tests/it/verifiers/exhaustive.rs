//! Every single change of the golden log by someone who cannot sign is seen, and both verifiers say the same of it.
//!
//! Every bit of every byte is flipped, the bundle ends at every byte, every byte is taken out, and before every byte
//! another is put in. In an ordinary run that is one of five, each time another, and a fifth of the forged fields is
//! tried; `LEASEHOLD_THOROUGH=1` tries all of it.

use super::bundles::{Base, Steps, verdict};
use super::mutations::{Case, flips, inserts_and_deletes, reorders, truncations};
use super::python::Python;
use super::{detected, judged, judged_by, none_holds};

pub(super) fn is_thorough() -> bool {
    std::env::var_os("LEASEHOLD_THOROUGH").is_some()
}

#[test]
fn the_golden_log_holds_for_both() {
    let base = Base::golden();
    assert!((56..=64).contains(&(base.lines.len() - 1)), "{} entries", base.lines.len() - 1);
    assert_eq!(judged(&mut Python::start(), &base, &[Case::none()]), [None]);
}

#[test]
fn every_flipped_bit_is_seen_at_the_same_place() {
    let count = every(flips);
    assert_eq!(count, Base::golden().whole().len() * 8);
    println!("{count} flipped bits");
}

#[test]
fn every_truncation_is_seen_at_the_same_place() {
    assert_eq!(every(truncations), Base::golden().whole().len());
}

#[test]
fn every_byte_too_many_or_too_few_is_seen_at_the_same_place() {
    let count = every(|base, line| inserts_and_deletes(base, line, is_thorough()));
    assert!(count >= Base::golden().whole().len() * 2);
}

/// All changes of each line of the golden log are seen; how many there were.
fn every(change: impl Fn(&Base, usize) -> Vec<Case>) -> usize {
    let (base, mut python) = (Base::golden(), Python::start());
    let (steps, mut count) = (Steps::of(&base), 0);
    for line in 0..base.lines.len() {
        let cases = change(&base, line);
        none_holds(&cases, &judged_by(|case| steps.verdict(case), &mut python, &base, &cases));
        count += cases.len();
        // What is judged step by step is what is judged as a whole.
        for case in cases.iter().skip(line % 97).step_by(97) {
            assert_eq!(steps.verdict(case), verdict(&base.with(case), &base.keys), "{}", case.what);
        }
    }
    count
}

#[test]
fn every_omitted_doubled_or_moved_line_is_seen_at_the_same_place() {
    let base = Base::golden();
    detected(&mut Python::start(), &base, &reorders(&base));
}
