//! Every single change of the golden log by someone who cannot sign is seen, and both verifiers say the same of it.
//!
//! In an ordinary run one bit of each byte is flipped (each line begins with another bit), and bytes are put in and
//! taken out at every 37th place; `LEASEHOLD_ALL_FLIPS=1` flips every bit and changes every place.

use super::bundles::Base;
use super::mutations::{Case, flips, inserts_and_deletes, reorders, truncations};
use super::python::Python;
use super::{detected, judged};

fn is_thorough() -> bool {
    std::env::var_os("LEASEHOLD_ALL_FLIPS").is_some()
}

#[test]
fn the_golden_log_holds_for_both() {
    let base = Base::golden();
    assert!((56..=64).contains(&(base.lines.len() - 1)), "{} entries", base.lines.len() - 1);
    assert_eq!(judged(&mut Python::start(), &base, &[Case::none()]), [None]);
}

#[test]
fn every_flipped_bit_is_seen_at_the_same_place() {
    let (base, mut python) = (Base::golden(), Python::start());
    let mut count = 0;
    for line in 0..base.lines.len() {
        let cases = flips(&base, line, is_thorough());
        detected(&mut python, &base, &cases);
        count += cases.len();
    }
    assert!(count >= base.whole().len());
    println!("{count} flipped bits in {} bytes", base.whole().len());
}

#[test]
fn every_truncation_is_seen_at_the_same_place() {
    let (base, mut python) = (Base::golden(), Python::start());
    for line in 0..base.lines.len() {
        detected(&mut python, &base, &truncations(&base, line));
    }
}

#[test]
fn every_byte_too_many_or_too_few_is_seen_at_the_same_place() {
    let (base, mut python) = (Base::golden(), Python::start());
    let step = if is_thorough() { 1 } else { 37 };
    for line in 0..base.lines.len() {
        detected(&mut python, &base, &inserts_and_deletes(&base, line, step));
    }
}

#[test]
fn every_omitted_doubled_or_moved_line_is_seen_at_the_same_place() {
    let base = Base::golden();
    detected(&mut Python::start(), &base, &reorders(&base));
}
