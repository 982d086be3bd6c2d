//! What is to be exported, and what is to be erased.

use super::fields::{invalid, lease_id, name, task_id, text};
use domain::base::Time;
use domain::reason::Denial;
use domain::state::limits;
use prost_types::Timestamp;
use proto::v1;
use services::erase::Erasure;
use services::export::{Choice, Selection};

/// Most fields in one request.
const FIELDS_MAX: usize = 16;
/// Longest name of a field, in bytes.
const FIELD_BYTES_MAX: usize = 64;

/// What to export.
pub(in crate::grpc) fn choice(message: v1::ExportRequest) -> Result<Choice, Denial> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let from = message.from_time.map(|time| time_of("from_time", &time)).transpose()?;
    let to = message.to_time.map(|time| time_of("to_time", &time)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(invalid("to_time", "must be after from_time"));
    }
    fields("opening_fields", &message.opening_fields)?;
    let chosen =
        |text: String, field: &str| given(text).map(|text| name(field, &text).map(|name| name.to_string())).transpose();
    let selection = Selection {
        agent: chosen(message.agent, "agent")?,
        credential: chosen(message.credential, "credential")?,
        from: from.map(|time| time.to_string()),
        lease: given(message.lease_id).map(|id| lease_id(&id).map(|id| id.to_string())).transpose()?,
        task: given(message.task_id).map(|id| task_id(&id).map(|id| id.to_string())).transpose()?,
        to: to.map(|time| time.to_string()),
    };
    let selection = Some(selection).filter(|selection| *selection != Selection::default());
    Ok(Choice { selection, opening_fields: message.opening_fields, period: (from, to) })
}

/// What was looked for, in words for the log.
pub(in crate::grpc) fn target(selection: &Selection) -> String {
    let Selection { agent, credential, from, lease, task, to } = selection;
    let named = |word: &str, text: &Option<String>| text.as_ref().map(|text| format!("{word} {text}"));
    let words = [
        named("task", task),
        named("lease", lease),
        named("agent", agent),
        named("credential", credential),
        named("from", from),
        named("to", to),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What to erase.
pub(in crate::grpc) fn erasure(message: v1::EraseOpeningRequest) -> Result<Erasure, Denial> {
    if message.fields.is_empty() {
        return Err(invalid("fields", "must name at least one commitment of the entry"));
    }
    fields("fields", &message.fields)?;
    text("justification", &message.justification, 0..=limits::TEXT_BYTES_MAX)?;
    let mut fields = message.fields;
    fields.sort_unstable();
    fields.dedup();
    let justification = Some(message.justification).filter(|text| !text.is_empty());
    Ok(Erasure { index: message.index, fields, justification })
}

/// What came of it.
pub(in crate::grpc) fn erased(done: bool) -> v1::EraseOpeningResponse {
    let state = if done { v1::ErasureState::Erased } else { v1::ErasureState::Requested };
    v1::EraseOpeningResponse { state: state.into() }
}

fn fields(field: &str, names: &[String]) -> Result<(), Denial> {
    if names.len() > FIELDS_MAX {
        return Err(invalid(field, format!("must be at most {FIELDS_MAX}")));
    }
    names.iter().enumerate().try_for_each(|(at, name)| text(&format!("{field}[{at}]"), name, 1..=FIELD_BYTES_MAX))
}

fn time_of(field: &str, time: &Timestamp) -> Result<Time, Denial> {
    let micros =
        time.seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_add(i64::from(time.nanos) / 1_000));
    let in_range = (0..1_000_000_000).contains(&time.nanos) && (0..=SECONDS_MAX).contains(&time.seconds);
    micros.filter(|_| in_range).map(Time::from_unix_micros).ok_or_else(|| invalid(field, "must be from 1970 to 9999"))
}

/// 9999-12-31T23:59:59Z.
const SECONDS_MAX: i64 = 253_402_300_799;
