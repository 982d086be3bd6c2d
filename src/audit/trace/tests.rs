//! Traces of the golden log, which holds an entry of each type.

use super::gather::{Found, Gathered};
use super::story::{LeaseEnd, Story};
use super::*;
use crate::bundle::Line;
use domain::entry::{Entry, Mention};
use std::convert::Infallible;

const GOLDEN: &str = include_str!("../../../docs/evidence/log.bundle");

fn entries() -> Vec<Found> {
    let line = |text: &str| match Line::read(text.as_bytes()).unwrap() {
        Line::Entry(shown, _) => Found::shown(&shown),
        folded => panic!("{folded:?}"),
    };
    GOLDEN.lines().skip(1).map(line).collect()
}

fn gathered(of: &Subject, from: u64, limit: usize) -> Gathered {
    let entries = entries();
    let pass = |each: &mut dyn FnMut(Found)| {
        entries.iter().cloned().for_each(each);
        Ok::<_, Infallible>(())
    };
    let Ok(gathered) = scan::gather(Gathering::new(of, from, limit), pass);
    gathered
}

fn story(of: Subject) -> Story {
    let gathered = gathered(&of, 0, 100);
    Story::tell(of, entries().len() as u64, &gathered)
}

fn leases() -> Vec<LeaseId> {
    let intended = |found: Found| match Entry::read(&found.bytes).unwrap().body {
        Body::LeaseIntended(body) => Some(body.lease),
        _ => None,
    };
    entries().into_iter().filter_map(intended).collect()
}

