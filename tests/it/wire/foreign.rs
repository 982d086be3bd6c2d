//! Our log, read by foreign code and cosigned by a foreign witness (`tests/foreign/tlog`): tessera,
//! formats, merkle and witness of transparency-dev, and the Go team's sumdb.

use super::broker::{AUDITOR, Broker, log_key};
use super::witness::{ask, policy, published, until_witnessed};
use crate::fixtures::until;
use crate::foreign::tlog::Tlog;
use crate::http::site::serve;
use crate::witness::process::WitnessProcess;
use leasehold::proto::v1;
use leasehold::services::tiles::PublicLog;
use leasehold::surfaces::http::HttpLimits;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::monitor::SplitView;
use serde_json::json;
use std::path::Path;

/// The newest checkpoint's size and root, as words for the reader.
fn head(broker: &Broker) -> [String; 2] {
    let text = broker.world.journal.published().checkpoint.clone();
    let checkpoint = Checkpoint::open(&text, &log_key().verifier()).unwrap();
    [checkpoint.size.to_string(), checkpoint.root.to_string()]
}

/// A reading by office is an entry, and has no bound.
async fn grow(broker: &Broker, readings: usize) {
    let evidence = broker.evidence(AUDITOR);
    let readings = (0..readings).map(|_| {
        let mut evidence = evidence.clone();
        async move { evidence.get_receipt(v1::GetReceiptRequest { index: 0 }).await.unwrap() }
    });
    futures_util::future::join_all(readings).await;
}

async fn open(broker: &Broker) -> String {
    let log = PublicLog::of(&broker.world);
    let address = serve(log, HttpLimits::default(), &broker.grounds.tasks, &broker.stop).await;
    format!("http://{address}/")
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

/// One character of the last line is another.
fn forged(cosigned: &str) -> String {
    let at = cosigned.len() - 20;
    let other = if cosigned.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &cosigned[..at], &cosigned[at + 1..])
}

#[tokio::test]
async fn foreign_readers_prove_every_entry_and_every_growth_from_the_public_files_alone() {
    let Some(tlog) = Tlog::here() else { return };
    let broker = Broker::with_estate().await;
    let mut older = vec![head(&broker)];
    grow(&broker, 256).await;
    older.push(head(&broker));
    grow(&broker, 280).await;
    let url = open(&broker).await;
    let words: Vec<&str> = older.iter().flatten().map(String::as_str).collect();
    let read = [&["read", &url, &broker.key], words.as_slice()].concat();
    let said = tlog.says(&read).await;
    let [size, root] = head(&broker);
    let size: u64 = size.parse().unwrap();
    assert!(size > 512 && !size.is_multiple_of(256), "two full tiles and a partial one: {size}");
    assert_eq!(said, json!({ "size": size, "root": root, "included": size, "consistent": 2 }));

    let [tile, entries] = ["0", "entries"].map(|level| format!("tile/{level}/002.p/{}", size % 256));
    for (path, word) in [
        ("checkpoint", "malformed note"),
        ("tile/0/000", "tile/0/000: log has"),
        (&tile, "log has"),
        ("tile/1/000.p/2", "tile/1/000.p/2: log has"),
        ("tile/entries/000", "log has"),
        (&entries, "log has"),
    ] {
        let complaint = tlog.complains_of(path, &read).await;
        assert!(complaint.contains(word), "{path}: {complaint}");
    }
    let other = leaf_hash(b"another history").to_string();
    let complaint = tlog.complains(&["read", &url, &broker.key, &older[1][0], &other]).await;
    assert!(complaint.contains(&older[1][0]), "{complaint}");
}

