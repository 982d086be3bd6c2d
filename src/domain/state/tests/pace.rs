//! How fast an agent may request tasks.

use super::desk::{Desk, ESTATE, name};
use crate::estate::Document;
use crate::reason::{Class, Reason};
use crate::state::command::ApplyEstate;
use crate::state::{Ask, limits};

/// Spins as long as it is let; how often it was.
fn spins(desk: &mut Desk, from: u32) -> u32 {
    let mut done = 0;
    while desk.spin(from + done).is_ok() {
        done += 1;
    }
    done
}

fn at_once() -> u32 {
    u32::try_from(limits::TASKS_AT_ONCE_MAX).unwrap()
}

#[test]
fn a_loop_of_requests_is_slowed_and_leaves_no_more_entries() {
    let mut desk = Desk::new();
    assert_eq!(spins(&mut desk, 0), at_once());
    let size = desk.state.size;
    let denial = desk.spin(1_000_000).unwrap_err();
    assert_eq!(denial.reason, Reason::TasksTooFast);
    assert_eq!(denial.reason.class(), Class::ResourceExhausted);
    assert_eq!(desk.state.size, size, "a denial changes nothing");
    desk.later(7);
    assert!(desk.spin(1_000_000).is_err(), "not quite yet");
    desk.later(1);
    assert!(u64::from(denial.reason.retry_after_seconds()) >= 8, "the hint is no shorter than the wait");
    assert!(desk.spin(1_000_000).is_ok());
    assert!(desk.spin(1_000_001).is_err(), "one at a time");
    assert_eq!(desk.state, desk.refolded());
}

#[test]
fn no_hour_sees_more_than_a_thousand_tasks_of_an_agent() {
    let mut desk = Desk::new();
    let mut requested = spins(&mut desk, 0);
    for _ in 0..40 {
        desk.later(90);
        requested += spins(&mut desk, requested);
    }
    assert_eq!(requested, 1_000);
    desk.later(3_600);
    assert_eq!(spins(&mut desk, requested), at_once(), "after a rest all places are free");
}

#[test]
fn one_agents_pace_is_not_anothers() {
    let mut desk = Desk::new();
    let owned = ESTATE.replacen("agent/stray\"\n", "agent/stray\"\nowner = \"payments\"\n", 1);
    assert_ne!(owned, ESTATE);
    let estate = |document: &str, version| ApplyEstate { document: Document::parse(document).unwrap(), version };
    desk.ask("people/operator", 9, 201, Ask::ApplyEstate(estate(&owned, 1))).unwrap();
    spins(&mut desk, 0);
    assert_eq!(desk.spin(1_000_000).unwrap_err().reason, Reason::TasksTooFast);
    let other = super::refusals::ask_for(&desk, "stray", "motd");
    assert!(desk.ask("agent/stray", 7, 202, Ask::RequestTask(other)).is_ok());
    let again = owned.replace("reconcile invoices", "reconcile all invoices");
    desk.ask("people/operator", 9, 203, Ask::ApplyEstate(estate(&again, 2))).unwrap();
    assert!(desk.spin(1_000_000).is_err(), "a change of the estate gives no places");
    let bot = owned.find("[agent.billing-bot]").unwrap()..owned.find("[agent.stray]").unwrap();
    let mut without = owned.clone();
    without.replace_range(bot, "");
    desk.ask("people/operator", 9, 204, Ask::ApplyEstate(estate(&without, 3))).unwrap();
    assert_eq!(desk.state.pace.keys().collect::<Vec<_>>(), [&name("stray")], "nothing is kept of who is not declared");
    assert_eq!(desk.state, desk.refolded());
}