#[test]
fn a_lease_is_told_from_who_asked_to_its_proven_end() {
    let lease = leases()[0];
    let story = story(Subject::Lease(lease));
    let [task] = story.tasks.as_slice() else { panic!("{story:?}") };
    assert!(task.requested.as_ref().unwrap().by.serial.is_some());
    assert!(task.requested.as_ref().unwrap().opened.contains_key("purpose"));
    assert!(task.entitlement.agent.is_some() && task.entitlement.estate.is_some());
    assert!(task.approvals.iter().all(|told| told.what.binds_this_request == Some(true)) && !task.approvals.is_empty());
    assert_eq!(task.leases.iter().map(|it| it.lease).collect::<Vec<_>>(), [lease]);
    let told = &task.leases[0];
    assert!(told.issued.is_some() && told.credential.is_some());
    assert!(matches!(&told.end.as_ref().unwrap().what, LeaseEnd::Revoked(_)), "{told:?}");
    let text = story.to_string();
    for word in ["identity", "entitlement", "approval", "issuance", "end", "this very request", "-confirmed"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn an_approval_of_another_request_is_told_as_what_it_is() {
    let of = Subject::Lease(leases()[0]);
    let mut gathered = gathered(&of, 0, 100);
    for step in &mut gathered.steps {
        if let Body::TaskApproved(body) = &mut step.entry.body {
            body.digest = domain::base::Digest::of(&[b"another"]);
        }
    }
    let story = Story::tell(of, 1, &gathered);
    assert_eq!(story.tasks[0].approvals[0].what.binds_this_request, Some(false));
    assert!(story.to_string().contains("ANOTHER REQUEST"));
}

#[test]
fn a_task_an_agent_a_credential_and_an_identity_lead_to_the_same_leases() {
    let Body::TaskRequested(asked) = (entries().into_iter())
        .map(|found| Entry::read(&found.bytes).unwrap().body)
        .find(|body| matches!(body, Body::TaskRequested(_)))
        .unwrap()
    else {
        unreachable!()
    };
    let of_task = story(Subject::Task(asked.task));
    assert_eq!(of_task.tasks.len(), 1);
    let lease = of_task.tasks[0].leases[0].lease;
    let credential = of_task.tasks[0].leases[0].intended.as_ref().unwrap().what.credential.clone();
    let holds = |story: &Story| story.tasks.iter().any(|task| task.leases.iter().any(|it| it.lease == lease));
    for subject in [Subject::Agent(asked.agent), Subject::Credential(credential), Subject::SpiffeId(asked.subject)] {
        let story = story(subject);
        assert!(holds(&story), "{story}");
    }
}

#[test]
fn what_an_identity_was_refused_and_whom_it_approved_is_told_besides() {
    let all = entries();
    let of = |wanted: fn(&Body) -> bool| {
        let entry = all.iter().map(|found| Entry::read(&found.bytes).unwrap()).find(|entry| wanted(&entry.body));
        story(Subject::SpiffeId(SpiffeId::parse(&entry.unwrap().actor.id).unwrap()))
    };
    let denied = of(|body| matches!(body, Body::AccessDenied(_)));
    assert!(denied.besides.iter().any(|told| told.what.r#type == "access.denied") || !denied.tasks.is_empty());
    assert!(denied.to_string().contains("access.denied"), "{denied}");
    let read = of(|body| matches!(body, Body::EvidenceRead(_)));
    assert!(read.besides.iter().any(|told| told.what.r#type == "evidence.read"), "{read}");
    let approver = of(|body| matches!(body, Body::TaskApproved(approved) if approved.rule.is_none()));
    assert!(approver.tasks.is_empty() && approver.to_string().contains("task.approved"), "{approver}");
}

#[test]
fn pages_follow_one_another_without_a_gap() {
    let SubjectOf(of) = busiest();
    let whole: Vec<LeaseId> = lease_ids(&gathered(&of, 0, 100));
    assert!(whole.len() > 1, "a credential with one lease shows nothing");
    let (mut from, mut paged) = (Some(0), Vec::new());
    while let Some(index) = from {
        let page = gathered(&of, index, 1);
        paged.extend(lease_ids(&page));
        from = page.next_index;
    }
    assert_eq!(paged, whole);
}

struct SubjectOf(Subject);

/// The credential with the most leases.
fn busiest() -> SubjectOf {
    let mut counts = std::collections::BTreeMap::<Name, usize>::new();
    for found in entries() {
        if let Body::LeaseIntended(body) = Entry::read(&found.bytes).unwrap().body {
            *counts.entry(body.credential).or_default() += 1;
        }
    }
    SubjectOf(Subject::Credential(counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0))
}

fn lease_ids(gathered: &Gathered) -> Vec<LeaseId> {
    let intended = |step: &Step| match &step.entry.body {
        Body::LeaseIntended(body) => Some(body.lease),
        _ => None,
    };
    gathered.steps.iter().filter_map(intended).collect()
}

#[test]
fn what_nobody_speaks_of_is_said_to_be_nothing() {
    let story = story(Subject::Agent(Name::parse("nobody").unwrap()));
    assert!(story.is_empty() && story.to_string().contains("nothing"));
}

#[test]
fn a_trace_that_is_full_looks_nothing_more_up() {
    let all: Vec<Entry> = entries().iter().map(|found| Entry::read(&found.bytes).unwrap()).collect();
    let first = |is: fn(&Body) -> bool| all.iter().find(|entry| is(&entry.body)).unwrap().clone();
    let mut request = first(|body| matches!(body, Body::TaskRequested(_)));
    let mut intent = first(|body| matches!(body, Body::LeaseIntended(_)));
    let found = |index, entry: &Entry| Found { index, bytes: entry.write().unwrap(), openings: Vec::new() };
    let id = |number: u64| [[7; 8], number.to_be_bytes()].concat().try_into().unwrap();
    let agent = Name::parse("billing-bot").unwrap();
    let mut gathering = Gathering::new(&Subject::Agent(agent), 0, 100);
    let (mut index, mut looked_up) = (0, 0);
    while let Some(query) = gathering.next_wanted() {
        let mut answer = Vec::new();
        let (count, of_task) = match query.mention {
            Mention::TasksOfAgent(_) => (100, None),
            Mention::LeasesOfTask(task) => (2_000, Some(task)),
            _ => (0, None),
        };
        looked_up += u64::from(of_task.is_some());
        for _ in 0..count {
            index += 1;
            match (of_task, &mut request.body, &mut intent.body) {
                (Some(task), _, Body::LeaseIntended(body)) => {
                    (body.task, body.lease) = (task, LeaseId::from_bytes(id(index)));
                    answer.push(found(index, &intent));
                }
                (_, Body::TaskRequested(body), _) => {
                    body.task = TaskId::from_bytes(id(index));
                    answer.push(found(index, &request));
                }
                other => panic!("{other:?}"),
            }
        }
        gathering.take(&query, answer);
    }
    assert_eq!(looked_up, 10, "with the leases of ten tasks it is full");
    assert!(gathering.finish().cut.contains(&"the trace as a whole".to_owned()));
}
