//! The simulated engine and probe under the contract suites of the real ones, and what each fault does.

use super::super::faults::{Plan, Twist};
use super::super::peers::{Peers, Role, Standing};
use super::super::postgres::Trouble;
use super::super::seed::SimClock;
use super::Outside;
use crate::contract::secret_engine::tag;
use crate::contract::{probe, secret_engine};
use async_trait::async_trait;
use leasehold::domain::base::{Secret, Span, Time};
use leasehold::ports::{
    EngineHealth, EngineLease, FaultKind, MadeToken, MintOrder, MintOutcome, Minted, Probe, ProbeTarget, SecretEngine,
    TokenSpec,
};
use std::any::Any;
use std::time::Duration;

const LEDGER: &str = "database/creds/ledger-ro";
const POLICY: &str = "leasehold-cred-ledger-ro-00000001";

/// With the three credentials of the suites.
fn peers() -> Peers {
    let mut peers = Peers::default();
    for (policy, path) in [
        (POLICY, LEDGER),
        ("leasehold-cred-agent-00000002", "pki/sign/agent"),
        ("leasehold-cred-key-00000003", "secret/data/app/key"),
    ] {
        peers.write_policy(policy, &[path]);
    }
    let (default_ttl, max_ttl) = (Span::from_seconds(300), Span::from_seconds(3_600));
    peers.write_role(LEDGER, Role::Database { default_ttl, max_ttl });
    peers.write_role("pki/sign/agent", Role::Certificate { max_ttl });
    let values = ["one", "two"].map(|value| format!(r#"{{"key":"{value}"}}"#));
    peers.write_role("secret/data/app/key", Role::KeyValue(values.to_vec()));
    peers
}

fn outside(plan: Plan) -> Outside {
    Outside::new(SimClock::start(), peers(), plan)
}

async fn simulated() -> Outside {
    outside(Plan::default())
}

#[async_trait]
impl secret_engine::Bench for Outside {
    fn engine(&self) -> &dyn SecretEngine {
        self
    }

    fn now(&self) -> Time {
        Outside::now(self)
    }

    fn database(&self) -> (String, String) {
        (POLICY.into(), LEDGER.into())
    }

    fn certificate(&self) -> (String, String) {
        ("leasehold-cred-agent-00000002".into(), "pki/sign/agent".into())
    }

    fn key_value(&self) -> (String, String) {
        ("leasehold-cred-key-00000003".into(), "secret/data/app/key".into())
    }

    async fn logs_in(&self, username: &str, password: &Secret) -> bool {
        let now = Outside::now(self);
        self.with(|peers| peers.postgres.lets_in(username, password.reveal_text().unwrap(), now))
    }
}

struct Session {
    outside: Outside,
    number: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.outside.with(|peers| peers.postgres.close_session(self.number));
    }
}

#[async_trait]
impl probe::Bench for Outside {
    fn probe(&self) -> &dyn Probe {
        self
    }

    fn target(&self) -> ProbeTarget {
        let credential = "ledger-ro".into();
        ProbeTarget { credential, dsn_policy: "unused".into(), dsn_path: "secret/data/ledger-probe".into() }
    }

    async fn make_account(&self, name: &str) {
        self.with(|peers| peers.postgres.create(name, "of-the-probe-contract", None)).unwrap();
    }

    async fn open_session(&self, name: &str) -> Box<dyn Any + Send> {
        let number = self.with(|peers| peers.postgres.open_session(name));
        Box::new(Session { outside: self.clone(), number })
    }

    async fn drop_account_only(&self, name: &str) {
        self.with(|peers| peers.postgres.drop_role(name));
    }
}

mod engine_contract {
    crate::contract::secret_engine::secret_engine_contract!(super::simulated);
}

mod probe_contract {
    crate::contract::probe::probe_contract!(super::simulated);
}

async fn token(outside: &Outside) -> MadeToken {
    let (policies, max_ttl) = (vec![POLICY.to_owned()], Span::from_seconds(600));
    let spec = TokenSpec { policies, max_ttl, display_name: tag(), meta: Vec::new() };
    outside.make_token(&spec, 1).await.unwrap()
}

async fn mint(outside: &Outside, token: &MadeToken) -> Result<MintOutcome, leasehold::ports::Fault> {
    let order = MintOrder::Database { path: LEDGER.into(), ttl: Span::from_seconds(120) };
    outside.mint(&token.token, &order, 1).await
}

/// Accounts and leases there are.
fn count(outside: &Outside) -> (usize, usize) {
    outside.with(|peers| (peers.postgres.accounts().count(), peers.list(LEDGER).unwrap().len()))
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_mint_leaves_what_its_name_says_and_tells_the_caller_what_the_adapter_would() {
    let late = Twist::Late(Span::from_seconds(3));
    for (twist, told, at_once, later) in [
        (Twist::Fail, Some(FaultKind::Transient), (0, 0), (0, 0)),
        (Twist::LoseAnswer, Some(FaultKind::Ambiguous), (1, 1), (1, 1)),
        (late, Some(FaultKind::Ambiguous), (0, 0), (1, 1)),
        (Twist::Halfway, Some(FaultKind::Ambiguous), (1, 0), (1, 0)),
        (Twist::Slow(Span::from_seconds(3)), None, (1, 1), (1, 1)),
        (Twist::SlowAnswer(Span::from_seconds(20)), None, (1, 1), (1, 1)),
        (Twist::Twice, None, (2, 2), (2, 2)),
    ] {
        let outside = outside(Plan::told([("mint.account", 2, twist)]));
        let token = token(&outside).await;
        let control = mint(&outside, &token).await.unwrap().lease.unwrap();
        outside.revoke(&control, None, 1).await.unwrap();
        assert_eq!(count(&outside), (0, 0));
        let minted = mint(&outside, &token).await;
        assert_eq!(minted.err().map(|fault| fault.kind), told, "{twist:?}");
        assert_eq!(count(&outside), at_once, "{twist:?}");
        pass(4).await;
        assert_eq!(count(&outside), later, "{twist:?}");
        assert_eq!(outside.happened().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mint_that_is_late_comes_to_life_although_its_token_was_ended_meanwhile() {
    let outside = outside(Plan::told([("mint.account", 1, Twist::Late(Span::from_seconds(3)))]));
    let token = token(&outside).await;
    mint(&outside, &token).await.unwrap_err();
    outside.end_token(&token.accessor, 1).await.unwrap();
    assert_eq!(count(&outside), (0, 0));
    pass(4).await;
    assert_eq!(count(&outside), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_shortened_is_taken_back_or_nobody_knows() {
    let fail = ("mint.shorten", 1, Twist::Fail);
    for (plan, told, left) in [
        (Plan::told([fail]), FaultKind::Permanent, (0, 0)),
        (Plan::told([fail, ("revoke", 1, Twist::Fail)]), FaultKind::Ambiguous, (1, 1)),
    ] {
        let outside = outside(plan);
        let token = token(&outside).await;
        assert_eq!(mint(&outside, &token).await.unwrap_err().kind, told);
        assert_eq!(count(&outside), left);
        assert!(mint(&outside, &token).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_down_keeps_the_lease_and_one_whose_statements_do_nothing_keeps_the_account() {
    for (trouble, told, left) in [
        (Trouble::None, None, (0, 0)),
        (Trouble::Down, Some(FaultKind::Transient), (1, 1)),
        (Trouble::WrongSql, Some(FaultKind::Transient), (1, 1)),
        (Trouble::IdleSql, None, (1, 0)),
    ] {
        let outside = simulated().await;
        let lease = mint(&outside, &token(&outside).await).await.unwrap().lease.unwrap();
        outside.with(|peers| peers.postgres.trouble = trouble);
        let revoked = outside.revoke(&lease, None, 1).await;
        assert_eq!(revoked.err().map(|fault| fault.kind), told, "{trouble:?}");
        assert_eq!(count(&outside), left, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_engine_gives_a_lease_up_within_the_measured_time_and_still_ends_it_when_told() {
    let outside = simulated().await;
    let token = token(&outside).await;
    let lease = mint(&outside, &token).await.unwrap().lease.unwrap();
    outside.with(|peers| peers.postgres.trouble = Trouble::WrongSql);
    outside.end_token(&token.accessor, 1).await.unwrap();
    pass(532).await;
    assert_eq!(outside.with(|peers| peers.irrevocable()), 0);
    pass(182).await;
    assert_eq!(outside.with(|peers| peers.irrevocable()), 1);
    outside.with(|peers| peers.postgres.trouble = Trouble::None);
    pass(3_600).await;
    assert_eq!(count(&outside), (1, 1), "it does not try again");
    assert!(outside.revoke(&lease, None, 1).await.unwrap().gone_after);
    assert_eq!(count(&outside), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sealed_engine_refuses_for_certain_and_catches_up_when_it_is_open_again() {
    let outside = simulated().await;
    let lease = mint(&outside, &token(&outside).await).await.unwrap().lease.unwrap();
    for (standing, healthy) in [(Standing::Sealed, false), (Standing::Away, false), (Standing::Ready, true)] {
        outside.with(|peers| peers.standing = standing);
        pass(100).await;
        assert_eq!(outside.health().await == EngineHealth::Ready, healthy, "{standing:?}");
        let listed = outside.leases(LEDGER).await;
        assert_eq!(listed.as_ref().err().map(|fault| fault.kind), (!healthy).then_some(FaultKind::Transient));
        assert_eq!(outside.with(|peers| peers.postgres.accounts().count()), usize::from(!healthy));
    }
    assert!(!outside.revoke(&lease, None, 1).await.unwrap().known_before);
}

#[tokio::test(start_paused = true)]
async fn once_the_faults_end_nothing_goes_wrong_and_what_is_under_way_still_arrives() {
    let outside =
        outside(Plan::told([("mint.account", 1, Twist::Late(Span::from_seconds(3))), ("leases", 1, Twist::Fail)]));
    let token = token(&outside).await;
    mint(&outside, &token).await.unwrap_err();
    outside.end_faults();
    assert!(outside.leases(LEDGER).await.unwrap().is_empty());
    pass(4).await;
    assert_eq!(outside.leases(LEDGER).await.unwrap().len(), 1);
}

/// What a run under that seed comes to, in words.
async fn story(seed: u64) -> String {
    let outside = outside(Plan::Drawn { seed, per_mille: 300, longest: Span::from_seconds(2), crashes: false });
    let mut story = String::new();
    for _ in 0..20 {
        let (policies, max_ttl) = (vec![POLICY.to_owned()], Span::from_seconds(600));
        let spec = TokenSpec { policies, max_ttl, display_name: "lhtestaaaaaaaaaaaa".into(), meta: Vec::new() };
        let Ok(token) = outside.make_token(&spec, 1).await else { continue };
        if let Ok(MintOutcome { minted: Minted::Database { username, .. }, lease, .. }) = mint(&outside, &token).await {
            let EngineLease(lease) = lease.unwrap();
            story += &format!("{username} {lease} {:?}\n", outside.revoke(&EngineLease(lease.clone()), None, 1).await);
        }
        let _ended = outside.end_token(&token.accessor, 1).await;
        story += &format!("{:?} {:?}\n", outside.now(), count(&outside));
    }
    let faults: Vec<String> = outside.happened().iter().map(ToString::to_string).collect();
    story + &faults.join(", ") + &format!("{:?}", outside.passed())
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let run = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(story(seed))
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
        assert_ne!(run(seed), run(seed + 1));
    }
    for twist in ["Fail", "LoseAnswer", "Late", "Slow(", "SlowAnswer", "Twice", "Halfway"] {
        assert!((0..20).any(|seed| run(seed).contains(twist)), "{twist}");
    }
}
