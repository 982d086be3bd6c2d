//! Why a verb did not do what was asked, and the next step. The one place that reads the details
//! of a gRPC status (`google.rpc`) and that words errors of the command line.
//!
//! A complaint never carries a secret: it is made of statuses, ids, file names and usage only.

use super::globals::Target;
use super::text::plain;
use domain::base::Span;
use domain::reason::Reason;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;
use tonic::{Code, ConnectError, Status};
use tonic_types::StatusExt as _;

/// A failure, worded for the person or script that called.
#[derive(Debug)]
pub struct Complaint(Box<Particulars>);

/// What every function of this floor returns.
pub(crate) type Result<T> = std::result::Result<T, Complaint>;

#[derive(Debug, Default)]
struct Particulars {
    what: String,
    next_step: String,
    code: Option<Code>,
    reason: Option<String>,
    fields: Vec<(String, String)>,
    ids: Vec<(String, String)>,
    retry_after: Option<Duration>,
    help: Option<String>,
    exit_code: u8,
    reader_left: bool,
}

impl Complaint {
    /// Something failed or was refused: exit code 1.
    pub(crate) fn failed(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (what, next_step) = (what.into(), next_step.into());
        Self(Box::new(Particulars { what, next_step, exit_code: FAILED, ..Particulars::default() }))
    }

    /// The command line or a file was not understood: exit code 2.
    pub fn usage(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (what, next_step) = (what.into(), next_step.into());
        Self(Box::new(Particulars { what, next_step, exit_code: USAGE, ..Particulars::default() }))
    }

    /// A file could not be read or written.
    pub fn file(deed: &str, path: &std::path::Path, error: &io::Error, next_step: &str) -> Self {
        Self::usage(format!("cannot {deed} {}: {error}", path.display()), next_step)
    }

    /// Standard output could not be written. A reader that left (`| head`) is no failure.
    pub(crate) fn writing(error: io::Error) -> Self {
        let reader_left = error.kind() == io::ErrorKind::BrokenPipe;
        let mut complaint = Self::failed(format!("cannot write the output: {error}"), "check where the output goes");
        complaint.0.reader_left = reader_left;
        complaint.0.exit_code = if reader_left { 0 } else { FAILED };
        complaint
    }

    /// Something that cannot happen.
    pub(crate) fn bug(error: impl fmt::Display) -> Self {
        Self::failed(format!("this program is at fault: {error}"), "report it with the command line that led here")
    }

    /// The broker answered with a status, or no answer came.
    pub(crate) fn of_status(doing: &str, status: &Status, target: &Target) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info() else { return Self::without_details(doing, status, target) };
        let reason = Reason::from_code(&info.reason);
        let next_step = reason.map_or_else(|| next_step_by_code(status.code()), Reason::next_step);
        let mut ids: Vec<(String, String)> = info.metadata.clone().into_iter().collect();
        ids.sort();
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        Self(Box::new(Particulars {
            what: format!("cannot {doing}: {}", without(status.message(), next_step)),
            next_step: next_step.to_owned(),
            code: Some(status.code()),
            reason: Some(info.reason.clone()),
            fields: fields.iter().map(|field| (field.field.clone(), field.description.clone())).collect(),
            ids,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            help: details.help().and_then(|help| help.links.first()).map(|link| link.url.clone()),
            exit_code: FAILED,
            reader_left: false,
        }))
    }

    /// No connection came about.
    pub(crate) fn of_connection(error: &(dyn Error + 'static), target: &Target) -> Self {
        let mut complaint = Self::failed(
            format!("cannot reach the broker: {}", chain(error)),
            "check that the broker runs there (LEASEHOLD_ADDRESS), that this is its SPIFFE ID (LEASEHOLD_BROKER_ID) \
             and that the Workload API answers at the socket (SPIFFE_ENDPOINT_SOCKET)",
        );
        complaint.0.code = Some(Code::Unavailable);
        complaint.0.ids = vec![
            ("address".into(), target.address.clone()),
            ("broker id".into(), target.broker_id.to_string()),
            ("socket".into(), target.socket.clone()),
        ];
        complaint
    }

    fn without_details(doing: &str, status: &Status, target: &Target) -> Self {
        match (status.code(), status.source()) {
            (Code::Cancelled | Code::DeadlineExceeded, _) => {
                let what = format!("cannot {doing}: no answer in time ({})", status.message());
                let mut complaint = Self::failed(what, next_step_by_code(Code::DeadlineExceeded));
                complaint.0.code = Some(status.code());
                complaint
            }
            (_, Some(source)) if was_cut(source) => {
                let what = format!("cannot {doing}: the broker at {} left before it answered", target.address);
                let mut complaint = Self::failed(
                    what,
                    "ask again once it is back (leasehold status): what it had begun it closes or ends by itself \
                     (leasehold lease list)",
                );
                complaint.0.code = Some(Code::Unavailable);
                complaint
            }
            (_, Some(source)) => Self::of_connection(source, target),
            (code, None) => {
                let mut complaint =
                    Self::failed(format!("cannot {doing}: {}", status.message()), next_step_by_code(code));
                complaint.0.code = Some(code);
                complaint
            }
        }
    }

    /// The reason, if the broker gave one that this program knows.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.0.reason.as_deref().and_then(Reason::from_code)
    }

    /// One id that the broker named with its reason.
    pub(crate) fn id(&self, name: &str) -> Option<&str> {
        self.0.ids.iter().find(|(key, _)| key == name).map(|(_, id)| id.as_str())
    }

    /// Whether it says that a task needs no more ending.
    pub(crate) fn says_task_is_over(&self) -> bool {
        matches!(
            self.reason(),
            Some(Reason::TaskNotActive | Reason::TaskWindowOver | Reason::TaskDecided | Reason::NotFound)
        )
    }

    /// The same with another exit code, for verbs that pass one through.
    pub(crate) fn with_exit_code(mut self, exit_code: u8) -> Self {
        self.0.exit_code = exit_code;
        self
    }

    /// Whether this field, or a part of it, was refused.
    pub(crate) fn concerns_field(&self, name: &str) -> bool {
        self.0.fields.iter().any(|(path, _)| path.split(['.', '[']).next() == Some(name))
    }

    /// 1 for failed or denied, 2 for usage; 0 if only the reader of the output has left.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code
    }

    /// All of it as lines for a person; empty if only the reader of the output has left.
    #[must_use]
    pub fn text(&self) -> String {
        let it = &self.0;
        if it.reader_left {
            return String::new();
        }
        let mut text = self.to_string();
        let mut fact = |name: &str, value: &str| text.push_str(&format!("\n  {}: {}", plain(name), plain(value)));
        it.fields.iter().for_each(|(path, why)| fact(&format!("field {path}"), why));
        it.ids.iter().for_each(|(name, id)| fact(name, id));
        if let Some(after) = it.retry_after {
            fact("try again after", &span(after).to_string());
        }
        fact("next step", &it.next_step);
        if let Some(help) = &it.help {
            fact("more", help);
        }
        text
    }

    /// The same as one line of JSON: `{"error": {…}}`.
    #[must_use]
    pub fn json(&self) -> String {
        let it = &self.0;
        let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
            pairs.iter().map(|(key, value)| (key.replace(' ', "_"), Value::from(value.as_str()))).collect()
        };
        let value = json!({ "error": {
            "message": it.what,
            "code": it.code.map(code_name),
            "reason": it.reason,
            "fields": pairs(&it.fields),
            "ids": pairs(&it.ids),
            "retry_after": it.retry_after.map(|after| span(after).to_string()),
            "retry_after_seconds": it.retry_after.map(|after| after.as_secs()),
            "next_step": it.next_step,
            "help": it.help,
        }});
        super::text::plain_json(&value.to_string())
    }
}

