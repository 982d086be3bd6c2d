//! A log that breaks a law is not folded: each law has the log that breaks it.

use super::desk::Desk;
use crate::domain::base::{Digest, LeaseId, Time};
use crate::domain::entry::bodies::lease::{Assurance, Issued, Revocability, Revoked};
use crate::domain::entry::bodies::{log, task};
use crate::domain::entry::{Actor, Body, Commitments, Entry};
use crate::domain::state::Broken;
use proptest::prelude::*;

pub(super) fn forged(desk: &Desk, body: impl Into<Body>) -> Result<(), Broken> {
    forged_by(desk, Actor::broker(), body)
}

pub(super) fn forged_by(desk: &Desk, actor: Actor, body: impl Into<Body>) -> Result<(), Broken> {
    let entry =
        Entry { actor, cause: None, commitments: Commitments::new(), request: None, time: desk.now, body: body.into() };
    desk.state.clone().apply(&entry, Digest::of(&[b"x"]))
}

#[test]
fn forged_entries_name_the_law_they_break() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    let other = LeaseId::new(desk.now, [99; 10]);
    let issued = Issued {
        engine_expires: None,
        engine_request: String::new(),
        expires: desk.now,
        lease: other,
        renewable: false,
        revocability: Revocability::Revocable,
        serial: None,
        value_version: None,
    };
    let digest = desk.state.tasks[&task].facts.digest;
    let approved = |digest, rule: Option<&str>| task::Approved {
        digest,
        rule: rule.map(str::to_owned),
        task,
        teams: vec![],
        until: desk.now,
    };
    let mut unasked = Body::TaskRequested(task::Requested {
        agent: super::desk::name("billing-bot"),
        credentials: vec![super::desk::name("ledger-ro")],
        estate_version: 1,
        needs: vec![],
        purpose_code: "x".into(),
        subject: desk.state.tasks[&task].facts.subject.clone(),
        task: crate::domain::base::TaskId::new(desk.now, [98; 10]),
        window_seconds: 60,
    });
    let requester = Actor { id: desk.state.tasks[&task].facts.subject.to_string(), ..Actor::broker() };
    let forged_request = |body| forged_by(&desk, requester.clone(), body);
    assert_eq!(forged_request(unasked.clone()).unwrap_err().law, "approval", "the owner must be asked");
    if let Body::TaskRequested(requested) = &mut unasked {
        requested.needs.push(super::desk::name("payments"));
    }
    assert!(forged_request(unasked.clone()).is_ok());
    assert_eq!(forged(&desk, unasked.clone()).unwrap_err().law, "subject", "in another's name");
    if let Body::TaskRequested(requested) = &mut unasked {
        requested.agent = super::desk::name("stray");
    }
    assert_eq!(forged_request(unasked).unwrap_err().law, "scope", "an agent that nobody answers for");
    for (law, result) in [
        ("approval", forged(&desk, approved(digest, None))),
        ("lease", forged(&desk, issued)),
        ("approval", forged(&desk, task::Activated { ends: desk.now, task })),
        ("approval", forged(&desk, approved(Digest::of(&[b"other"]), None))),
        ("approval", forged(&desk, approved(digest, Some("low-sensitivity")))),
        ("epoch", forged(&desk, log::BrokerActivated { engine_request_seconds_max: 1, epoch: 9, version: "".into() })),
        ("log", forged(&desk, log::LogStarted { mode: "dev".into(), origin: "x".into() })),
    ] {
        assert_eq!(result.unwrap_err().law, law);
    }
}

#[test]
fn nothing_is_called_revoked_below_authority_confirmed() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    let revoked = |assurance| Revoked { assurance, crl: None, engine_request: None, known_before: true, lease };
    let early = forged(&desk, revoked(Assurance::EffectConfirmed)).unwrap_err();
    assert_eq!(early.law, "revocation");
    desk.complete(task).unwrap();
    assert_eq!(forged(&desk, revoked(Assurance::Accepted)).unwrap_err().law, "proof");
    assert!(forged(&desk, revoked(Assurance::AuthorityConfirmed)).is_ok());
}

#[test]
fn a_rotate_only_value_is_never_called_revoked() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let lease = desk.issue(task, "motd").unwrap();
    desk.seal(lease);
    desk.complete(task).unwrap();
    let assurance = Assurance::AuthorityConfirmed;
    let revoked = Revoked { assurance, crl: None, engine_request: None, known_before: true, lease };
    assert_eq!(forged(&desk, revoked).unwrap_err().law, "proof");
    let size = desk.state.size;
    desk.gone(lease);
    assert_eq!(desk.state.size, size, "no finding makes it so");
}

#[test]
fn time_does_not_run_backwards() {
    let mut desk = Desk::new();
    desk.now = Time::from_unix_seconds(0);
    assert_eq!(forged(&desk, log::BrokerStopped { epoch: 1 }).unwrap_err().law, "time");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Whatever happens in whatever order: the state is the fold of the bytes, agenda and all.
    #[test]
    fn the_state_is_the_fold_of_the_bytes(steps in proptest::collection::vec((0_u8..12, 0_usize..4, 0_u64..200), 1..60)) {
        let mut desk = Desk::new();
        for (step, which, wait) in steps {
            desk.later(wait);
            random_step(&mut desk, step, which);
        }
        prop_assert_eq!(&desk.state, &desk.refolded());
        super::repeats::check_lists(&desk.state);
        for lease in desk.state.leases.values() {
            prop_assert!(desk.state.tasks.contains_key(&lease.facts.task), "a lease without its task");
        }
    }
}

pub(super) fn random_step(desk: &mut Desk, step: u8, which: usize) {
    let task = desk.state.tasks.keys().nth(which).copied();
    let lease = desk.state.leases.keys().nth(which).copied();
    let intended = lease.filter(|lease| desk.state.leases[lease].is_intended());
    match (step, task, lease) {
        (0, ..) => drop(desk.request(if which.is_multiple_of(2) { "ledger-ro" } else { "motd" })),
        (1, Some(task), _) => drop(desk.approve(task)),
        (2 | 3, Some(task), _) => {
            let _ = desk.issue(task, "ledger-ro").or_else(|_| desk.issue(task, "motd"));
        }
        (4 | 5, ..) => {
            if let Some(lease) = intended {
                desk.seal(lease);
            }
        }
        (6, ..) => {
            if let Some(lease) = intended {
                desk.not_issued(lease);
            }
        }
        (7, Some(task), _) => drop(desk.complete(task)),
        (8, _, Some(lease)) => {
            if matches!(desk.state.leases[&lease].stage, crate::domain::state::lease::Stage::Ending(..)) {
                desk.gone(lease);
            }
        }
        (9, Some(task), _) => {
            if matches!(desk.state.tasks[&task].stage, crate::domain::state::task::Stage::Approved(_)) {
                desk.token(task);
            }
        }
        _ => {
            for duty in desk.due() {
                desk.pass(duty);
            }
        }
    }
}
