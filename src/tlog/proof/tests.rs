//! Proofs of every index and size, made and refused.

use super::super::hash::leaf_hash;
use super::super::tree::FullTile;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tlog_tiles::{HashReader, check_record, check_tree, prove_record, prove_tree};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

fn heads(nodes: &MemoryNodes, sizes: Range<u64>) -> Vec<TreeHead> {
    sizes.map(|size| head(size, nodes).unwrap()).collect()
}

/// Every proof with one bit flipped, one hash less, one hash more, or two hashes swapped.
fn forgeries(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut forged = Vec::new();
    for bit in 0..proof.len() * 256 {
        let mut copy = proof.to_vec();
        let mut bytes = *copy[bit / 256].as_bytes();
        bytes[bit % 256 / 8] ^= 1 << (bit % 8);
        copy[bit / 256] = Hash::from_bytes(bytes);
        forged.push(copy);
    }
    forged.push([proof, &[EMPTY_ROOT]].concat());
    forged.push([&[EMPTY_ROOT], proof].concat());
    if let Some((_, rest)) = proof.split_first() {
        forged.push(rest.to_vec());
        forged.push(proof[..rest.len()].to_vec());
    }
    if proof.len() > 1 {
        let mut swapped = proof.to_vec();
        swapped.swap(0, 1);
        forged.push(swapped);
    }
    forged
}

fn flip_root(head: &TreeHead) -> TreeHead {
    let mut bytes = *head.root.as_bytes();
    bytes[31] ^= 1;
    TreeHead { root: Hash::from_bytes(bytes), ..*head }
}

#[test]
fn every_leaf_is_proven_in_every_tree_up_to_600_and_nowhere_else() {
    let leaves = leaves(601);
    let nodes = MemoryNodes::new(&leaves);
    for head in heads(&nodes, 1..601) {
        for index in 0..head.size {
            let proof = inclusion(index, head.size, &nodes).unwrap();
            let leaf = &leaves[index as usize];
            assert_eq!(verify_inclusion(leaf, index, &head, &proof), Ok(()), "{index} in {}", head.size);
            let neighbour = &leaves[index as usize + 1];
            assert_eq!(verify_inclusion(neighbour, index, &head, &proof), Err(ProofError::Mismatch));
            assert!(verify_inclusion(leaf, index ^ 1, &head, &proof).is_err() || head.size == 1);
        }
        assert_eq!(inclusion(head.size, head.size, &nodes), Err(ProofError::OutOfRange));
        assert_eq!(verify_inclusion(&leaves[0], head.size, &head, &[]), Err(ProofError::OutOfRange));
    }
}

#[test]
fn every_tree_up_to_130_begins_with_every_smaller_one() {
    let nodes = MemoryNodes::new(&leaves(130));
    let heads = heads(&nodes, 0..131);
    for new in &heads {
        for old in &heads[..=new.size as usize] {
            let proof = consistency(old.size, new.size, &nodes).unwrap();
            assert_eq!(verify_consistency(old, new, &proof), Ok(()), "{} to {}", old.size, new.size);
            assert_eq!(verify_consistency(&flip_root(old), new, &proof), Err(ProofError::Mismatch));
            if old.size > 0 {
                assert_eq!(verify_consistency(old, &flip_root(new), &proof), Err(ProofError::Mismatch));
            }
            if old.size < new.size {
                assert_eq!(verify_consistency(new, old, &proof), Err(ProofError::OutOfRange));
                assert_eq!(consistency(new.size, old.size, &nodes), Err(ProofError::OutOfRange));
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_proof_is_seen() {
    let leaves = leaves(40);
    let nodes = MemoryNodes::new(&leaves);
    let heads = heads(&nodes, 0..41);
    for new in &heads[1..] {
        for index in 0..new.size {
            let proof = inclusion(index, new.size, &nodes).unwrap();
            let leaf = &leaves[index as usize];
            assert_eq!(verify_inclusion(leaf, index, new, &proof), Ok(()));
            for forged in forgeries(&proof) {
                assert!(verify_inclusion(leaf, index, new, &forged).is_err(), "{index} in {}", new.size);
            }
        }
        for old in &heads[1..=new.size as usize] {
            let proof = consistency(old.size, new.size, &nodes).unwrap();
            assert_eq!(verify_consistency(old, new, &proof), Ok(()));
            for forged in forgeries(&proof) {
                assert!(verify_consistency(old, new, &forged).is_err(), "{} to {}", old.size, new.size);
            }
        }
    }
}

#[test]
fn the_example_paths_of_the_rfc_are_made() {
    // RFC 9162 §2.1.5: the tree of seven leaves, named after its figure.
    let leaves = leaves(7);
    let nodes = MemoryNodes::new(&leaves);
    let [a, b, c, d, e, f, j] = leaves.as_slice() else { unreachable!() };
    let (g, h, i) = (node_hash(a, b), node_hash(c, d), node_hash(e, f));
    let (k, l) = (node_hash(&g, &h), node_hash(&i, j));
    assert_eq!(head(7, &nodes).unwrap().root, node_hash(&k, &l));
    assert_eq!(inclusion(0, 7, &nodes).unwrap(), [*b, h, l]);
    assert_eq!(inclusion(3, 7, &nodes).unwrap(), [*c, g, l]);
    assert_eq!(inclusion(4, 7, &nodes).unwrap(), [*f, *j, k]);
    assert_eq!(inclusion(6, 7, &nodes).unwrap(), [i, k]);
    assert_eq!(consistency(3, 7, &nodes).unwrap(), [*c, *d, g, l]);
    assert_eq!(consistency(4, 7, &nodes).unwrap(), [l]);
    assert_eq!(consistency(6, 7, &nodes).unwrap(), [i, *j, k]);
}

/// Our nodes in the numbering of the oracle.
struct Oracle<'a>(&'a MemoryNodes);

impl HashReader for Oracle<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (height, index) = tlog_tiles::split_stored_hash_index(*index);
            theirs(&self.0.node(Node { height, index }).unwrap())
        };
        Ok(indexes.iter().map(read).collect())
    }
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

#[test]
fn another_implementation_makes_and_believes_the_same_proofs() {
    let leaves = leaves(300);
    let nodes = MemoryNodes::new(&leaves);
    for new in heads(&nodes, 1..301).into_iter().step_by(7) {
        for index in 0..new.size {
            let proof = inclusion(index, new.size, &nodes).unwrap();
            assert_eq!(proof, ours(&prove_record(new.size, index, &Oracle(&nodes)).unwrap()));
            let proof = proof.iter().map(theirs).collect();
            check_record(&proof, new.size, theirs(&new.root), index, theirs(&leaves[index as usize])).unwrap();
        }
        for old in heads(&nodes, 1..new.size + 1) {
            let proof = consistency(old.size, new.size, &nodes).unwrap();
            assert_eq!(proof, ours(&prove_tree(new.size, old.size, &Oracle(&nodes)).unwrap()));
            let proof = proof.iter().map(theirs).collect();
            check_tree(&proof, new.size, theirs(&new.root), old.size, theirs(&old.root)).unwrap();
        }
    }
}

/// A tree of 66,000 leaves, as an edge with its tiles and as nodes in memory.
fn large() -> &'static (Edge, BTreeMap<TileId, Vec<u8>>, MemoryNodes) {
    static LARGE: std::sync::OnceLock<(Edge, BTreeMap<TileId, Vec<u8>>, MemoryNodes)> = std::sync::OnceLock::new();
    LARGE.get_or_init(|| {
        let leaves = leaves(66_000);
        let (mut edge, mut tiles) = (Edge::new(), BTreeMap::new());
        for leaf in &leaves {
            let full = edge.push(*leaf).into_iter();
            tiles.extend(full.map(|FullTile { level, number, bytes }| (TileId { level, number }, bytes)));
        }
        (edge, tiles, MemoryNodes::new(&leaves))
    })
}

