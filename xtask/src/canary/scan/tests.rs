//! The scan finds what is planted: without these tests "no hit" would mean nothing.

use super::super::output_folder;
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Bytes that make `+` and `/` in base64, so that both alphabets differ.
const SECRET: &[u8] = b"\xfb\xef\xbe-?>~pass\xff\xfe\"word";

fn plant(text: &[u8]) -> Vec<Hit> {
    let folder = output_folder("plant").unwrap();
    fs::create_dir_all(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("deep/output.log"), text).unwrap();
    scan(&[b"something else".to_vec(), SECRET.to_vec()], &[folder.path().to_path_buf()]).unwrap()
}

fn assert_found(text: &[u8], form: &str) {
    let hits = plant(text);
    assert!(hits.iter().any(|hit| hit.value == 1 && hit.form == form), "{form}: {hits:?}");
}

#[test]
fn a_clean_output_has_no_hit() {
    assert_eq!(plant(b"nothing to see here"), []);
    assert_eq!(plant(b""), []);
}

#[test]
fn a_planted_secret_is_found_raw_and_in_hex() {
    assert_found(&[b"password=", SECRET, b"\n"].concat(), "raw");
    let hex = super::super::forms::hex(SECRET);
    assert_found(format!("key: {hex}").as_bytes(), "hex");
    assert_found(format!("key: {}", hex.to_uppercase()).as_bytes(), "hex");
}

#[test]
fn a_planted_secret_is_found_in_base64_at_every_alignment() {
    for before in 0..6 {
        for after in 0..3 {
            let text = [&vec![b'x'; before], SECRET, &vec![b'y'; after]].concat();
            assert_found(STANDARD.encode(&text).as_bytes(), "base64");
            assert_found(STANDARD_NO_PAD.encode(&text).as_bytes(), "base64");
            assert_found(URL_SAFE.encode(&text).as_bytes(), "base64url");
            assert_found(URL_SAFE_NO_PAD.encode(&text).as_bytes(), "base64url");
        }
    }
}

#[test]
fn a_planted_secret_is_found_when_a_logger_escaped_it() {
    let folder = output_folder("escaped").unwrap();
    let secret = "line one\nline \"two\"\\";
    let line = serde_json::json!({ "message": format!("got {secret}") }).to_string();
    assert!(!line.contains(secret), "the raw form must not be there, or this test shows nothing");
    fs::write(folder.path().join("output.json"), line).unwrap();
    let hits = scan(&[secret.as_bytes().to_vec()], &[folder.path().to_path_buf()]).unwrap();
    assert_eq!(hits.first().map(|hit| hit.form), Some("escaped"));
}

#[test]
fn a_secret_across_the_borders_of_buffers_is_found() {
    let mut text = vec![b'.'; 200_000];
    for at in [65_530, 131_065] {
        text[at..at + SECRET.len()].copy_from_slice(SECRET);
        assert_eq!(plant(&text).len(), 1);
        text[at] = b'.';
        assert_eq!(plant(&text), []);
    }
}

#[test]
fn a_report_names_the_place_and_never_the_secret() {
    let hits = plant(&[b"password=", SECRET].concat());
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].offset, 9);
    let report = hits[0].to_string();
    assert!(report.contains("output.log at byte 9: secret number 1 as raw"), "{report}");
    assert!(!report.contains("pass"), "{report}");
}

#[test]
fn an_output_that_is_gone_is_an_error_and_not_clean() {
    let folder = output_folder("gone").unwrap();
    let values = [SECRET.to_vec()];
    assert!(scan(&values, &[folder.path().to_path_buf()]).is_ok());
    assert!(scan(&values, &[folder.path().join("gone.log")]).is_err());
}
