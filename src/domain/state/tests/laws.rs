//! A log that breaks a law is not folded: each law has the log that breaks it.

use super::desk::Desk;
use crate::base::{Digest, LeaseId, Time};
use crate::entry::bodies::lease::{Assurance, Issued, Revocability, Revoked};
use crate::entry::bodies::{evidence, log, task};
use crate::entry::{Actor, Body, Commitments, Entry};
use crate::state::{Broken, State};
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
        task: crate::base::TaskId::new(desk.now, [98; 10]),
        window_seconds: 60,
    });
    let requester = Actor { id: desk.state.tasks[&task].facts.subject.to_string(), ..Actor::broker() };
    let forged_request = |body| forged_by(&desk, requester.clone(), body);
    assert_eq!(forged_request(unasked.clone()).unwrap_err().law, "approval", "the owner must be asked");
    if let Body::TaskRequested(requested) = &mut unasked {
        requested.needs.push(super::desk::name("payments"));
    }
    assert!(forged_request(unasked.clone()).is_ok());
    let other_bot = desk.actor("agent/stray", 1);
    assert_eq!(forged_by(&desk, other_bot, unasked.clone()).unwrap_err().law, "subject", "in another's name");
    if let Body::TaskRequested(requested) = &mut unasked {
        requested.agent = super::desk::name("stray");
    }
    assert_eq!(forged_request(unasked).unwrap_err().law, "scope", "an agent that nobody answers for");
    let lead = || desk.actor("people/lead", 2);
    for (law, result) in [
        ("approval", forged_by(&desk, lead(), approved(digest, None))),
        ("lease", forged(&desk, issued)),
        ("approval", forged(&desk, task::Activated { ends: desk.now, task })),
        ("approval", forged_by(&desk, lead(), approved(Digest::of(&[b"other"]), None))),
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

#[test]
fn a_log_begins_with_its_start() {
    let mut desk = Desk::new();
    desk.state = State::default();
    let started = log::LogStarted { mode: "dev".into(), origin: "test.example/log".into() };
    assert!(forged(&desk, started.clone()).is_ok());
    let first = |body: Body| forged(&desk, body).unwrap_err().law;
    let activated = log::BrokerActivated { engine_request_seconds_max: 1, epoch: 1, version: "0".into() };
    assert_eq!(first(activated.into()), "log");
    assert_eq!(first(evidence_read()), "log", "whoever wrote it");
    desk.note(started.clone());
    assert_eq!(forged(&desk, started).unwrap_err().law, "log");
}

#[test]
fn the_broker_and_its_callers_write_what_is_theirs() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let (bot, broker) = (desk.actor("agent/billing-bot", 1), Actor::broker());
    let law = |actor: &Actor, body: Body| forged_by(&desk, actor.clone(), body).err().map(|broken| broken.law);
    let expired = Body::from(task::Expired { task });
    assert_eq!(law(&broker, expired.clone()), None);
    assert_eq!(law(&bot, expired.clone()), Some("actor"));
    let completed = Body::from(task::Completed { task });
    assert_eq!(law(&bot, completed.clone()), None);
    assert_eq!(law(&broker, completed), Some("actor"));
    assert_eq!(law(&bot, evidence_read()), None);
    assert_eq!(law(&broker, evidence_read()), Some("actor"));
    let proven = [
        Actor { connection: bot.connection.clone(), ..Actor::broker() },
        Actor { issuer_key: bot.issuer_key, ..Actor::broker() },
        Actor { key_id: Some("k".into()), ..Actor::broker() },
        Actor { serial: bot.serial, ..Actor::broker() },
    ];
    for actor in proven {
        assert_eq!(law(&actor, expired.clone()), Some("actor"), "{actor:?}");
    }
}

#[test]
fn a_rule_is_the_brokers_and_a_yes_a_persons() {
    let mut desk = Desk::new();
    let (by_rule, by_person) = (desk.request("motd"), desk.request("ledger-ro"));
    let yes = |task, rule: Option<&str>| task::Approved {
        digest: desk.state.tasks[&task].facts.digest,
        rule: rule.map(str::to_owned),
        task,
        teams: desk.state.tasks[&task].facts.needs.clone(),
        until: desk.now,
    };
    let lead = || desk.actor("people/lead", 2);
    let rule = Some("low-sensitivity");
    assert!(forged(&desk, yes(by_rule, rule)).is_ok());
    assert_eq!(forged_by(&desk, lead(), yes(by_rule, rule)).unwrap_err().law, "actor");
    assert!(forged_by(&desk, lead(), yes(by_person, None)).is_ok());
    assert_eq!(forged(&desk, yes(by_person, None)).unwrap_err().law, "actor");
}

fn evidence_read() -> Body {
    evidence::Read { call: "leasehold.v1.EvidenceService/Export".into(), from: 0, limit: 1, target: None }.into()
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
            if matches!(desk.state.leases[&lease].stage, crate::state::lease::Stage::Ending(..)) {
                desk.gone(lease);
            }
        }
        (9, Some(task), _) => {
            if matches!(desk.state.tasks[&task].stage, crate::state::task::Stage::Approved(_)) {
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
