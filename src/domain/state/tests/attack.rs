//! What an attacker, a slow engine or an insider with the log's key would try on the state machine.

use super::desk::{Desk, name, subject};
use super::laws::{forged, forged_by};
use crate::base::{ConnectionId, LeaseId, Span, Time};
use crate::entry::bodies::lease::{
    Assurance, Expired, Intended, Issued, NotIssued, NotIssuedCause, Renewed, Revocability, Revoked, Unproven,
};
use crate::entry::bodies::task::{Activated, Approved, Denied};
use crate::entry::bodies::token;
use crate::entry::{Actor, Body};
use crate::reason::Reason;
use crate::state::command::{ApplyEstate, Command, Finding, RenewLease, RenewedFacts};
use crate::state::lease::Stage;
use crate::state::{Ask, Duty, limits};

const ESTATE: &str = super::desk::ESTATE;

impl Desk {
    fn next(&mut self) -> u8 {
        self.chance += 1;
        self.chance
    }

    fn declare(&mut self, document: &str) {
        let document = crate::estate::Document::parse(document).unwrap();
        let version = self.state.estate.version();
        let mark = self.next();
        self.ask("people/operator", 9, mark, Ask::ApplyEstate(ApplyEstate { document, version })).unwrap();
    }

    fn renew(&mut self, lease: LeaseId) -> Result<(), Reason> {
        let ask = Ask::RenewLease(RenewLease { lease, ttl: None });
        let mark = self.next();
        self.ask("agent/billing-bot", 1, mark, ask).map(drop).map_err(|denial| denial.reason)
    }

    fn issued(&mut self) -> (crate::base::TaskId, LeaseId) {
        let task = self.active("ledger-ro");
        let lease = self.issue(task, "ledger-ro").unwrap();
        assert!(self.seal(lease));
        (task, lease)
    }

    pub(super) fn actor(&self, who: &str, connection: u8) -> Actor {
        let connection = ConnectionId::new(self.now, [connection; 10]).to_string();
        Actor::caller(&subject(who, self.now), &connection)
    }
}

#[test]
fn a_secret_whose_time_was_over_while_it_was_made_is_not_delivered() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let quick = desk.issue_for(task, "ledger-ro", Some(30)).unwrap();
    desk.later(29);
    assert!(desk.seal(quick), "in time");
    let slow = desk.issue_for(task, "ledger-ro", Some(30)).unwrap();
    desk.later(30);
    assert!(!desk.seal(slow), "the engine took longer than the secret may live");
    assert!(desk.due().contains(&Duty::ExpireLease(slow)), "and it is ended at once");
}

#[test]
fn a_step_of_the_engines_clock_leaves_what_a_caller_was_granted() {
    let mut desk = Desk::new();
    let (_, lease) = desk.issued();
    let facts = |expires, now: Time| RenewedFacts {
        lease,
        engine_expires: now.plus(Span::from_seconds(120)),
        expires,
        asked_by: None,
    };
    desk.later(300);
    let granted = desk.now.plus(Span::from_seconds(600));
    let now = desk.now;
    desk.decide(Command::Found(Finding::Renewed(facts(Some(granted), now)))).unwrap();
    desk.decide(Command::Found(Finding::Renewed(facts(None, now)))).unwrap();
    assert_eq!(desk.state.leases[&lease].expires, granted);
}

#[test]
fn a_lease_that_the_engine_ended_by_itself_is_not_called_alive() {
    let mut desk = Desk::new();
    let (_, lease) = desk.issued();
    desk.later(119);
    desk.pass(Duty::ExpireLease(lease));
    assert_eq!(desk.state.leases[&lease].stage, Stage::Issued, "the engine has not ended it yet");
    desk.later(1);
    desk.pass(Duty::ExpireLease(lease));
    assert!(matches!(desk.state.leases[&lease].stage, Stage::Ending(..)), "nothing prolonged it in time");
}

#[test]
fn renewing_is_judged_like_issuing() {
    let mut desk = Desk::new();
    let (_, lease) = desk.issued();
    assert_eq!(desk.renew(lease), Ok(()));
    let changed = ESTATE.replacen("max_ttl = \"10m\"", "max_ttl = \"5m\"", 1);
    desk.declare(&changed);
    assert_eq!(desk.renew(lease), Err(Reason::CredentialChanged));
    desk.declare(ESTATE);
    assert_eq!(desk.renew(lease), Ok(()));
    desk.later(600);
    assert_eq!(desk.renew(lease), Err(Reason::LeaseEnded), "over, although no entry says so yet");
}

