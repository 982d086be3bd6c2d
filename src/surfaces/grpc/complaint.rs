//! How a refusal looks on the wire: `google.rpc.Status` with details. The one place of the server
//! that makes a status; docs/errors.md is printed from it.
//!
//! A complaint carries ids and sentences only, never a payload.

use domain::form::Mistakes;
use domain::reason::{Class, Denial, Reason};
use std::collections::HashMap;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A denial on its way out, with every field that it concerns.
#[derive(Debug)]
pub struct Complaint {
    denial: Denial,
    violations: Vec<(String, String)>,
}

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "leasehold";

impl From<Denial> for Complaint {
    fn from(denial: Denial) -> Self {
        let violations = denial.field.iter().map(|field| (field.clone(), denial.sentence.clone())).collect();
        Self { denial, violations }
    }
}

impl From<Mistakes> for Complaint {
    fn from(mistakes: Mistakes) -> Self {
        let count = mistakes.told().len() + mistakes.untold();
        let first = mistakes.told().first().map(ToString::to_string).unwrap_or_default();
        let sentence = match count {
            1 => format!("the estate has a mistake in {first}"),
            _ => format!("the estate has {count} mistakes, the first in {first}"),
        };
        let field = |path: &str| if path.is_empty() { "document".to_owned() } else { format!("document.{path}") };
        let violations = mistakes.told().iter().map(|mistake| (field(&mistake.path), mistake.to_string())).collect();
        Self { denial: Denial::new(Reason::EstateInvalid, sentence), violations }
    }
}

impl Complaint {
    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.denial.reason
    }

    /// What happened, for our own logs.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.denial.sentence
    }

    /// The same complaint with the id under which our logs tell more.
    #[must_use]
    pub fn with_incident(mut self, incident: &str) -> Self {
        self.denial = self.denial.naming("incident", incident);
        self
    }

    /// What the caller gets.
    #[must_use]
    pub fn status(&self) -> Status {
        let Denial { reason, sentence, field, ids } = &self.denial;
        let metadata: HashMap<String, String> = ids.iter().map(|(key, id)| ((*key).to_owned(), id.clone())).collect();
        let mut details = ErrorDetails::with_error_info(reason.code(), DOMAIN, metadata);
        for (field, description) in &self.violations {
            details.add_bad_request_violation(field, description);
        }
        if reason.class() == Class::FailedPrecondition {
            let subject = ids.first().map(|(_, id)| id.as_str()).unwrap_or_default();
            details.add_precondition_failure_violation(reason.code(), subject, sentence);
        }
        if reason.retry_after_seconds() > 0 {
            details.set_retry_info(Some(Duration::from_secs(reason.retry_after_seconds().into())));
        }
        details.add_help_link("what it means and what to do", help(*reason));
        let place = field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        let message = format!("{place}{sentence}; {}", reason.next_step());
        Status::with_error_details(code(reason.class()), message, details)
    }
}

/// The row of a reason in the docs.
fn help(reason: Reason) -> String {
    format!("docs/reasons.md#{}", reason.code().to_lowercase())
}

/// The status code of a class.
#[must_use]
pub const fn code(class: Class) -> Code {
    match class {
        Class::Unauthenticated => Code::Unauthenticated,
        Class::InvalidArgument => Code::InvalidArgument,
        Class::NotFound => Code::NotFound,
        Class::PermissionDenied => Code::PermissionDenied,
        Class::FailedPrecondition => Code::FailedPrecondition,
        Class::AlreadyExists => Code::AlreadyExists,
        Class::Aborted => Code::Aborted,
        Class::ResourceExhausted => Code::ResourceExhausted,
        Class::Unavailable => Code::Unavailable,
        Class::Internal => Code::Internal,
    }
}

#[cfg(test)]
mod tests;
