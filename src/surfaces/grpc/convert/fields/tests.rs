//! Each bound of a shared field, on both of its sides.

use super::*;
use prost_types::Duration;

fn field(denial: Denial) -> (Reason, String) {
    (denial.reason, denial.field.unwrap_or_default())
}

#[test]
fn a_request_id_is_a_random_uuid() {
    assert!(request_id("7f1b4c1e-6a52-4a53-9a4e-0d5f3a1c2b7d").is_ok());
    for bad in ["", "1", "00000000-0000-0000-0000-000000000000", "7F1B4C1E-6A52-4A53-9A4E-0D5F3A1C2B7D"] {
        let denied = request_id(bad).err().map(field);
        assert_eq!(denied, Some((Reason::RequestIdInvalid, "request_id".into())), "{bad}");
    }
}

#[test]
fn an_id_that_is_none_looks_like_an_unknown_one() {
    assert!(task_id("task-0193d1a0-0000-7000-8000-000000000001").is_ok());
    assert!(lease_id("lease-0193d1a0-0000-7000-8000-000000000001").is_ok());
    for bad in ["", "x", "lease-0193d1a0-0000-7000-8000-00000000000", "task-0193D1A0-0000-7000-8000-000000000001"] {
        assert_eq!(task_id(bad), Err(Denial::not_found()));
        assert_eq!(lease_id(bad), Err(Denial::not_found()));
    }
}

#[test]
fn text_is_plain_and_bounded() {
    let most = "x".repeat(1_000);
    for good in ["x", "two\nlines", "grüße, 請求書", &most] {
        assert_eq!(text("purpose", good, 1..=1_000), Ok(()));
    }
    let too_long = "x".repeat(1_001);
    for bad in ["", &too_long, "\u{1b}[2J", "a\rb", "a\tb", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", "a\u{85}b"] {
        let denied = text("purpose", bad, 1..=1_000).err().map(field);
        assert_eq!(denied, Some((Reason::FieldInvalid, "purpose".into())), "{bad:?}");
    }
}

#[test]
fn a_duration_keeps_its_bounds() {
    let bounds = || Span::from_seconds(5)..=Span::from_seconds(60);
    let read = |seconds, nanos| span("ttl", Some(&Duration { seconds, nanos }), bounds());
    assert_eq!(span("ttl", None, bounds()), Ok(None));
    assert_eq!(read(5, 0), Ok(Some(Span::from_seconds(5))));
    assert_eq!(read(59, 999_999_999), Ok(Some(Span::from_millis(59_999))));
    assert_eq!(read(60, 0), Ok(Some(Span::from_seconds(60))));
    for (seconds, nanos) in
        [(4, 999_999_999), (60, 1_000_000), (-5, 0), (10, -1), (10, 1_000_000_000), (i64::MAX, 0), (i64::MIN, i32::MIN)]
    {
        let denied = read(seconds, nanos).err().map(field);
        assert_eq!(denied, Some((Reason::FieldInvalid, "ttl".into())), "{seconds} s {nanos} ns");
    }
}
