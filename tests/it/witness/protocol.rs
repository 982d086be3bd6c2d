//! Each status of C2SP tlog-witness, over real HTTP from a real process.

use super::process::WitnessProcess;
use leasehold::tlog::Hash;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::cosignature::pick;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::policy::Policy;
use leasehold::tlog::proof::{MemoryNodes, consistency, head};
use leasehold::tlog::witness::Request;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};

struct Answer {
    status: u16,
    media: String,
    body: String,
}

pub(crate) fn log() -> Signer {
    Signer::generate("log.example", [1; 32]).unwrap()
}

fn nodes(size: u64, variant: &str) -> MemoryNodes {
    MemoryNodes::new(&(0..size).map(|index| leaf_hash(format!("{index}{variant}").as_bytes())).collect::<Vec<_>>())
}

/// From `old_size` on, of a history that has this name.
pub(crate) fn request(old_size: u64, size: u64, variant: &str) -> Request {
    let nodes = nodes(size, variant);
    let checkpoint = Checkpoint { origin: "log.example".into(), size, root: head(size, &nodes).unwrap().root };
    let proof = consistency(old_size.min(size), size, &nodes).unwrap();
    Request { old_size, proof, checkpoint_text: checkpoint.sign(&log()) }
}

async fn send(witness: &WitnessProcess, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let http = Client::builder().tls_certs_only(Vec::new()).no_proxy().build().unwrap();
    let answer = http.request(method, format!("http://{}{path}", witness.address)).body(body).send().await.unwrap();
    let media = answer.headers().get(CONTENT_TYPE).map(|media| media.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    Answer { status, media: media.unwrap_or_default(), body: answer.text().await.unwrap() }
}

async fn add(witness: &WitnessProcess, request: &Request) -> Answer {
    send(witness, Method::POST, "/add-checkpoint", request.to_text()).await
}

fn conflict(answer: &Answer) -> Option<&str> {
    (answer.status == 409 && answer.media == "text/x.tlog.size").then_some(answer.body.as_str())
}

#[tokio::test]
async fn a_growing_log_is_cosigned_and_everything_else_has_its_status() {
    let witness = WitnessProcess::start("witness.example/w1", &[&log().verifier().to_string()]);
    let first = request(0, 5, "");
    let answer = add(&witness, &first).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    pick(&first.checkpoint_text, &answer.body, &witness.key).unwrap();
    let policy = format!("log {}\n{}quorum w\n", log().verifier(), witness.line("w"));
    let judged =
        Policy::parse(policy.as_bytes()).unwrap().judge(&(first.checkpoint_text.clone() + &answer.body)).unwrap();
    assert!(judged.quorum_met && judged.witnesses[0].1 > 1_700_000_000, "{judged:?}");
    assert_eq!(add(&witness, &request(5, 7, "")).await.status, 200);

    assert_eq!(conflict(&add(&witness, &request(0, 9, "")).await), Some("7\n"));
    assert_eq!(conflict(&add(&witness, &request(5, 9, "")).await), Some("7\n"));
    assert_eq!(conflict(&add(&witness, &request(5, 5, "")).await), Some("7\n"), "rolled back");
    assert_eq!(add(&witness, &request(7, 9, "'")).await.status, 422, "another history");
    assert_eq!(add(&witness, &request(7, 7, "'")).await.status, 422, "the same size, another root");
    let wrong = Request { proof: vec![leaf_hash(b"x")], ..request(7, 9, "") };
    assert_eq!(add(&witness, &wrong).await.status, 422);
    assert_eq!(add(&witness, &request(9, 7, "")).await.status, 400, "an old size beyond the checkpoint's");

    let other = Signer::generate("other.example", [1; 32]).unwrap();
    let body = Checkpoint { origin: "other.example".into(), size: 1, root: Hash::from_bytes([0; 32]) };
    let unknown = Request { old_size: 0, proof: Vec::new(), checkpoint_text: body.sign(&other) };
    assert_eq!(add(&witness, &unknown).await.status, 404);
    let twin = Signer::generate("log.example", [2; 32]).unwrap();
    let body = Checkpoint { origin: "log.example".into(), ..body };
    let forged = Request { checkpoint_text: body.sign(&twin), ..unknown };
    assert_eq!(add(&witness, &forged).await.status, 403);
    assert_eq!(add(&witness, &request(7, 9, "")).await.status, 200, "none of that did any harm");
}

#[tokio::test]
async fn what_is_no_request_costs_nothing() {
    let witness = WitnessProcess::start("witness.example/w1", &[&log().verifier().to_string()]);
    let good = request(0, 5, "").to_text();
    for body in ["".to_owned(), "old 0\n".into(), good.replacen("old 0", "old 00", 1), good.replacen('\n', "\r\n", 1)] {
        assert_eq!(send(&witness, Method::POST, "/add-checkpoint", body.clone()).await.status, 400, "{body:?}");
    }
    let crowded = format!("old 0\n{}\n{}", format!("{}\n", leaf_hash(b"x")).repeat(64), "log.example\n");
    assert_eq!(send(&witness, Method::POST, "/add-checkpoint", crowded).await.status, 400);
    assert_eq!(send(&witness, Method::POST, "/add-checkpoint", vec![0xff, 0xfe]).await.status, 400);
    assert_eq!(send(&witness, Method::POST, "/add-checkpoint", "x".repeat(64 << 10)).await.status, 400, "at the bound");
    assert_eq!(send(&witness, Method::POST, "/add-checkpoint", "x".repeat((64 << 10) + 1)).await.status, 413);
    assert_eq!(send(&witness, Method::GET, "/add-checkpoint", "").await.status, 405);
    assert_eq!(send(&witness, Method::POST, "/", good.clone()).await.status, 404);
    assert_eq!(send(&witness, Method::POST, "/add-checkpoint", good).await.status, 200);
}

#[tokio::test]
async fn killed_at_any_time_it_remembers_what_it_cosigned() {
    let mut witness = WitnessProcess::start("witness.example/w1", &[&log().verifier().to_string()]);
    for size in 1..=6 {
        assert_eq!(add(&witness, &request(size - 1, size, "")).await.status, 200);
        witness.kill();
        witness.start_again();
        assert_eq!(conflict(&add(&witness, &request(size - 1, size, "'")).await), Some(format!("{size}\n").as_str()));
    }
    assert!(witness.stop().success(), "a stop that was asked for is no failure");
}

#[tokio::test]
async fn of_many_histories_told_at_once_one_is_cosigned() {
    let witness = WitnessProcess::start("witness.example/w1", &[&log().verifier().to_string()]);
    let variants: Vec<String> = (0..12).map(|number| format!("'{number}")).collect();
    let asked = variants.iter().map(|variant| {
        let request = request(0, 5, variant);
        let witness = &witness;
        async move { add(witness, &request).await }
    });
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| conflict(answer) == Some("5\n")).count(), 11);
}
