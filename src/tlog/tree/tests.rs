//! The right edge against trees computed whole.

use super::super::hash::leaf_hash;
use super::super::proof::{MemoryNodes, Node, NodeReader as _, head};
use super::*;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

type Tiles = BTreeMap<TileId, Vec<u8>>;

/// An edge and all full tiles, kept up leaf by leaf.
#[derive(Default)]
struct Log {
    edge: Edge,
    tiles: Tiles,
    leaves: Vec<Hash>,
}

impl Log {
    fn grow_to(&mut self, size: u64) {
        for index in self.edge.size()..size {
            self.leaves.push(leaf(index));
            for FullTile { level, number, bytes } in self.edge.push(leaf(index)) {
                assert_eq!(bytes.len(), 8_192);
                assert_eq!(self.tiles.insert(TileId { level, number }, bytes), None, "a tile came twice");
            }
        }
    }

    fn last_leaves(&self) -> &[Hash] {
        &self.leaves[self.leaves.len() / 256 * 256..]
    }

    fn resume(&self) -> Result<Edge, ResumeError> {
        Edge::resume(&self.edge.head(), &self.tiles, self.last_leaves())
    }
}

/// RFC 6962 §2.1, word for word.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

#[test]
fn known_roots_of_the_certificate_transparency_tests_hold() {
    let entries: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = Edge::new();
    assert_eq!(edge.root(), EMPTY_ROOT);
    for (entry, root) in entries.into_iter().zip(roots) {
        assert!(edge.push(leaf_hash(entry)).is_empty());
        let hex: String = edge.root().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, root);
    }
}

#[test]
fn every_root_is_the_one_by_definition() {
    let mut log = Log::default();
    for size in 0..=600 {
        log.grow_to(size);
        assert_eq!(log.edge.root(), root_by_definition(&log.leaves), "size {size}");
    }
}

#[test]
fn tiles_fill_up_exactly_where_the_specification_says() {
    let mut log = Log::default();
    // Size, full tiles of level 0, 1, widths of the partial tiles of level 0, 1, 2.
    let table = [
        (255, [0, 0], [255, 0, 0]),
        (256, [1, 0], [0, 1, 0]),
        (257, [1, 0], [1, 1, 0]),
        (65_535, [255, 0], [255, 255, 0]),
        (65_536, [256, 1], [0, 0, 1]),
        (65_537, [256, 1], [1, 0, 1]),
        (70_000, [273, 1], [112, 17, 1]),
    ];
    for (size, full, partial) in table {
        log.grow_to(size);
        for level in 0..2_u8 {
            let numbers: Vec<u64> = log.tiles.keys().filter(|id| id.level == level).map(|id| id.number).collect();
            let expected: Vec<u64> = (0..full[usize::from(level)]).collect();
            assert_eq!(numbers, expected, "size {size}, level {level}");
        }
        assert_eq!([0, 1, 2].map(|level| log.edge.partial(level).len()), partial, "size {size}");
        let nodes = MemoryNodes::new(&log.leaves);
        for (height, index) in (0..20).flat_map(|height| (0..=size >> height).map(move |index| (height, index))) {
            let is_peak = size >> height & 1 == 1 && index + 1 == size >> height;
            let expected = nodes.node(Node { height, index }).filter(|_| is_peak);
            assert_eq!(log.edge.peak(height, index), expected, "size {size}, height {height}, index {index}");
        }
        assert_eq!(log.edge.root(), head(size, &MemoryNodes::new(&log.leaves)).unwrap().root);
        assert_eq!(log.resume().as_ref(), Ok(&log.edge), "size {size}");
    }
}

#[test]
fn a_tile_of_level_one_holds_the_roots_of_the_tiles_below() {
    let mut log = Log::default();
    log.grow_to(65_536);
    let above = decode_hashes(&log.tiles[&TileId { level: 1, number: 0 }]).unwrap();
    for (number, root) in above.iter().enumerate() {
        let below = decode_hashes(&log.tiles[&TileId { level: 0, number: number as u64 }]).unwrap();
        assert_eq!(below, log.leaves[number * 256..][..256]);
        assert_eq!(*root, root_by_definition(&below));
    }
}

#[test]
fn an_edge_resumes_at_every_size_and_grows_on_as_before() {
    let mut log = Log::default();
    for size in 0..=1_030 {
        log.grow_to(size);
        let mut resumed = log.resume().unwrap();
        assert_eq!(resumed, log.edge);
        let mut original = log.edge.clone();
        assert_eq!(resumed.push(leaf(size)), original.push(leaf(size)));
        assert_eq!(resumed, original);
    }
}

#[test]
fn an_edge_reads_only_the_tiles_that_it_names() {
    let mut log = Log::default();
    log.grow_to(66_000);
    let named: Vec<TileId> = Edge::tiles_to_resume(66_000).collect();
    assert_eq!(named, [TileId { level: 0, number: 256 }, TileId { level: 1, number: 0 }]);
    log.tiles.retain(|id, _| named.contains(id));
    assert_eq!(log.resume().as_ref(), Ok(&log.edge));
}

#[test]
fn a_store_that_is_not_the_signed_tree_is_refused() {
    let mut log = Log::default();
    log.grow_to(700);
    assert!(log.resume().is_ok());
    let (head, id) = (log.edge.head(), TileId { level: 0, number: 1 });

    let short = &log.last_leaves()[1..];
    assert_eq!(Edge::resume(&head, &log.tiles, short), Err(ResumeError::Leaves { expected: 188, found: 187 }));
    let mut swapped = log.last_leaves().to_vec();
    swapped.swap(0, 1);
    assert_eq!(Edge::resume(&head, &log.tiles, &swapped), Err(ResumeError::Root));

    let good = log.tiles.remove(&id).unwrap();
    assert_eq!(log.resume(), Err(ResumeError::Tile(id)));
    log.tiles.insert(id, good[..8_160].to_vec());
    assert_eq!(log.resume(), Err(ResumeError::Tile(id)));
    for bit in [0, 1, 4_000 * 8, 8_192 * 8 - 1] {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        log.tiles.insert(id, bad);
        assert_eq!(log.resume(), Err(ResumeError::Root), "bit {bit}");
    }
    log.tiles.insert(id, good);
    assert!(log.resume().is_ok());
}

#[test]
fn an_edge_that_was_written_is_read_again_and_only_as_the_signed_tree() {
    let mut log = Log::default();
    for size in [0, 1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 66_049] {
        log.grow_to(size);
        let head = log.edge.head();
        let mut bytes = log.edge.to_bytes();
        bytes.extend_from_slice(b"behind");
        assert_eq!(Edge::of_bytes(&head, &bytes), Ok((log.edge.clone(), b"behind".as_slice())), "{size}");
        let short = &bytes[..(bytes.len() - b"behind".len()).saturating_sub(1)];
        if size > 0 {
            assert_eq!(Edge::of_bytes(&head, short), Err(ResumeError::Root), "{size}");
            assert_eq!(Edge::of_bytes(&TreeHead { size: size - 1, ..head }, &bytes), Err(ResumeError::Root), "{size}");
            bytes[0] ^= 1;
            assert_eq!(Edge::of_bytes(&head, &bytes), Err(ResumeError::Root), "{size}");
        }
    }
}
