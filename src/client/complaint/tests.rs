//! Complaints are worded as people read them.

use super::*;
use domain::base::SpiffeId;
use std::collections::HashMap;
use tonic_types::ErrorDetails;

fn target() -> Target {
    Target {
        address: "127.0.0.1:8443".into(),
        broker_id: SpiffeId::parse("spiffe://example.org/leasehold").unwrap(),
        socket: "unix:///run/agent.sock".into(),
    }
}

fn status(code: Code, reason: &str, message: &str, more: impl FnOnce(&mut ErrorDetails)) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "leasehold", HashMap::from([("task_id".to_owned(), "task-1".to_owned())]));
    more(&mut details);
    Status::with_error_details(code, message, details)
}

#[test]
fn a_denial_says_what_why_and_the_next_step() {
    let message = "you requested it; ask another person who may decide on it: nobody decides on their own request";
    let status = status(Code::PermissionDenied, "SELF_APPROVAL", message, |details| {
        details.add_help_link("the reason", "https://example.org/docs#self-approval");
    });
    let complaint = Complaint::of_status("approve the task", &status, &target());
    assert_eq!(
        complaint.text(),
        "cannot approve the task: you requested it (SELF_APPROVAL)\n  task_id: task-1\n  next step: \
         ask another person who may decide on it: nobody decides on their own request\n  more: \
         https://example.org/docs#self-approval"
    );
    assert_eq!(complaint.exit_code(), 1);
    assert_eq!(complaint.reason(), Some(Reason::SelfApproval));
    let json: Value = serde_json::from_str(&complaint.json()).unwrap();
    assert_eq!(json["error"]["code"], "PERMISSION_DENIED");
    assert_eq!(json["error"]["reason"], "SELF_APPROVAL");
    assert_eq!(json["error"]["ids"]["task_id"], "task-1");
}

#[test]
fn fields_and_waiting_times_are_told() {
    let status = status(Code::InvalidArgument, "FIELD_INVALID", "the window is too long", |details| {
        details.add_bad_request_violation("window", "at most 24h\u{1b}[2J");
        details.set_retry_info(Some(Duration::from_millis(1_500)));
    });
    let complaint = Complaint::of_status("request the task", &status, &target());
    let text = complaint.text();
    assert!(text.contains("\n  field window: at most 24h\\u{1b}[2J\n"), "{text}");
    assert!(text.contains("try again after: 1500ms"), "{text}");
    assert!(complaint.concerns_field("window"));
    assert!(!complaint.concerns_field("win"));
}

#[test]
fn a_reason_of_a_newer_broker_still_ends_with_a_next_step() {
    let status = status(Code::FailedPrecondition, "SOMETHING_NEW", "not now", |_| {});
    let complaint = Complaint::of_status("renew the lease", &status, &target());
    assert_eq!(complaint.reason(), None);
    assert!(complaint.text().contains("(SOMETHING_NEW)"), "{}", complaint.text());
    assert!(complaint.text().contains("next step: look at the present state first"), "{}", complaint.text());
}

#[test]
fn no_connection_names_what_was_tried() {
    let mut status = Status::unavailable("transport error");
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    status.set_source(std::sync::Arc::new(ConnectError(Box::new(refused))));
    let text = Complaint::of_status("read the status", &status, &target()).text();
    for part in ["connection refused", "127.0.0.1:8443", "spiffe://example.org/leasehold", "unix:///run/agent.sock"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let plain = Status::unavailable("shutting down");
    let text = Complaint::of_status("read the status", &plain, &target()).text();
    assert!(text.starts_with("cannot read the status: shutting down"), "{text}");
}

#[test]
fn every_code_has_a_next_step_and_a_name() {
    for number in 0..=16 {
        let code = Code::from_i32(number);
        assert!(!next_step_by_code(code).is_empty());
        assert_eq!(code_name(code).to_lowercase().replace('_', ""), format!("{code:?}").to_lowercase());
    }
}

#[test]
fn a_reader_that_left_is_no_failure() {
    let left = anyhow::Error::new(Complaint::writing(io::ErrorKind::BrokenPipe.into()));
    assert_eq!(explain(&left, false), (String::new(), 0));
    let full = anyhow::Error::new(Complaint::writing(io::ErrorKind::StorageFull.into()));
    assert_eq!(explain(&full, false).1, 1);
    let foreign = anyhow::anyhow!("inner").context("outer");
    assert_eq!(
        explain(&foreign, false).0,
        "leasehold: outer: inner\n  next step: correct what the message names, then try again"
    );
}

#[test]
fn a_broker_that_leaves_in_the_middle_is_told_from_one_that_was_never_there() {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "peer closed connection: https://docs.example/");
    let told = |status: Status| Complaint::of_status("issue a secret", &status, &target()).text();
    let left = told(Status::from_error(Box::new(cut())));
    assert!(left.contains("left before it answered") && left.contains("leasehold lease list"), "{left}");
    assert!(!left.contains("docs.example"), "{left}");
    let never = told(Status::from_error(Box::new(ConnectError(Box::new(cut())))));
    assert!(never.contains("cannot reach the broker") && never.contains("LEASEHOLD_ADDRESS"), "{never}");
}