#[tokio::test]
async fn a_foreign_witness_cosigns_beside_ours_and_foreign_code_believes_checkpoint_and_receipt() {
    let Some(tlog) = Tlog::here() else { return };
    let broker = Broker::with_estate().await;
    let scratch = tempfile::tempdir().unwrap();
    let theirs = tlog.witness("witness.example/theirs", &broker.key).await;
    let ours = WitnessProcess::start("witness.example/ours", &[&broker.key]);
    let text = format!("log {}\n{}{}group both all t o\nquorum both\n", broker.key, theirs.line("t"), ours.line("o"));
    let asking = ask(&broker, &text);
    until_witnessed(&broker).await;
    broker.task("ledger-key").await;
    until_witnessed(&broker).await;
    drop(asking);
    // Asked anew, it is shown size 0 first, and names the size that it saw.
    broker.task("ledger-key").await;
    let _asking = ask(&broker, &text);
    until_witnessed(&broker).await;

    let cosigned = broker.world.witnessed.newest().unwrap().text.clone();
    assert!(policy(&text).judge(&cosigned).unwrap().quorum_met);
    let [policy, file] =
        [("policy", &text), ("cosigned", &cosigned)].map(|(name, text)| write(scratch.path(), name, text));
    let judged = tlog.says(&["judge", &policy, &broker.key, &file]).await;
    assert_eq!((&judged["size"], &judged["satisfied"]), (&json!(published(&broker)), &json!(true)));
    let times = judged["cosigned"].as_object().unwrap();
    assert_eq!(times.keys().collect::<Vec<_>>(), ["witness.example/ours", "witness.example/theirs"]);
    assert!(tlog.says(&["read", &open(&broker).await, &broker.key]).await["size"].as_u64().unwrap() > 0);

    let request = v1::GetReceiptRequest { index: 1 };
    let shown = broker.evidence(AUDITOR).get_receipt(request).await.unwrap().into_inner().receipt.unwrap();
    assert!(shown.witnessed);
    let [proof, entry, other] = [("proof", shown.proof.as_bytes()), ("entry", &shown.entry), ("other", b"{}")]
        .map(|(name, bytes)| write(scratch.path(), name, bytes));
    let believed = tlog.says(&["receipt", &policy, &broker.key, &proof, &entry]).await;
    assert_eq!((&believed["index"], &believed["satisfied"]), (&json!(1), &json!(true)));
    tlog.complains(&["receipt", &policy, &broker.key, &proof, &other]).await;

    let without =
        write(scratch.path(), "without", cosigned.lines().take(5).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(tlog.says(&["judge", &policy, &broker.key, &without]).await["satisfied"], false);
    let forged = write(scratch.path(), "forged", forged(&cosigned));
    let complaint = tlog.complains(&["judge", &policy, &broker.key, &forged]).await;
    assert!(complaint.contains("invalid signature"), "{complaint}");
}

#[tokio::test]
async fn a_foreign_witness_that_saw_another_history_stops_the_broker() {
    let Some(tlog) = Tlog::here() else { return };
    let scratch = tempfile::tempdir().unwrap();
    for grown_by in [-1, 0, 1] {
        let broker = Broker::with_estate().await;
        let witness = tlog.witness("witness.example/theirs", &broker.key).await;
        let newer = published(&broker);
        let seen = newer.checked_add_signed(grown_by).unwrap();
        let other = Checkpoint { origin: log_key().name().into(), size: seen, root: leaf_hash(b"another history") };
        let file = write(scratch.path(), "other", other.sign(&log_key()));
        assert_eq!(tlog.says(&["ask", &witness.url, "0", &file]).await["refusal"], "", "it believes its first look");
        let _asking = ask(&broker, &format!("log {}\n{}quorum t\n", broker.key, witness.line("t")));
        until("the broker hears of it", || broker.world.witnessed.broken().is_some()).await;
        let view = broker.world.witnessed.broken().unwrap().view;
        match grown_by {
            -1 => assert!(matches!(view, SplitView::NotAnExtension { .. }), "{view:?}"),
            0 => assert_eq!(view, SplitView::TwoRoots { size: seen }),
            _ => assert_eq!(view, SplitView::RolledBack { earlier: seen, newer }),
        }
    }
}
