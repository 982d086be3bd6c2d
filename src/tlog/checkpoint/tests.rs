//! Signed checkpoints are read back, and nothing else is taken for one.

use super::super::hash::{EMPTY_ROOT, leaf_hash};
use super::*;
use tlog_tiles::Checkpoint as TheirCheckpoint;

fn log() -> Signer {
    Signer::generate("leasehold.example.org/prod", [7; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "leasehold.example.org/prod".into(), size: 20_852_163, root: leaf_hash(b"sofa") }
}

#[test]
fn the_body_is_that_of_the_specification() {
    let root = Hash::parse("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap();
    let checkpoint = Checkpoint { origin: "example.com/behind-the-sofa".into(), size: 20_852_163, root };
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(checkpoint.body(), text);
    assert_eq!(Checkpoint::parse_body(text), Some(checkpoint));
}

#[test]
fn a_signed_checkpoint_comes_back_with_and_without_cosignatures() {
    let (log, checkpoint) = (log(), checkpoint());
    let witness = Signer::generate("witness.example", [8; 32]).unwrap();
    let text = checkpoint.sign(&log);
    assert_eq!(Checkpoint::open(&text, &log.verifier()).as_ref(), Ok(&checkpoint));
    let cosigned = note::sign(&checkpoint.body(), &[&witness, &log]).unwrap();
    assert_eq!(Checkpoint::open(&cosigned, &log.verifier()), Ok(checkpoint));
    let empty = Checkpoint { origin: log.name().into(), size: 0, root: EMPTY_ROOT };
    assert_eq!(Checkpoint::open(&empty.sign(&log), &log.verifier()), Ok(empty));
}

#[test]
fn a_checkpoint_by_another_key_or_of_another_log_is_refused() {
    let (log, checkpoint) = (log(), checkpoint());
    let text = checkpoint.sign(&log);
    assert!(Checkpoint::open(&text, &log.verifier()).is_ok());
    let twin = Signer::generate(log.name(), [9; 32]).unwrap();
    assert_eq!(Checkpoint::open(&text, &twin.verifier()), Err(CheckpointError::Note(NoteError::Unsigned)));
    let grown = text.replace("20852163", "20852164");
    assert!(matches!(
        Checkpoint::open(&grown, &log.verifier()),
        Err(CheckpointError::Note(NoteError::BadSignature(_)))
    ));
    let other = checkpoint.body().replace("prod", "dev");
    let error = Checkpoint::open(&note::sign(&other, &[&log]).unwrap(), &log.verifier()).unwrap_err();
    let (expected, found) = ("leasehold.example.org/prod".into(), "leasehold.example.org/dev".into());
    assert_eq!(error, CheckpointError::Origin { expected, found });
}

#[test]
fn a_signed_text_that_is_not_canonical_is_refused() {
    let log = log();
    let open = |body: &str| Checkpoint::open(&note::sign(body, &[&log]).unwrap(), &log.verifier());
    let body = checkpoint().body();
    assert!(open(&body).is_ok());
    let wrong = [
        "\n".into(),
        format!("{body}extension\n"),
        format!("{body}\n"),
        format!("\n{body}"),
        body.replace("20852163", "020852163"),
        body.replace("20852163", "+20852163"),
        body.replace("20852163", "-1"),
        body.replace("20852163", "18446744073709551616"),
        body.replace("20852163", " 20852163"),
        body.replace("leasehold.example.org/prod", ""),
        body.replace('=', ""),
        body.lines().take(2).map(|line| format!("{line}\n")).collect(),
    ];
    for body in wrong {
        assert_eq!(open(&body), Err(CheckpointError::Malformed), "{body:?}");
    }
}

#[test]
#[should_panic(expected = "a log signs its own checkpoints only")]
fn a_foreign_checkpoint_is_never_signed() {
    let _ = Checkpoint { origin: "other.example".into(), ..checkpoint() }.sign(&log());
}

#[test]
fn another_implementation_reads_and_writes_the_same_body() {
    let checkpoint = checkpoint();
    let root = tlog_tiles::Hash(*checkpoint.root.as_bytes());
    let theirs = TheirCheckpoint::new(&checkpoint.origin, checkpoint.size, root, "").unwrap();
    assert_eq!(theirs.to_bytes(), checkpoint.body().as_bytes());
    let read = TheirCheckpoint::from_bytes(checkpoint.body().as_bytes()).unwrap();
    assert_eq!((read.origin(), read.size(), read.hash()), (checkpoint.origin.as_str(), checkpoint.size, &root));
}