#[test]
fn an_agent_that_lost_its_owner_draws_and_renews_nothing() {
    let mut desk = Desk::new();
    let (task, lease) = desk.issued();
    assert!(desk.issue(task, "ledger-ro").is_ok());
    let ownerless = ESTATE.replacen("owner = \"payments\"\nclass", "class", 1);
    assert_ne!(ownerless, ESTATE);
    desk.declare(&ownerless);
    assert_eq!(desk.issue(task, "ledger-ro").unwrap_err().reason, Reason::AgentWithoutOwner);
    assert_eq!(desk.renew(lease), Err(Reason::AgentWithoutOwner));
}

#[test]
fn a_yes_after_the_longest_wait_is_too_late() {
    let mut desk = Desk::new();
    let late = desk.request("ledger-ro");
    desk.later(limits::PENDING_MAX.seconds());
    assert_eq!(desk.approve(late).unwrap_err().reason, Reason::TaskDecided);
    let task = desk.request("ledger-ro");
    assert!(desk.approve(task).is_ok());
}

#[test]
fn an_approval_is_by_a_person_with_a_certificate_on_their_own_connection() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    let yes = |until: Time| Approved {
        digest: desk.state.tasks[&task].facts.digest,
        rule: None,
        task,
        teams: vec![name("payments")],
        until,
    };
    let until = desk.now.plus(limits::APPROVAL_MAX);
    let lead = desk.actor("people/lead", 2);
    assert!(forged_by(&desk, lead.clone(), yes(until)).is_ok());
    let too_long = yes(until.plus(Span::from_seconds(1)));
    assert_eq!(forged_by(&desk, lead.clone(), too_long).unwrap_err().law, "approval");
    let bearer = Actor { serial: None, issuer_key: None, key_id: Some("k".into()), ..lead };
    assert_eq!(forged_by(&desk, bearer, yes(until)).unwrap_err().law, "approval");
    let same_hand = desk.actor("people/lead", 1);
    assert_eq!(forged_by(&desk, same_hand, yes(until)).unwrap_err().law, "approval");
}

#[test]
fn a_task_becomes_active_with_a_token_and_on_a_living_approval() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    desk.approve(task).unwrap();
    let active = Activated { ends: desk.now, task };
    assert_eq!(forged(&desk, active).unwrap_err().law, "approval", "without a token");
}

#[test]
fn an_intent_stays_within_its_credential_and_its_estate() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let allowed = Intended {
        credential: name("ledger-ro"),
        estate_version: 1,
        expires: desk.now.plus(Span::from_seconds(600)),
        lease: LeaseId::new(desk.now, [77; 10]),
        revocability: Revocability::Revocable,
        supersedes: None,
        task,
    };
    let by = desk.actor("agent/billing-bot", 1);
    let law = |desk: &Desk, body: Intended| forged_by(desk, by.clone(), body).map_err(|broken| broken.law);
    assert_eq!(law(&desk, allowed.clone()), Ok(()));
    let longer = Intended { expires: allowed.expires.plus(Span::from_seconds(1)), ..allowed.clone() };
    assert_eq!(law(&desk, longer), Err("window"));
    let endless = Intended { revocability: Revocability::RotateOnly, ..allowed.clone() };
    assert_eq!(law(&desk, endless), Err("proof"));
    desk.declare(&ESTATE.replacen("max_ttl = \"10m\"", "max_ttl = \"5m\"", 1));
    assert_eq!(law(&desk, Intended { estate_version: 2, ..allowed }), Err("scope"));
}

#[test]
fn no_proof_is_waived_by_another_word() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    let issued = |revocability, serial: Option<&str>| Issued {
        engine_expires: Some(desk.now.plus(Span::from_seconds(120))),
        engine_request: String::new(),
        expires: desk.now.plus(Span::from_seconds(120)),
        lease,
        renewable: false,
        revocability,
        serial: serial.map(str::to_owned),
        value_version: None,
    };
    assert!(forged(&desk, issued(Revocability::Revocable, None)).is_ok());
    assert_eq!(forged(&desk, issued(Revocability::RotateOnly, None)).unwrap_err().law, "proof");

    let nothing = |why| NotIssued { lease, why };
    assert!(forged(&desk, nothing(NotIssuedCause::Refused)).is_ok());
    assert_eq!(forged(&desk, nothing(NotIssuedCause::NothingFound)).unwrap_err().law, "intent", "too early");

    let certified: Body = issued(Revocability::Revocable, Some("01:02")).into();
    let bounded: Body = issued(Revocability::ExpiryBounded, None).into();
    let gone = Revoked {
        assurance: Assurance::AuthorityConfirmed,
        crl: None,
        engine_request: None,
        known_before: true,
        lease,
    };
    let over = Expired { lease, revocability: Revocability::ExpiryBounded };
    for (issued, end) in [(certified, Body::from(gone)), (bounded, Body::from(over))] {
        let mut desk = Desk { state: desk.state.clone(), now: desk.now, chance: 100, ..Desk::new() };
        desk.note(issued);
        desk.complete(task).unwrap();
        assert_eq!(forged(&desk, end).unwrap_err().law, "proof");
    }
}

