//! What has a place in a public log of a given size, and what has none.

use super::site::{Site, entry, path};
use leasehold::tlog::tile::decode_entries;

/// Hashes of a level in a tree of this size, for sizes below 256³.
fn hashes_of(size: u64, level: u32) -> u64 {
    size / 256_u64.pow(level)
}

#[tokio::test]
async fn every_tile_of_every_width_up_to_the_size_is_there_and_none_beyond() {
    let mut site = Site::open().await;
    for size in [1, 2, 255, 256, 257, 511, 512, 600] {
        site.grow_to(size).await;
        for (content, level) in [("0", 0), ("1", 1), ("2", 2), ("7", 7), ("8", 8), ("63", 63), ("entries", 0)] {
            let hashes = if level < 3 { hashes_of(size, level) } else { 0 };
            for number in 0..3 {
                for width in [1, 2, 87, 88, 89, 254, 255, 256] {
                    let path = path(content, number, width);
                    let expected = number * 256 + width <= hashes;
                    assert_eq!(site.is_there(&path).await, expected, "{path} of {size}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_tree_of_the_specifications_example_has_its_tiles() {
    let mut site = Site::open().await;
    site.grow_to(70_000).await;
    for (there, bytes) in [
        ("tile/0/272", 8_192),
        ("tile/0/273.p/112", 112 * 32),
        ("tile/1/000", 8_192),
        ("tile/1/001.p/17", 17 * 32),
        ("tile/2/000.p/1", 32),
    ] {
        assert_eq!(site.bytes(there).await.len(), bytes, "{there}");
    }
    for absent in
        ["tile/0/273", "tile/0/273.p/113", "tile/0/274.p/1", "tile/1/001.p/18", "tile/2/000.p/2", "tile/3/000.p/1"]
    {
        assert!(!site.is_there(absent).await, "{absent}");
    }
}

#[tokio::test]
async fn a_partial_tile_is_the_beginning_of_the_full_one() {
    let mut site = Site::open().await;
    site.grow_to(300).await;
    for content in ["0", "entries"] {
        let full = site.bytes(&path(content, 0, 256)).await;
        for width in 1..256 {
            let partial = site.bytes(&path(content, 0, width)).await;
            assert!(full.starts_with(&partial) && partial.len() < full.len(), "{content} {width}");
        }
        let edge = site.bytes(&path(content, 1, 44)).await;
        assert!(edge.starts_with(&site.bytes(&path(content, 1, 43)).await));
    }
}

#[tokio::test]
async fn a_bundle_holds_each_entry_behind_its_length() {
    let mut site = Site::open().await;
    site.grow_to(300).await;
    for (number, width) in [(0, 256), (0, 9), (1, 44)] {
        let bundle = site.bytes(&path("entries", number, width)).await;
        let expected: Vec<Vec<u8>> = (number * 256..number * 256 + width).map(entry).collect();
        assert_eq!(decode_entries(&bundle).unwrap(), expected);
        assert_eq!(bundle[..2], u16::try_from(expected[0].len()).unwrap().to_be_bytes());
    }
}

#[tokio::test]
async fn what_the_store_holds_beyond_the_published_log_is_not_shown() {
    let mut site = Site::open().await;
    site.grow_to(250).await;
    let before = site.bytes("checkpoint").await;
    site.store_to(600).await;
    assert_eq!(site.bytes("checkpoint").await, before);
    for content in ["0", "entries"] {
        assert!(site.is_there(&path(content, 0, 250)).await);
        for (number, width) in [(0, 251), (0, 256), (1, 1), (1, 256), (2, 1)] {
            assert!(!site.is_there(&path(content, number, width)).await, "{content} {number} {width}");
        }
    }
    assert!(!site.is_there("tile/1/000.p/1").await);
    site.grow_to(601).await;
    assert!(site.is_there("tile/1/000.p/2").await);
}

#[tokio::test]
async fn paths_have_one_spelling() {
    let mut site = Site::open().await;
    site.grow_to(300).await;
    assert!(site.is_there("tile/0/001.p/44").await);
    for absent in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/1.p/44",
        "tile/0/x001.p/44",
        "tile/0/x000/001.p/44",
        "tile/00/001.p/44",
        "tile/+0/001.p/44",
        "tile/0/001.p/044",
        "tile/0/001.p/0",
        "tile/0/000.p/256",
        "tile/0/001.p/",
        "tile/0/001.p/44/",
        "tile/0//001.p/44",
        "tile/%30/001.p/44",
        "tile/entry/000",
        "tile/data/000",
        "tile/64/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
        "checkpoint/",
        "Checkpoint",
        "tile/8/0/000",
    ] {
        assert!(!site.is_there(absent).await, "{absent}");
    }
}
