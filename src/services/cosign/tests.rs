//! A witness that keeps its word across faults and restarts.

use super::*;
use tlog::checkpoint::Checkpoint;
use tlog::leaf_hash;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::{MemoryNodes, consistency, head};

#[derive(Default)]
struct Book {
    text: Mutex<Option<String>>,
    full: Mutex<bool>,
}

impl Keepsake for Book {
    fn recall(&self) -> Result<Option<String>, Fault> {
        Ok(self.text.lock().unwrap().clone())
    }

    fn keep(&self, text: &str) -> Result<(), Fault> {
        if *self.full.lock().unwrap() {
            return Err(Fault::new(FaultKind::Transient, "the disk is full"));
        }
        *self.text.lock().unwrap() = Some(text.into());
        Ok(())
    }
}

fn log() -> Signer {
    Signer::generate("log.example", [1; 32]).unwrap()
}

fn body(old_size: u64, size: u64, variant: &str) -> String {
    let leaves: Vec<Hash> = (0..size).map(|index| leaf_hash(format!("{index}{variant}").as_bytes())).collect();
    let nodes = MemoryNodes::new(&leaves);
    let checkpoint = Checkpoint { origin: "log.example".into(), size, root: head(size, &nodes).unwrap().root };
    let proof = consistency(old_size, size, &nodes).unwrap();
    Request { old_size, proof, checkpoint_text: checkpoint.sign(&log()) }.to_text()
}

fn witness(book: &Arc<Book>) -> Arc<Cosign> {
    let cosigner = Cosigner::generate("w.example", [4; 32]).unwrap();
    let book: Arc<dyn Keepsake> = book.clone();
    let wall = || Time::from_unix_seconds(1_700_000_000);
    Arc::new(Cosign::start(vec![log().verifier()], cosigner, book, wall).unwrap())
}

async fn say(witness: &Arc<Cosign>, body: String) -> Result<String, NotCosigned> {
    witness.clone().add_checkpoint(body).await
}

fn conflict(told: Result<String, NotCosigned>) -> u64 {
    match told.unwrap_err() {
        NotCosigned::Refused(Refusal::Conflict { size }) => size,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_it_cosigns_is_believed_under_a_policy_that_knows_it() {
    let witness = witness(&Arc::default());
    let lines = say(&witness, body(0, 5, "")).await.unwrap();
    let key = Cosigner::generate("w.example", [4; 32]).unwrap().verifier();
    let policy = format!("log {}\nwitness w {key}\nquorum w\n", log().verifier());
    let (_, checkpoint) = body(0, 5, "").split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let judged = Policy::parse(policy.as_bytes()).unwrap().judge(&(checkpoint + &lines)).unwrap();
    assert!(judged.quorum_met);
    assert_eq!(judged.witnesses, [("w".to_owned(), 1_700_000_000)]);
}

#[tokio::test]
async fn it_remembers_across_a_restart() {
    let book = Arc::<Book>::default();
    say(&witness(&book), body(0, 5, "")).await.unwrap();
    let again = witness(&book);
    assert_eq!(conflict(say(&again, body(0, 7, "")).await), 5);
    assert!(matches!(say(&again, body(5, 7, "'")).await, Err(NotCosigned::Refused(Refusal::Proof))));
    say(&again, body(5, 7, "")).await.unwrap();
    say(&again, body(7, 7, "")).await.unwrap();
    assert!(matches!(say(&again, body(7, 7, "'")).await, Err(NotCosigned::Refused(Refusal::Proof))));
}

#[tokio::test]
async fn what_it_cannot_keep_it_does_not_sign() {
    let book = Arc::<Book>::default();
    let witness = witness(&book);
    say(&witness, body(0, 5, "")).await.unwrap();
    *book.full.lock().unwrap() = true;
    assert!(matches!(say(&witness, body(5, 7, "")).await, Err(NotCosigned::Unkept(_))));
    assert!(say(&witness, body(5, 5, "")).await.is_ok(), "what is kept already may be said again");
    *book.full.lock().unwrap() = false;
    assert_eq!(conflict(say(&witness, body(7, 8, "")).await), 5, "the size it failed to keep was not taken in");
    assert!(say(&witness, body(5, 8, "")).await.is_ok());
}

#[tokio::test]
async fn of_two_histories_told_at_once_one_is_cosigned() {
    for _ in 0..20 {
        let witness = witness(&Arc::default());
        let (one, other) = tokio::join!(say(&witness, body(0, 5, "")), say(&witness, body(0, 5, "'")));
        let refused = [one, other].into_iter().filter(Result::is_err).map(conflict).collect::<Vec<_>>();
        assert_eq!(refused, [5]);
    }
}

#[test]
fn a_book_that_is_not_its_own_is_refused() {
    let good = r#"{"log.example":{"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","size":0}}"#;
    assert!(read(good).is_some() && read(EMPTY_BOOK).unwrap().is_empty());
    let bad = [
        String::new(),
        "[]".into(),
        good.replace("size\":0", "size\":-1"),
        good.replace("47DE", "47D"),
        good.replace("size", "count"),
    ];
    for text in bad {
        let book = Arc::new(Book { text: Mutex::new(Some(text.clone())), ..Book::default() });
        let cosigner = Cosigner::generate("w.example", [4; 32]).unwrap();
        let started = Cosign::start(Vec::new(), cosigner, book, Time::default);
        assert!(matches!(started, Err(BookError::Malformed)), "{text}");
    }
}
