//! The forms in which a secret may leak. Base64 of a longer text that holds the secret depends on how
//! many bytes stand before it, modulo three; of each alignment we look for the characters that do not
//! depend on its neighbours, which are the same with and without padding.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt::Write as _;

/// One spelling of a secret.
pub(super) struct Form {
    /// For the report.
    pub(super) name: &'static str,
    /// What to look for.
    pub(super) bytes: Vec<u8>,
}

/// All spellings of `value`, without doubles.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let hex = hex(value);
    let mut forms = vec![
        Form { name: "raw", bytes: value.to_vec() },
        Form { name: "hex", bytes: hex.to_uppercase().into_bytes() },
        Form { name: "hex", bytes: hex.into_bytes() },
    ];
    if let Some(bytes) = escaped(value) {
        forms.push(Form { name: "escaped", bytes });
    }
    for before in 0..3 {
        forms
            .push(Form { name: "base64", bytes: core(&STANDARD_NO_PAD.encode(shifted(value, before)), value, before) });
        forms.push(Form {
            name: "base64url",
            bytes: core(&URL_SAFE_NO_PAD.encode(shifted(value, before)), value, before),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    forms.retain(|form| seen.insert(form.bytes.clone()));
    forms
}

/// Lower-case hex.
pub(super) fn hex(value: &[u8]) -> String {
    value.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// As JSON and Rust's `Debug` write text with quotes, backslashes and line ends.
fn escaped(value: &[u8]) -> Option<Vec<u8>> {
    let quoted = serde_json::to_string(std::str::from_utf8(value).ok()?).ok()?;
    quoted.strip_prefix('"')?.strip_suffix('"').map(|inner| inner.as_bytes().to_vec())
}

fn shifted(value: &[u8], before: usize) -> Vec<u8> {
    [&vec![0; before], value].concat()
}

/// The characters whose six bits all come from `value`.
fn core(encoded: &str, value: &[u8], before: usize) -> Vec<u8> {
    let first = (8 * before).div_ceil(6);
    let last = 8 * (before + value.len()) / 6;
    encoded.get(first..last).unwrap_or_default().as_bytes().to_vec()
}
