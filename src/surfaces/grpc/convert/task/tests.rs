//! Each bad input of a task is refused with the path of its field.

use super::*;
use domain::reason::Reason;

fn good() -> v1::RequestTaskRequest {
    v1::RequestTaskRequest {
        request_id: String::new(),
        agent: "billing-bot".into(),
        purpose: "reconcile invoices".into(),
        purpose_code: String::new(),
        credentials: vec!["ledger-ro".into(), "api-key".into()],
        window: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
    }
}

fn wrong(change: impl FnOnce(&mut v1::RequestTaskRequest)) -> String {
    let mut message = good();
    change(&mut message);
    let denial = TaskAsked::parse(message).unwrap_err();
    assert_eq!(denial.reason, Reason::FieldInvalid);
    denial.field.unwrap_or_default()
}

#[test]
fn a_good_request_is_read_whole() {
    let asked = TaskAsked::parse(good()).unwrap();
    assert_eq!((asked.agent.as_str(), asked.purpose.as_str()), ("billing-bot", "reconcile invoices"));
    assert_eq!((asked.purpose_code.as_str(), asked.window_seconds), ("unspecified", 600));
    let names: Vec<_> = asked.credentials.iter().map(Name::as_str).collect();
    assert_eq!(names, ["api-key", "ledger-ro"], "ascending");
}

#[test]
fn a_bad_field_is_named() {
    let window = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    assert_eq!(wrong(|it| it.agent = "Billing".into()), "agent");
    assert_eq!(wrong(|it| it.purpose = String::new()), "purpose");
    assert_eq!(wrong(|it| it.purpose = "x".repeat(1_001)), "purpose");
    assert_eq!(wrong(|it| it.purpose_code = "Invoices".into()), "purpose_code");
    assert_eq!(wrong(|it| it.purpose_code = "a".repeat(65)), "purpose_code");
    assert_eq!(wrong(|it| it.credentials.clear()), "credentials");
    assert_eq!(wrong(|it| it.credentials = (0..17).map(|at| format!("c{at}")).collect()), "credentials");
    assert_eq!(wrong(|it| it.credentials.push("ledger_ro".into())), "credentials[2]");
    assert_eq!(wrong(|it| it.credentials.push("ledger-ro".into())), "credentials[2]");
    assert_eq!(wrong(|it| it.window = None), "window");
    assert_eq!(wrong(|it| it.window = window(9)), "window");
    assert_eq!(wrong(|it| it.window = window(24 * 3_600 + 1)), "window");
}

#[test]
fn a_yes_and_a_no_keep_their_bounds() {
    let task = "task-0193d1a0-0000-7000-8000-000000000001";
    let yes = |digest: &str, seconds: i64| {
        let valid_for = Some(prost_types::Duration { seconds, nanos: 0 });
        let (request_id, request_digest) = (String::new(), digest.into());
        approval(v1::ApproveTaskRequest { request_id, task_id: task.into(), request_digest, valid_for })
    };
    assert!(yes("d", 1).is_ok() && yes("d", 24 * 3_600).is_ok());
    assert_eq!(yes("", 1).unwrap_err().field.as_deref(), Some("request_digest"));
    for seconds in [0, 24 * 3_600 + 1] {
        assert_eq!(yes("d", seconds).unwrap_err().field.as_deref(), Some("valid_for"));
    }
    assert_eq!(end(task, String::new()).unwrap().justification, None);
    assert_eq!(end(task, "no".into()).unwrap().justification.as_deref(), Some("no"));
    assert_eq!(end(task, "x".repeat(1_001)).unwrap_err().field.as_deref(), Some("justification"));
    assert_eq!(end("task-1", String::new()).unwrap_err(), Denial::not_found());
}

#[test]
fn a_filter_names_open_states_only() {
    assert!(TaskFilter::parse("state=active AND agent=billing-bot").is_ok());
    for bad in ["state=gone", "state=Active", "agent=", "subject=x"] {
        assert_eq!(TaskFilter::parse(bad).unwrap_err().field.as_deref(), Some("filter"), "{bad}");
    }
}
