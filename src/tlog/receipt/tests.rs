//! Receipts are read back and verified, and altered ones are not.

use super::super::note::Signer;
use super::super::proof::{MemoryNodes, head, inclusion};
use super::*;
use proptest::prelude::*;

const SIZE: u64 = 11;

fn log() -> Signer {
    Signer::generate("log.example/fancy", [7; 32]).unwrap()
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn receipt(index: u64) -> Receipt {
    let leaves: Vec<Hash> = (0..SIZE).map(|index| leaf_hash(&entry(index))).collect();
    let nodes = MemoryNodes::new(&leaves);
    let checkpoint = Checkpoint { origin: log().name().into(), size: SIZE, root: head(SIZE, &nodes).unwrap().root };
    let proof = inclusion(index, SIZE, &nodes).unwrap();
    Receipt { index, proof, checkpoint_text: checkpoint.sign(&log()) }
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let key = log().verifier();
    for index in 0..SIZE {
        let receipt = Receipt::parse(&receipt(index).to_text()).unwrap();
        assert_eq!(receipt.verify(&entry(index), &key).unwrap().size, SIZE);
        let wrong = receipt.verify(&entry(index + 1), &key);
        assert_eq!(wrong, Err(ReceiptError::Proof(ProofError::Mismatch)));
        let stranger = Signer::generate("log.example/fancy", [8; 32]).unwrap().verifier();
        assert!(matches!(receipt.verify(&entry(index), &stranger), Err(ReceiptError::Checkpoint(_))));
    }
}

#[test]
fn the_text_is_that_of_the_specification() {
    let receipt = receipt(10);
    let [a, b] = receipt.proof.as_slice() else { panic!("the last of 11 leaves has two hashes") };
    let expected = format!("c2sp.org/tlog-proof@v1\nindex 10\n{a}\n{b}\n\n{}", receipt.checkpoint_text);
    assert_eq!(receipt.to_text(), expected);
    assert_eq!(Receipt::parse(&expected), Ok(receipt));
    let alone = Receipt { index: 0, proof: vec![], checkpoint_text: "c\n".into() };
    assert_eq!(alone.to_text(), "c2sp.org/tlog-proof@v1\nindex 0\n\nc\n");
    assert_eq!(Receipt::parse(&alone.to_text()), Ok(alone));
}

#[test]
fn extra_data_is_skipped_because_nobody_signed_it() {
    let receipt = receipt(3);
    let with = |line: &str| receipt.to_text().replace("\nindex", &format!("\n{line}\nindex"));
    assert_eq!(Receipt::parse(&with("extra YWdlLXYxLjIuMQ==")).as_ref(), Ok(&receipt));
    for line in ["extra !", "extra YWdl YWdl", "extra", "extra extra YWdl", "Extra YWdl", "extra YWdl\nextra YWdl"] {
        assert!(Receipt::parse(&with(line)).is_err(), "{line}");
    }
}

#[test]
fn malformed_receipts_are_refused() {
    let text = receipt(3).to_text();
    assert!(Receipt::parse(&text).is_ok());
    let hash = receipt(3).proof[0].to_string();
    let wrong = [
        String::new(),
        text.replace("@v1", "@v2"),
        format!("\n{text}"),
        text.replace("index 3", "index 03"),
        text.replace("index 3", "index +3"),
        text.replace("index 3", "index -3"),
        text.replace("index 3", "index"),
        text.replace("index 3", "index 18446744073709551616"),
        text.replace("index 3\n", ""),
        text.replace("index 3", "index 3\nindex 3"),
        text.replace(&hash, "AAAA"),
        text.replace(&hash, &format!("{hash} ")),
        text.replace('\n', "\r\n"),
        text.replace("\n\n", "\n"),
        text.replace(&hash, &[hash.as_str(); 64].join("\n")),
    ];
    for text in wrong {
        assert!(Receipt::parse(&text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_flipped_bit_of_a_receipt_is_seen(index in 0..SIZE, place in any::<prop::sample::Index>()) {
        let key = log().verifier();
        let mut bytes = receipt(index).to_text().into_bytes();
        let bit = place.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let forged = String::from_utf8(bytes).ok().and_then(|text| Receipt::parse(&text).ok());
        if let Some(forged) = forged {
            prop_assert!(forged.verify(&entry(index), &key).is_err());
        }
    }
}
