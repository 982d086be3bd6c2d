//! Signed notes against their specification and an independent reader.

use super::*;
use proptest::prelude::*;
use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, VerifierList};

// The key pair and the note in the documentation of Go's golang.org/x/mod/sumdb/note.
const GO_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(name: &str) -> Signer {
    Signer::generate(name, sha256(&[name.as_bytes()])).unwrap()
}

#[test]
fn the_published_example_is_signed_and_opened_to_the_letter() {
    let signer = Signer::parse(GO_SKEY).unwrap();
    assert_eq!(signer.to_text().as_str(), GO_SKEY);
    assert_eq!(signer.verifier().to_string(), GO_VKEY);
    let note = format!("{GO_TEXT}\n{GO_SIGNATURE}");
    assert_eq!(sign(GO_TEXT, &[&signer]).unwrap(), note);
    let keys = [VerifierKey::parse(GO_VKEY).unwrap()];
    let opened = open(&note, &keys).unwrap();
    assert_eq!((opened.text, opened.signed_by), (GO_TEXT, vec![&keys[0]]));
}

#[test]
fn a_signer_says_nothing_of_its_seed() {
    let signer = Signer::parse(GO_SKEY).unwrap();
    let debug = format!("{signer:?}");
    assert_eq!(debug, format!("Signer({GO_VKEY}, redacted)"));
    assert!(!debug.contains("AYEKFALVFGyN"));
    let error = Signer::parse(&GO_SKEY.replace("c74f20a3", "c74f20a4")).unwrap_err();
    assert_eq!(error, KeyError::Id);
    assert!(!format!("{error:?} {error}").contains("AYEKFALVFGyN"));
}

#[test]
fn keys_with_another_spelling_are_refused() {
    assert!(VerifierKey::parse(GO_VKEY).is_ok());
    let base64 = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let ecdsa = STANDARD.encode([&[2_u8][..], &[7; 32]].concat());
    let table = [
        (String::new(), KeyError::Malformed),
        ("PeterNeumann+c74f20a3".into(), KeyError::Malformed),
        (format!("+c74f20a3+{base64}"), KeyError::Name),
        (format!("Peter Neumann+c74f20a3+{base64}"), KeyError::Name),
        (format!("Peter\u{a0}Neumann+c74f20a3+{base64}"), KeyError::Name),
        (format!("Peter\u{7}Neumann+c74f20a3+{base64}"), KeyError::Name),
        (format!("PeterNeumann+C74F20A3+{base64}"), KeyError::Malformed),
        (format!("PeterNeumann++74f20a3+{base64}"), KeyError::Malformed),
        (format!("PeterNeumann+c74f20a+{base64}"), KeyError::Malformed),
        (format!("PeterNeumann+c74f20a4+{base64}"), KeyError::Id),
        (format!("PeterNeumanns+c74f20a3+{base64}"), KeyError::Id),
        (format!("PeterNeumann+c74f20a3+{base64}="), KeyError::Malformed),
        (format!("PeterNeumann+c74f20a3+{}", &base64[..40]), KeyError::Malformed),
        (format!("PeterNeumann+c74f20a3+{ecdsa}"), KeyError::Type { wanted: TYPE_ED25519, found: 2 }),
        (format!("{GO_VKEY}\n"), KeyError::Malformed),
    ];
    for (text, error) in table {
        assert_eq!(VerifierKey::parse(&text), Err(error), "{text}");
        assert_eq!(Signer::parse(&format!("PRIVATE+KEY+{text}")).err(), Some(error), "{text}");
    }
    assert_eq!(Signer::parse(GO_VKEY).err(), Some(KeyError::Malformed));
    assert_eq!(Signer::generate("two words", [7; 32]).err(), Some(KeyError::Name));
}

#[test]
fn sixteen_signatures_and_more_are_accepted_and_unknown_ones_ignored() {
    let witnesses: Vec<Signer> = (0..16).map(|index| signer(&format!("witness{index}.example"))).collect();
    let all: Vec<&Signer> = witnesses.iter().collect();
    let note = sign("text\n", &all).unwrap();
    for witness in &witnesses {
        let keys = [signer("stranger.example").verifier(), witness.verifier()];
        assert_eq!(open(&note, &keys).unwrap().signed_by, [&keys[1]]);
    }
    let keys: Vec<VerifierKey> = witnesses.iter().map(Signer::verifier).collect();
    assert_eq!(open(&note, &keys).unwrap().signed_by.len(), 16);

    let line = witnesses[0].signature_line("text\n");
    let note_with = |count: usize| format!("text\n\n{}", line.repeat(count));
    assert_eq!(open(&note_with(SIGNATURES_MAX), &keys).unwrap().signed_by.len(), 1, "each key counts once");
    assert_eq!(open(&note_with(SIGNATURES_MAX + 1), &keys), Err(NoteError::TooManySignatures));
}