proptest! {
    #[test]
    fn stored_tiles_give_the_same_proofs_as_memory(a in 0_u64..66_000, b in 0_u64..=66_000) {
        let (edge, tiles, memory) = large();
        let (low, high) = (a.min(b), a.max(b));
        for plan in [Plan::consistency(low, high).unwrap(), Plan::inclusion(a, 66_000).unwrap()] {
            let named = plan.tiles(edge);
            let fetched: BTreeMap<_, _> = named.into_iter().map(|id| (id, tiles[&id].clone())).collect();
            prop_assert_eq!(plan.read(&TiledNodes { edge, tiles: &fetched }), plan.read(memory));
        }
    }

    #[test]
    fn a_proof_in_a_large_tree_holds_and_its_forgeries_do_not(index in 0_u64..66_000, bit in 0_usize..256) {
        let (edge, _, memory) = large();
        let leaf = leaf_hash(&index.to_be_bytes());
        let proof = inclusion(index, 66_000, memory).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, &edge.head(), &proof), Ok(()));
        for place in 0..proof.len() {
            let mut forged = proof.clone();
            let mut bytes = *forged[place].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            forged[place] = Hash::from_bytes(bytes);
            prop_assert_eq!(verify_inclusion(&leaf, index, &edge.head(), &forged), Err(ProofError::Mismatch));
        }
    }

    #[test]
    fn plans_stay_within_63_hashes_up_to_two_to_the_62_leaves(a in any::<u64>(), b in any::<u64>()) {
        let (low, high) = (a.min(b) >> 2, a.max(b) >> 2);
        if low < high {
            prop_assert!(Plan::inclusion(low, high).unwrap().0.len() <= PROOF_HASHES_MAX);
        }
        if low <= high {
            prop_assert!(Plan::consistency(low, high).unwrap().0.len() <= PROOF_HASHES_MAX);
        }
    }
}

#[test]
fn what_is_not_stored_is_named() {
    let (edge, tiles, _) = large();
    let mut holed = tiles.clone();
    assert!(inclusion(300, 66_000, &TiledNodes { edge, tiles: &holed }).is_ok());
    holed.remove(&TileId { level: 0, number: 1 });
    let missing = inclusion(300, 66_000, &TiledNodes { edge, tiles: &holed });
    assert_eq!(missing, Err(ProofError::Missing(Node { height: 0, index: 301 })));
    let beyond = inclusion(66_000, 66_001, &TiledNodes { edge, tiles });
    assert!(beyond.is_ok(), "the siblings of the next leaf are all known");
    assert!(matches!(inclusion(0, 66_001, &TiledNodes { edge, tiles }), Err(ProofError::Missing(_))));
}
