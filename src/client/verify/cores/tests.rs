//! However many cores work on however small blocks: the report is the one of a single core.

use super::*;
use proptest::prelude::*;

const GOLDEN: &[u8] = include_bytes!("../../../../docs/evidence/log.bundle");
const KEY: &[u8] = include_bytes!("../../../../docs/evidence/log.key");

fn policy() -> Policy {
    Policy::parse(KEY).unwrap()
}

fn assert_as_on_one(bundle: &[u8], cores: usize, block_bytes: usize) {
    let all = verify_on(cores, Blocks::of(bundle, block_bytes), policy());
    assert_eq!(all, verify(bundle, policy()), "{cores} cores, blocks of {block_bytes}");
}

#[test]
fn a_good_bundle_holds_on_all_cores() {
    assert!(verify_on_all_cores(GOLDEN, policy()).holds());
    for cores in [2, 3, 8] {
        for block_bytes in [1, 100, 1_000, 10_000, 1 << 20] {
            assert!(verify_on(cores, Blocks::of(GOLDEN, block_bytes), policy()).holds());
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_in_the_same_words() {
    let long = [GOLDEN, "x".repeat(1 << 20).as_bytes()].concat();
    let longer = [GOLDEN, "x".repeat(3 << 20).as_bytes(), b"\n"].concat();
    let unended = GOLDEN.strip_suffix(b"\n").unwrap();
    for (bundle, meaning) in [
        (b"".as_slice(), "no head"),
        (b"{}\n", "not a head"),
        (b"{}", "the last line is not whole"),
        (unended, "the last line is not whole"),
        (&long, "the line is too long"),
        (&longer, "the line is too long"),
    ] {
        let told = verify(bundle, policy()).complaints.pop().unwrap();
        assert!(told.meaning.starts_with(meaning), "{told:?}");
        for block_bytes in [100, 1 << 20, 1 << 22] {
            assert_as_on_one(bundle, 3, block_bytes);
        }
    }
}

#[test]
fn an_error_of_the_file_is_a_complaint() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(to)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    for all in [verify_on_all_cores(Failing(GOLDEN), policy()), verify(Failing(GOLDEN), policy())] {
        assert_eq!(all.complaints.iter().map(|told| told.meaning.as_str()).collect::<Vec<_>>(), ["the disk is gone"]);
        assert_eq!(all.complaints[0].index, Some(all.size));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_bundle_is_told_of_in_the_same_words(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        cores in 2_usize..5,
        block_bytes in 1_usize..4_000,
    ) {
        let mut bundle = GOLDEN.to_vec();
        let at = at.index(bundle.len());
        bundle[at] = byte;
        if let Some(cut) = cut {
            bundle.truncate(cut.index(bundle.len()));
        }
        assert_as_on_one(&bundle, cores, block_bytes);
    }
}
