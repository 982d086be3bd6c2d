//! `leasehold witness`, asked by the witness client of transparency-dev.

use super::tlog::Tlog;
use crate::witness::process::WitnessProcess;
use crate::witness::protocol::{log, request};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::witness::Request;
use serde_json::{Value, json};
use std::path::Path;

async fn ask(tlog: &Tlog, url: &str, folder: &Path, request: &Request) -> Value {
    let file = folder.join("checkpoint");
    std::fs::write(&file, &request.checkpoint_text).unwrap();
    let old_size = request.old_size.to_string();
    let hashes: Vec<String> = request.proof.iter().map(ToString::to_string).collect();
    let mut arguments = vec!["ask", url, &old_size, file.to_str().unwrap()];
    arguments.extend(hashes.iter().map(String::as_str));
    tlog.says(&arguments).await
}

#[tokio::test]
async fn a_foreign_client_is_served_by_our_witness_and_understands_each_refusal() {
    let Some(tlog) = Tlog::here() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let witness = WitnessProcess::start("witness.example/w1", &[&log().verifier().to_string()]);
    let url = format!("http://{}", witness.address);
    let add = async |request: &Request| ask(&tlog, &url, scratch.path(), request).await;
    let refused = async |request: &Request| add(request).await["refusal"].as_str().unwrap().to_owned();

    let first = request(0, 5, "");
    let lines = add(&first).await["lines"].as_str().unwrap().to_owned();
    let policy = scratch.path().join("policy");
    std::fs::write(&policy, format!("log {}\n{}quorum w\n", log().verifier(), witness.line("w"))).unwrap();
    let cosigned = scratch.path().join("cosigned");
    let (policy, file) = (policy.to_str().unwrap(), cosigned.to_str().unwrap());
    let key = log().verifier().to_string();
    std::fs::write(&cosigned, first.checkpoint_text.clone() + &lines).unwrap();
    let judged = tlog.says(&["judge", policy, &key, file]).await;
    assert_eq!((&judged["size"], &judged["satisfied"]), (&json!(5), &json!(true)));
    assert!(judged["cosigned"]["witness.example/w1"].as_u64().unwrap() > 1_700_000_000, "{judged}");
    assert_eq!(add(&request(5, 7, "")).await["refusal"], "", "it grows");
    assert_eq!(add(&request(7, 7, "")).await["refusal"], "", "the same again, at a later time");

    let stale = add(&request(5, 9, "")).await;
    assert_eq!((&stale["refusal"], &stale["size"]), (&json!("old size != current"), &json!(7)));
    assert_eq!(refused(&request(7, 9, "'")).await, "consistency proof invalid");
    assert_eq!(refused(&request(7, 7, "'")).await, "consistency proof invalid", "another root, and no way on");
    assert_eq!(refused(&request(9, 7, "")).await, "old size > current");
    let body = Checkpoint { origin: "log.example".into(), size: 9, root: leaf_hash(b"x") };
    let forged = body.sign(&Signer::generate("log.example", [2; 32]).unwrap());
    let forged = Request { old_size: 7, proof: Vec::new(), checkpoint_text: forged };
    assert_eq!(refused(&forged).await, "no valid signatures");
    let other = Checkpoint { origin: "other.example".into(), ..body };
    let other = other.sign(&Signer::generate("other.example", [1; 32]).unwrap());
    assert_eq!(refused(&Request { checkpoint_text: other, ..forged }).await, "unknown log");
    assert_eq!(add(&request(7, 9, "")).await["refusal"], "", "none of that did any harm");
}