/// What to print on standard error for an error of any floor, and the exit code that goes with it.
#[must_use]
pub fn explain(error: &anyhow::Error, json: bool) -> (String, u8) {
    match error.downcast_ref::<Complaint>() {
        Some(complaint) if complaint.0.reader_left => (String::new(), 0),
        Some(complaint) if json => (complaint.json(), complaint.exit_code()),
        Some(complaint) => (format!("leasehold: {}", complaint.text()), complaint.exit_code()),
        None => {
            let complaint = Complaint::failed(chain(error.as_ref()), "correct what the message names, then try again");
            let text = if json { complaint.json() } else { format!("leasehold: {}", complaint.text()) };
            (text, FAILED)
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.0.what))?;
        match &self.0.reason {
            Some(reason) => write!(f, " ({})", plain(reason)),
            None => Ok(()),
        }
    }
}

impl Error for Complaint {}

/// The message of a status ends with its next step, for clients that show nothing else; here that
/// has a line of its own.
fn without<'a>(message: &'a str, next_step: &str) -> &'a str {
    message.strip_suffix(next_step).map_or(message, |rest| rest.trim_end_matches([';', ' ']))
}

/// The sentences of an error and its causes, each once, from the outside in.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let sentence = error.to_string();
        if !sentences.iter().any(|said| said.contains(&sentence)) {
            sentences.push(sentence);
        }
        next = error.source();
    }
    sentences.join(": ")
}

fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Whether a connection that stood was cut, other than one that never came about.
fn was_cut(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<ConnectError>() {
            return false;
        }
        next = error.source();
    }
    true
}

fn next_step_by_code(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "check your identity: is the Workload API's socket the right one?",
        Code::InvalidArgument | Code::OutOfRange => "correct what the message names",
        Code::NotFound => "check the id; what is not yours looks as if it did not exist",
        Code::PermissionDenied => "ask an operator which role this call needs",
        Code::FailedPrecondition => "look at the present state first (task show, lease show)",
        Code::AlreadyExists => "look at what exists (task list, lease list)",
        Code::Aborted => "start again: nothing usable is left of this attempt",
        Code::ResourceExhausted => "try again later, or end what is no longer needed",
        Code::Unavailable => "try again when the broker is back (leasehold status)",
        Code::DeadlineExceeded | Code::Cancelled => "look at what came of it (task list, lease list), then try again",
        Code::Unimplemented => "use a client and a broker of the same version (leasehold status)",
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            "report the message; the broker's logs have the rest"
        }
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

#[cfg(test)]
mod tests;