#[test]
fn the_same_name_with_another_id_is_another_key() {
    let (ours, twin) = (signer("log.example"), Signer::generate("log.example", [9; 32]).unwrap());
    let note = sign("text\n", &[&twin, &ours]).unwrap();
    assert!(open(&note, &[ours.verifier()]).is_ok());
    let note = sign("text\n", &[&twin]).unwrap();
    assert_eq!(open(&note, &[ours.verifier()]), Err(NoteError::Unsigned));
    assert!(open(&note, &[twin.verifier()]).is_ok());
}

#[test]
fn a_bad_signature_by_a_known_key_spoils_the_whole_note() {
    let (log, witness) = (signer("log.example"), signer("witness.example"));
    let keys = [log.verifier(), witness.verifier()];
    let good = sign("text\n", &[&log, &witness]).unwrap();
    assert!(open(&good, &keys).is_ok());
    let bad = format!("text\n\n{}{}", log.signature_line("text\n"), witness.signature_line("other\n"));
    assert_eq!(open(&bad, &keys), Err(NoteError::BadSignature("witness.example".into())));
    assert!(open(&bad, &keys[..1]).is_ok(), "for those who do not know that key it is only unknown");
}

#[test]
fn malformed_notes_are_refused() {
    let log = signer("log.example");
    let keys = [log.verifier()];
    let (good, line) = (sign("text\n", &[&log]).unwrap(), log.signature_line("text\n"));
    assert!(open(&good, &keys).is_ok());
    let base64 = line.trim_end().rsplit(' ').next().unwrap();
    let malformed = [
        String::new(),
        "text\n".into(),
        "\n".into(),
        line.clone(),
        good.trim_end().into(),
        good.replace('\n', "\r\n"),
        good.replace("text", "te\txt"),
        good.replace("text", "te\0xt"),
        good.replace("\u{2014} ", "- "),
        good.replace("\u{2014} ", "\u{2014}"),
        good.replace("\u{2014} ", "\u{2014}  "),
        good.replace(" log.example ", " "),
        good.replace("log.example", "log+example"),
        good.replace("log.example", "log\u{2003}example"),
        good.replace(base64, ""),
        good.replace(base64, "AAAA"),
        good.replace(base64, "AAAAAA=="),
        good.replace(base64, &format!("{base64}=")),
        good.replace(base64, &format!("{base64} ")),
        good.replace(base64, base64.trim_end_matches('=')),
        format!("{good}and more\n"),
    ];
    for note in malformed {
        assert!(matches!(open(&note, &keys), Err(NoteError::Malformed(_))), "{note:?}");
    }
    for note in ["text\n\n".into(), format!("{good}\n")] {
        assert_eq!(open(&note, &keys), Err(NoteError::Unsigned), "no signature lines at all");
    }
    assert!(matches!(sign("no newline", &[&log]), Err(NoteError::Malformed(_))));
    assert!(matches!(sign("bell\u{7}\n", &[&log]), Err(NoteError::Malformed(_))));
}

#[test]
fn a_text_may_have_empty_lines_itself() {
    let log = signer("log.example");
    for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n", "\u{2014} log.example AAAAAAAA\n\n"] {
        let note = sign(text, &[&log]).unwrap();
        assert_eq!(open(&note, &[log.verifier()]).unwrap().text, text);
    }
}

#[test]
fn another_implementation_reads_our_keys_and_notes_and_we_read_theirs() {
    let log = signer("log.example/prod");
    let foreign = StandardSigner::new(&log.to_text()).unwrap();
    let key = StandardVerifier::new(&log.verifier().to_string()).unwrap();
    assert_eq!(u32::from_be_bytes(log.verifier.id), foreign.key_id());

    let ours = sign("a text\n\nof lines\n", &[&log]).unwrap();
    let (verified, _) =
        Note::from_bytes(ours.as_bytes()).unwrap().verify(&VerifierList::new(vec![Box::new(key)])).unwrap();
    assert_eq!(verified.len(), 1);

    let mut note = Note::new(b"a text\n\nof lines\n", &[]).unwrap();
    note.add_sigs(&[&foreign]).unwrap();
    let theirs = String::from_utf8(note.to_bytes()).unwrap();
    assert_eq!(theirs, ours, "Ed25519 is deterministic");
    assert!(open(&theirs, &[log.verifier()]).is_ok());
}

proptest! {
    #[test]
    fn any_flipped_bit_of_a_note_is_seen(seed: [u8; 32], text in "[ -~\n]{0,80}\n", place in any::<prop::sample::Index>()) {
        let log = Signer::generate("log.example", seed).unwrap();
        let note = sign(&text, &[&log]).unwrap();
        prop_assert_eq!(open(&note, &[log.verifier()]).unwrap().text, &text);
        let mut bytes = note.into_bytes();
        let bit = place.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(forged) = String::from_utf8(bytes) {
            prop_assert!(open(&forged, &[log.verifier()]).is_err());
        }
    }

    #[test]
    fn keys_come_back_as_they_went(seed: [u8; 32], name in "[a-z./]{1,20}") {
        let signer = Signer::generate(&name, seed).unwrap();
        let again = Signer::parse(&signer.to_text()).unwrap();
        prop_assert_eq!(again.verifier(), signer.verifier());
        prop_assert_eq!(VerifierKey::parse(&signer.verifier().to_string()), Ok(signer.verifier()));
    }
}
