//! Every detail of a status, and nothing that does not belong there.

use super::*;
use domain::estate::Document;

fn details(complaint: &Complaint) -> (Status, ErrorDetails) {
    let status = complaint.status();
    let details = status.get_error_details();
    (status, details)
}

#[test]
fn every_reason_has_a_code_a_name_a_link_and_a_next_step() {
    for reason in Reason::ALL {
        let (status, details) = details(&Denial::new(*reason, "it is so").into());
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.code(), "leasehold"));
        assert_eq!(status.code(), code(reason.class()));
        assert_eq!(status.message(), format!("it is so; {}", reason.next_step()));
        let link = &details.help().unwrap().links[0].url;
        assert_eq!(*link, format!("docs/reasons.md#{}", reason.code().to_lowercase()));
        let retry = details.retry_info().and_then(|retry| retry.retry_delay).unwrap_or_default();
        assert_eq!(retry.as_secs(), u64::from(reason.retry_after_seconds()));
        assert_eq!(details.precondition_failure().is_some(), reason.class() == Class::FailedPrecondition);
        assert!(details.bad_request().is_none());
    }
}

#[test]
fn a_denial_of_a_field_names_it() {
    let (status, details) = details(&Denial::of_field("window", "must be 10s to 24h").into());
    assert_eq!(status.message(), "window: must be 10s to 24h; correct the named field");
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
    assert_eq!((violations[0].field.as_str(), violations[0].description.as_str()), ("window", "must be 10s to 24h"));
}

#[test]
fn ids_travel_as_metadata() {
    let denial = Denial::new(Reason::AlreadyIssued, "served before").naming("lease", "lease-1");
    let (_, details) = details(&Complaint::from(denial).with_incident("00ff"));
    let mut ids: Vec<_> = details.error_info().unwrap().metadata.clone().into_iter().collect();
    ids.sort();
    assert_eq!(ids, [("incident".into(), "00ff".into()), ("lease".into(), "lease-1".into())]);
}

#[test]
fn every_mistake_of_an_estate_is_one_violation() {
    assert!(Document::parse("").is_ok());
    let mistakes = Document::parse("[team.a]\nmembers = [\"x\"]\n[team.b]\nmember = []\n").unwrap_err();
    let told = mistakes.told().len();
    assert!(told > 1);
    let (status, details) = details(&Complaint::from(mistakes));
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(details.error_info().unwrap().reason, "ESTATE_INVALID");
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), told);
    assert!(violations.iter().all(|it| it.field.starts_with("document.team.") && it.description.contains("line ")));
}
