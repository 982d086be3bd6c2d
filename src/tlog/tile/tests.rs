//! Tile paths and bundles, to the letter of the specification.

use super::super::hash::leaf_hash;
use super::*;
use proptest::prelude::*;

fn hashes(level: u8, number: u64, width: u16) -> TilePath {
    TilePath::new(Content::Hashes { level }, number, width).unwrap()
}

#[test]
fn paths_are_those_of_the_specification() {
    let entries = TilePath::new(Content::Entries, 1_234_067, 1).unwrap();
    let table = [
        (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (hashes(0, 0, 256), "tile/0/000"),
        (hashes(1, 999, 17), "tile/1/999.p/17"),
        (hashes(63, 1_000, 255), "tile/63/x001/000.p/255"),
        (hashes(2, u64::MAX, 256), "tile/2/x018/x446/x744/x073/x709/x551/615"),
        (entries, "tile/entries/x001/x234/067.p/1"),
        (TileId { level: 1, number: 5 }.path(), "tile/1/005"),
    ];
    for (path, text) in table {
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse(), Ok(path));
    }
}

#[test]
fn a_path_with_another_spelling_is_refused() {
    assert!("tile/0/x001/234".parse::<TilePath>().is_ok());
    let wrong = [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/+1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/x1/002",
        "tile/0/+01",
        "tile/0/x001//002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000/",
        "tile/0/000.p/+1",
        "tile/0/xx01/002",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/8/0/000",
        "tile/0/\u{661}\u{661}\u{661}",
    ];
    for text in wrong {
        assert_eq!(text.parse::<TilePath>(), Err(NotATilePath), "{text}");
    }
    assert_eq!(TilePath::new(Content::Hashes { level: 64 }, 0, 1), None);
    assert_eq!(TilePath::new(Content::Entries, 0, 0), None);
    assert_eq!(TilePath::new(Content::Entries, 0, 257), None);
}

proptest! {
    #[test]
    fn another_implementation_writes_and_reads_the_same_paths(
        level in 0_u8..=63, number in 0_u64..1 << 50, width in 1_u16..=256, of_entries: bool,
    ) {
        let content = if of_entries { Content::Entries } else { Content::Hashes { level } };
        let path = TilePath::new(content, number, width).unwrap();
        prop_assert_eq!(path.to_string().parse(), Ok(path));
        // The oracle's names have the tile height in front and say "data" for entries.
        let foreign = tlog_tiles::Tile::new(8, if of_entries { 0 } else { level }, number, width.into(), of_entries);
        let name = foreign.path().replacen("tile/8/data/", "tile/entries/", 1).replacen("tile/8/", "tile/", 1);
        prop_assert_eq!(path.to_string(), name);
    }

    #[test]
    fn bundles_come_back_as_they_went(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..=256)) {
        let bundle = encode_entries(&entries).unwrap();
        prop_assert_eq!(decode_entries(&bundle).unwrap(), entries);
        if let Some((_, cut)) = bundle.split_last() {
            prop_assert_eq!(decode_entries(cut), Err(BundleError::CutOff));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        if let Ok(entries) = decode_entries(&bytes) {
            prop_assert_eq!(encode_entries(&entries).unwrap(), bytes);
        }
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }
}

#[test]
fn a_bundle_is_lengths_and_entries() {
    assert_eq!(encode_entries(&["ab", "", "c"]).unwrap(), b"\x00\x02ab\x00\x00\x00\x01c");
}

#[test]
fn bounds_of_a_bundle_hold_on_both_sides() {
    let longest = vec![7; ENTRY_BYTES_MAX];
    assert_eq!(decode_entries(&encode_entries(&[&longest]).unwrap()).unwrap(), [&longest]);
    assert_eq!(encode_entries(&[vec![7; 65_536]]), Err(BundleError::EntryTooLong(65_536)));
    assert_eq!(decode_entries(&[0; 512]).unwrap().len(), 256);
    assert_eq!(decode_entries(&[0; 514]), Err(BundleError::TooMany));
    assert_eq!(encode_entries(&[[]; 257] as &[[u8; 0]]), Err(BundleError::TooMany));
}

#[test]
fn only_full_tiles_are_decoded() {
    let hashes: Vec<Hash> = (0..=255_u8).map(|index| leaf_hash(&[index])).collect();
    let bytes = encode_hashes(&hashes);
    assert_eq!(bytes.len(), TILE_BYTES);
    assert_eq!(decode_hashes(&bytes), Some(hashes));
    assert_eq!(decode_hashes(&bytes[..8_160]), None);
    assert_eq!(decode_hashes(&bytes[..8_191]), None);
    assert_eq!(decode_hashes(&[bytes.as_slice(), &[0; 32]].concat()), None);
}
