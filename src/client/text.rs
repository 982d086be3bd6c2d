//! Small text forms: escaping of untrusted text, lengths of time such as `20m`, RFC 3339 times,
//! short names of enum values, and the nearest known name.
//!
//! Pure. Everything that is shown to a person passes through [`plain`].

use domain::base::{Span, Time};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every control, bidirectional and invisible character written out, so that a
/// stranger's words can neither move the cursor nor hide or reorder other words (CVE-2021-42574).
pub(crate) fn plain(untrusted: &str) -> Cow<'_, str> {
    if !untrusted.chars().any(is_unseen) {
        return Cow::Borrowed(untrusted);
    }
    let mut shown = String::with_capacity(untrusted.len() + 16);
    for c in untrusted.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if is_unseen(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// JSON text in which unseen characters are written as `\uXXXX`: the same document, safe on a terminal.
pub(crate) fn plain_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Reads `90s`, `20m`, `2h`, `1d` or a sum such as `1h30m`.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let bad = || format!("\"{}\" is not a length of time; write it like 90s, 20m or 1h30m", plain(text));
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit = tail.chars().next().ok_or_else(bad)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        seconds = number.checked_mul(factor).and_then(|part| seconds.checked_add(part)).ok_or_else(bad)?;
        rest = tail.split_at(unit.len_utf8()).1;
    }
    if seconds == 0 || seconds > SPAN_SECONDS_MAX { Err(bad()) } else { Ok(Span::from_seconds(seconds)) }
}

/// A span as the wire carries it.
pub(crate) fn wire_span(span: Span) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(span.seconds()).unwrap_or(i64::MAX), nanos: 0 }
}

/// A span from the wire; negative lengths, which no broker sends, become zero.
pub(crate) fn span_of(wire: &prost_types::Duration) -> Span {
    let seconds = Span::from_seconds(u64::try_from(wire.seconds).unwrap_or(0));
    match u64::try_from(wire.nanos) {
        Ok(nanos) if nanos >= 1_000_000 => Span::from_millis(seconds.seconds() * 1_000 + nanos / 1_000_000),
        _ => seconds,
    }
}

/// Reads a day, its beginning in UTC, or an RFC 3339 time.
pub(crate) fn instant(text: &str) -> Result<Time, String> {
    let whole = if text.len() == DAY_CHARACTERS { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let stamp: Result<jiff::Timestamp, _> = whole.parse();
    let bad = |_| format!("\"{}\" is no time; write it like 2026-10-01 or 2026-10-01T08:00:00Z", plain(text));
    stamp.map(|stamp| Time::from_unix_micros(stamp.as_microsecond())).map_err(bad)
}

/// A time as the wire carries it.
pub(crate) fn wire_instant(time: Time) -> prost_types::Timestamp {
    let micros = time.unix_micros().rem_euclid(1_000_000);
    prost_types::Timestamp { seconds: time.unix_seconds(), nanos: i32::try_from(micros * 1_000).unwrap_or_default() }
}

const DAY_CHARACTERS: usize = 10;

/// RFC 3339, UTC, six decimals: the spelling of the log.
pub(crate) fn time(wire: &prost_types::Timestamp) -> String {
    let micros = wire.seconds.saturating_mul(1_000_000).saturating_add(i64::from(wire.nanos) / 1_000);
    Time::from_unix_micros(micros).to_string()
}

/// RFC 3339, UTC, whole seconds: for tables that people read. A dash stands for "not yet".
pub(crate) fn time_short(wire: Option<&prost_types::Timestamp>) -> String {
    let Some(wire) = wire else { return NOTHING.into() };
    let long = time(wire);
    match long.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => long,
    }
}

/// An enum value's name as people write it: `TASK_STATE_ACTIVE` without its prefix, in lower case
/// with dashes. A value that this program does not know is named by its number.
pub(crate) fn short(name: Option<&'static str>, prefix: &str, number: i32) -> String {
    let Some(name) = name else { return format!("unknown-{number}") };
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}

/// The nearest of the known names, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|name| (strsim::jaro_winkler(word, name), *name));
    near.filter(|(likeness, _)| *likeness > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// One word for an empty cell.
pub(crate) const NOTHING: &str = "-";

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Longer than anything the API takes, short enough never to overflow.
const SPAN_SECONDS_MAX: u64 = 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_left_alone_and_harmful_text_is_written_out() {
        assert_eq!(plain("Rechnungen prüfen: 2026-10 ✓"), "Rechnungen prüfen: 2026-10 ✓");
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(plain("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(plain("\u{9b}31m \u{7f}"), "\\u{9b}31m \\u{7f}");
        assert_eq!(plain_json("{\n \"a\": \"x\u{202e}\u{e0001}\"\n}"), "{\n \"a\": \"x\\u202e\\udb40\\udc01\"\n}");
    }

    #[test]
    fn lengths_of_time_are_read_strictly() {
        for (text, seconds) in [("90s", 90), ("20m", 1_200), ("1h30m", 5_400), ("1d", 86_400)] {
            assert_eq!(span(text), Ok(Span::from_seconds(seconds)), "{text}");
        }
        for text in ["", "20", "m", "20 m", "-5s", "0s", "1w", "99999999999999999999s", "367d", "1.5h", "5µ"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_wire_and_the_text_agree() {
        assert_eq!(span_of(&wire_span(Span::from_seconds(1_200))), Span::from_seconds(1_200));
        assert_eq!(span_of(&prost_types::Duration { seconds: 1, nanos: 500_000_000 }), Span::from_millis(1_500));
        let stamp = prost_types::Timestamp { seconds: 1_795_255_000, nanos: 1_000 };
        assert_eq!(time(&stamp), "2026-11-21T09:56:40.000001Z");
        assert_eq!(time_short(Some(&stamp)), "2026-11-21T09:56:40Z");
        assert_eq!(time_short(None), "-");
    }

    #[test]
    fn names_are_shortened_and_slips_are_recognised() {
        assert_eq!(short(Some("TASK_STATE_ACTIVE"), "TASK_STATE_", 3), "active");
        assert_eq!(short(None, "TASK_STATE_", 9), "unknown-9");
        assert_eq!(nearest("purpse", &["agent", "purpose", "window"]), Some("purpose"));
        assert_eq!(nearest("zzz", &["agent", "purpose", "window"]), None);
    }
}
