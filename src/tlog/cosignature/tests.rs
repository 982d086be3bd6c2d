//! Cosignatures against their specification, golden vectors made elsewhere, and an independent reader.

use super::*;
use crate::note::{KeyError, Signer, VerifierKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

// Made with Python's hashlib and `cryptography` from the seeds 01…, 04… and 05…, by the letter of the
// specification and without any code of ours.
const BODY: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const LOG_LINE: &str = "\u{2014} example.com/behind-the-sofa be1zqQx8hYrJJIfiWfY39ShElJ74dPrOjXSgJJ2qG3vny2U7JyHN2kKCWb5H5e2MfxP7My2OyDRrDvCH/RbVubiZ8AE=\n";
const W1: &str = "witness.example.com/w1+74c6307b+BMqTrBcFGHBx1nuDx/8O/oEI6OxFMFdddyaHkzPb2r58";
const W1_SECRET: &str = "PRIVATE+KEY+witness.example.com/w1+74c6307b+BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const W1_TIME: u64 = 1_679_315_147;
const W1_LINE: &str = "\u{2014} witness.example.com/w1 dMYwewAAAABkGFDL82BuVAliPYXLWoJdqTHPN+gVatFS5l4TLdVUdui5SWFBYaPFa5qCTXt9oXy6f2KKtotpN9mICDJhWyA+srs/Ag==\n";
const W2: &str = "witness.example.com/w2+880d174a+BG56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx";
const W2_LINE: &str = "\u{2014} witness.example.com/w2 iA0XSn//////////BXLaxOj0zh8ZSOWLkB8E+2ReGXVSgS/Uzpeq38iffn/AMoWfBvK5uWjPsyjLSPeidnGKx5u6SKsA8icPkhgaBA==\n";

fn key(text: &str) -> WitnessKey {
    WitnessKey::parse(text).unwrap()
}

fn note() -> String {
    format!("{BODY}\n{LOG_LINE}")
}

fn time_in(line: &str, text: &str, by: &WitnessKey) -> Option<u64> {
    by.time_of(text, &note::signatures(line).unwrap()[0])
}

/// A line of the same key with other bytes behind its id.
fn forged(line: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (head, base64) = line.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(base64).unwrap();
    change(&mut bytes);
    format!("{head} {}\n", STANDARD.encode(bytes))
}

#[test]
fn the_golden_lines_are_written_and_read_to_the_letter() {
    let cosigner = Cosigner::parse(W1_SECRET).unwrap();
    assert_eq!(cosigner.to_text().as_str(), W1_SECRET);
    assert_eq!(cosigner.verifier().to_string(), W1);
    assert_eq!(cosigner.cosign(BODY, W1_TIME), W1_LINE);
    assert_eq!(time_in(W1_LINE, BODY, &key(W1)), Some(W1_TIME));
    assert_eq!(Cosigner::generate("witness.example.com/w2", [5; 32]).unwrap().cosign(BODY, u64::MAX), W2_LINE);
    assert_eq!(time_in(W2_LINE, BODY, &key(W2)), Some(TIME_SECONDS_MAX));
}

#[test]
fn an_independent_reader_finds_name_id_time_and_signature_where_the_specification_puts_them() {
    let line = signed_note::Signature::from_bytes(W1_LINE.trim_end().as_bytes()).unwrap();
    let public = STANDARD.decode(W1.rsplit('+').next().unwrap()).unwrap();
    assert_eq!((line.name(), line.id()), ("witness.example.com/w1", signed_note::key_id(line.name(), &public)));
    assert_eq!(line.signature().len(), 8 + 64);
    assert_eq!(line.signature()[..8], W1_TIME.to_be_bytes());
    let whole = signed_note::Note::from_bytes(format!("{}{W1_LINE}{W2_LINE}", note()).as_bytes()).unwrap();
    assert_eq!(whole.text(), BODY.as_bytes());
}

#[test]
fn a_cosignature_holds_for_its_text_its_time_and_its_key_only() {
    let (w1, w2) = (key(W1), key(W2));
    assert!(time_in(W1_LINE, BODY, &w1).is_some());
    assert_eq!(time_in(W1_LINE, &BODY.replace("20852163", "20852164"), &w1), None, "another size");
    assert_eq!(time_in(W1_LINE, &format!("{BODY}extension\n"), &w1), None, "another text");
    assert_eq!(time_in(W1_LINE, BODY, &w2), None, "another key");
    type Change = fn(&mut Vec<u8>);
    let changed: [(&str, Change); 5] = [
        ("a later time", |bytes| bytes[11] += 1),
        ("a time beyond 2^63", |bytes| bytes[4] |= 0x80),
        ("another signature", |bytes| bytes[75] ^= 1),
        ("a byte too many", |bytes| bytes.push(0)),
        ("no signature", |bytes| bytes.truncate(12)),
    ];
    for (what, change) in changed {
        assert_eq!(time_in(&forged(W1_LINE, change), BODY, &w1), None, "{what}");
    }
    let plain = forged(W1_LINE, |bytes| _ = bytes.drain(4..12));
    assert_eq!(time_in(&plain, BODY, &w1), None, "a plain signature without time");
}

#[test]
fn a_plain_signature_of_the_same_seed_is_no_cosignature_and_the_other_way_round() {
    let (plain, cosigner) = (Signer::generate("w", [4; 32]).unwrap(), Cosigner::generate("w", [4; 32]).unwrap());
    assert_eq!(plain.verifier().bytes(), cosigner.verifier().bytes());
    let line = note::seal(BODY, &[&plain]).strip_prefix(&format!("{BODY}\n")).unwrap().to_owned();
    assert_eq!(pick(&note(), &line, &cosigner.verifier()), Err(NoteError::Unsigned));
    let cosigned = format!("{BODY}\n{}", cosigner.cosign(BODY, 7));
    assert_eq!(note::open(&cosigned, &[plain.verifier()]), Err(NoteError::Unsigned));
}

#[test]
fn keys_of_logs_and_of_witnesses_are_told_apart() {
    let log = Signer::generate("log.example", [1; 32]).unwrap();
    assert_eq!(key(W1).to_string(), W1);
    assert_eq!(WitnessKey::parse(&log.verifier().to_string()), Err(KeyError::Type { wanted: 4, found: 1 }));
    assert_eq!(VerifierKey::parse(W1), Err(KeyError::Type { wanted: 1, found: 4 }));
    assert_eq!(Cosigner::parse(&log.to_text()).err(), Some(KeyError::Type { wanted: 4, found: 1 }));
    assert_eq!(WitnessKey::parse(&W1.replace("74c6307b", "74c6307c")), Err(KeyError::Id));
    let debug = format!("{:?}", Cosigner::parse(W1_SECRET).unwrap());
    assert!(debug.contains(W1) && !debug.contains("BAQEBAQE"), "{debug}");
}

#[test]
fn of_an_answer_only_the_lines_of_the_witness_are_taken() {
    let (w1, both) = (key(W1), format!("{W2_LINE}{W1_LINE}"));
    assert_eq!(pick(&note(), W1_LINE, &w1).unwrap(), W1_LINE);
    assert_eq!(pick(&note(), &both, &w1).unwrap(), W1_LINE);
    let again = Cosigner::parse(W1_SECRET).unwrap().cosign(BODY, W1_TIME + 1);
    assert_eq!(pick(&note(), &format!("{W1_LINE}{again}"), &w1).unwrap(), format!("{W1_LINE}{again}"));
    assert_eq!(pick(&note(), W2_LINE, &w1), Err(NoteError::Unsigned));
    let wrong = forged(W1_LINE, |bytes| bytes[75] ^= 1);
    let bad = Err(NoteError::BadSignature("witness.example.com/w1".into()));
    assert_eq!(pick(&note(), &wrong, &w1), bad);
    assert_eq!(pick(&note(), &format!("{W1_LINE}{wrong}"), &w1), bad);
    assert_eq!(pick(&note().replace("20852163", "1"), W1_LINE, &w1), bad);
    for malformed in ["", "\n", W1_LINE.trim_end(), "hello\n", &format!("{W1_LINE}\n")] {
        assert!(matches!(pick(&note(), malformed, &w1), Err(NoteError::Malformed(_))), "{malformed:?}");
    }
    assert_eq!(pick(&note(), &W1_LINE.repeat(101), &w1), Err(NoteError::TooManySignatures));
}