#[test]
fn nobody_sees_gone_where_nobody_looks() {
    let mut desk = Desk::new();
    desk.declare(&ESTATE.replacen(
        "probe = { postgres = { dsn_credential = \"ledger-probe\" } }",
        "orphans = \"expiry-bounded\"",
        1,
    ));
    let (task, lease) = desk.issued();
    desk.complete(task).unwrap();
    let gone = |assurance| Revoked { assurance, crl: None, engine_request: None, known_before: true, lease };
    assert!(forged(&desk, gone(Assurance::AuthorityConfirmed)).is_ok());
    assert_eq!(forged(&desk, gone(Assurance::EffectConfirmed)).unwrap_err().law, "proof");
}

#[test]
fn a_renewal_ends_with_the_approval() {
    let mut desk = Desk::new();
    desk.declare(&ESTATE.replacen("max_ttl = \"10m\"", "max_ttl = \"1h\"", 1));
    let (_, lease) = desk.issued();
    let renewed = |expires| Renewed { engine_expires: expires, expires, lease };
    assert!(forged(&desk, renewed(desk.now.plus(Span::from_seconds(1_200)))).is_ok());
    assert_eq!(forged(&desk, renewed(desk.now.plus(Span::from_seconds(1_201)))).unwrap_err().law, "renewal");
}

#[test]
fn only_what_is_renewable_is_prolonged_and_no_further_than_its_credential_allows() {
    let mut desk = Desk::new();
    let (task, lease) = desk.issued();
    let renewed = |lease, seconds| {
        let expires = desk.now.plus(Span::from_seconds(seconds));
        Renewed { engine_expires: expires, expires, lease }
    };
    assert!(forged(&desk, renewed(lease, 600)).is_ok());
    assert_eq!(forged(&desk, renewed(lease, 601)).unwrap_err().law, "renewal", "the task would last longer");
    let mut desk = Desk { state: desk.state.clone(), now: desk.now, chance: 100, ..Desk::new() };
    let short = desk.issue(task, "ledger-ro").unwrap();
    let issued = Issued {
        engine_expires: None,
        engine_request: String::new(),
        expires: desk.now.plus(Span::from_seconds(60)),
        lease: short,
        renewable: false,
        revocability: Revocability::Revocable,
        serial: None,
        value_version: None,
    };
    desk.note(issued);
    let renewed = Renewed { engine_expires: desk.now, expires: desk.now, lease: short };
    assert_eq!(forged(&desk, renewed).unwrap_err().law, "renewal", "it is not renewable");
}

#[test]
fn nothing_is_called_revoked_that_was_never_known_to_exist() {
    let mut desk = Desk::new();
    let (task, lease) = desk.issued();
    let intent = desk.issue(task, "ledger-ro").unwrap();
    desk.complete(task).unwrap();
    for lease in [lease, intent] {
        desk.note(Unproven { lease, missing: "engine".into() });
    }
    let gone = |lease| Revoked {
        assurance: Assurance::AuthorityConfirmed,
        crl: None,
        engine_request: None,
        known_before: true,
        lease,
    };
    assert!(forged(&desk, gone(lease)).is_ok());
    assert_eq!(forged(&desk, gone(intent)).unwrap_err().law, "revocation");
}

#[test]
fn a_task_is_denied_only_before_it_is_decided() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    let denied = |desk: &Desk| forged_by(desk, desk.actor("people/lead", 2), Denied { task });
    assert!(denied(&desk).is_ok());
    desk.approve(task).unwrap();
    assert_eq!(denied(&desk).unwrap_err().law, "task");
    desk.token(task);
    assert_eq!(denied(&desk).unwrap_err().law, "task");
}

#[test]
fn a_token_is_called_gone_once() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let gone = token::Revoked { task, token: desk.state.tasks[&task].tokens[0].index };
    assert!(forged(&desk, gone.clone()).is_ok());
    desk.note(gone.clone());
    assert_eq!(forged(&desk, gone).unwrap_err().law, "token");
}
