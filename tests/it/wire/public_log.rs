//! A stranger with nothing but an address and the log's key reads the whole log from its public files,
//! with foreign code, and finds the signed root; and finds no opening.

use super::broker::{AUDITOR, Broker};
use crate::http::site::{client, path, serve};
use leasehold::domain::entry::Entry;
use leasehold::proto::v1;
use leasehold::services::tiles::PublicLog;
use leasehold::surfaces::http::HttpLimits;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash, node_hash, record_hash};

/// The root over leaf hashes, by the definition (RFC 6962 §2.1).
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => tlog_tiles::EMPTY_HASH,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(root(left), root(right))
        }
    }
}

fn entries(mut bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let [high, low, rest @ ..] = bundle {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        entries.push(entry.to_vec());
        bundle = rest;
    }
    entries
}

#[tokio::test]
async fn a_stranger_reads_the_whole_log_by_its_public_files_alone() {
    let broker = Broker::with_estate().await;
    broker.task("api-key").await;
    // A reading by office is an entry, and has no bound.
    let evidence = broker.evidence(AUDITOR);
    let readings = (0..280).map(|_| {
        let mut evidence = evidence.clone();
        async move { evidence.get_receipt(v1::GetReceiptRequest { index: 0 }).await.unwrap() }
    });
    assert_eq!(futures_util::future::join_all(readings).await.len(), 280);
    let log = PublicLog::of(&broker.world);
    let address = serve(log, HttpLimits::default(), &broker.grounds.tasks, &broker.stop).await;
    let client = client();
    let get = async |path: &str| {
        let answer = client.get(format!("http://{address}/{path}")).send().await.unwrap();
        answer.error_for_status().unwrap().bytes().await.unwrap()
    };

    let signed = get("checkpoint").await;
    let key = StandardVerifier::new(&broker.key).unwrap();
    let note = Note::from_bytes(&signed).unwrap();
    let (by_the_log, _) = note.verify(&VerifierList::new(vec![Box::new(key)])).unwrap();
    assert_eq!(by_the_log.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), "leasehold.test/wire");
    assert!(checkpoint.size() > 256, "more than one bundle: {}", checkpoint.size());

    let mut leaves = Vec::new();
    for number in 0..checkpoint.size().div_ceil(256) {
        let width = (checkpoint.size() - number * 256).min(256);
        let bundle = get(&path("entries", number, width)).await;
        let hashes: Vec<Hash> = entries(&bundle).iter().map(|entry| record_hash(entry)).collect();
        let tile = get(&path("0", number, width)).await;
        assert_eq!(tile, hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>(), "tile {number}");
        for entry in entries(&bundle) {
            Entry::read(&entry).unwrap();
            let shown = String::from_utf8(entry).unwrap();
            assert!(!shown.contains("reconcile invoices for October"), "an opening: {shown}");
        }
        leaves.extend(hashes);
    }
    assert_eq!(leaves.len() as u64, checkpoint.size());
    assert_eq!(root(&leaves), *checkpoint.hash());
}
