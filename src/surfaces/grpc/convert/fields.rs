//! Room two, parse: the fields that many messages share. Whatever is malformed or out of bounds is
//! refused with the path of the field; an id that is no id looks like one that is unknown.

use domain::base::{LeaseId, Name, RequestId, Span, TaskId};
use domain::reason::{Denial, Reason};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// A denial of one field.
pub(in crate::grpc) fn invalid(field: &str, sentence: impl Display) -> Denial {
    Denial::of_field(field, sentence.to_string())
}

/// The caller's name for a changing call.
pub(in crate::grpc) fn request_id(text: &str) -> Result<RequestId, Denial> {
    let no = |no| Denial { field: Some("request_id".into()), ..Denial::new(Reason::RequestIdInvalid, format!("{no}")) };
    RequestId::parse(text).map_err(no)
}

/// A task.
pub(in crate::grpc) fn task_id(text: &str) -> Result<TaskId, Denial> {
    TaskId::parse(text).map_err(|_| Denial::not_found())
}

/// A lease.
pub(in crate::grpc) fn lease_id(text: &str) -> Result<LeaseId, Denial> {
    LeaseId::parse(text).map_err(|_| Denial::not_found())
}

/// A name of the estate.
pub(in crate::grpc) fn name(field: &str, text: &str) -> Result<Name, Denial> {
    Name::parse(text).map_err(|no| invalid(field, no))
}

/// Free text for people: no control characters but line breaks, and none of the marks that turn
/// text around, which could show an approver something else.
pub(in crate::grpc) fn text(field: &str, text: &str, bytes: RangeInclusive<usize>) -> Result<(), Denial> {
    if !bytes.contains(&text.len()) {
        return Err(invalid(field, format!("must be {} to {} bytes", bytes.start(), bytes.end())));
    }
    let turns =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    match text.chars().find(|c| (c.is_control() && *c != '\n') || turns(*c)) {
        None => Ok(()),
        Some(c) => Err(invalid(field, format!("must be plain text, without {}", c.escape_unicode()))),
    }
}

/// A duration in whole milliseconds within bounds; `None` if it is not set.
pub(in crate::grpc) fn span(
    field: &str,
    duration: Option<&prost_types::Duration>,
    bounds: RangeInclusive<Span>,
) -> Result<Option<Span>, Denial> {
    let Some(duration) = duration else { return Ok(None) };
    let outside = || invalid(field, format!("must be {} to {}", bounds.start(), bounds.end()));
    let seconds = u64::try_from(duration.seconds).map_err(|_| outside())?;
    let nanos = u32::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(outside)?;
    let span = Span::from_millis(seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000)));
    if bounds.contains(&span) { Ok(Some(span)) } else { Err(outside()) }
}

#[cfg(test)]
mod tests;
