//! What every `Probe` keeps.

use super::secret_engine::tag;
use async_trait::async_trait;
use leasehold::ports::{Account, FaultKind, Probe, ProbeTarget, Sighting};
use std::any::Any;
use std::time::{Duration, Instant};

/// A probe to test, and its backend seen from behind.
#[async_trait]
pub(crate) trait Bench: Send + Sync {
    fn probe(&self) -> &dyn Probe;
    fn target(&self) -> ProbeTarget;
    /// Makes an account as the engine would.
    async fn make_account(&self, name: &str);
    /// Opens a session of that account, which owns something then; it lasts as long as the value.
    async fn open_session(&self, name: &str) -> Box<dyn Any + Send>;
    /// Drops the account and leaves its sessions, as careless revocation statements do.
    async fn drop_account_only(&self, name: &str);
}

async fn account(bench: &dyn Bench, name: &str) -> Account {
    bench.make_account(name).await;
    bench.probe().find(&bench.target(), name).await.unwrap().unwrap()
}

async fn look(bench: &dyn Bench, account: &Account) -> Sighting {
    bench.probe().look(&bench.target(), account).await.unwrap()
}

/// Other tests may leave sessions without a role for a moment: that is what the probe is to see.
async fn becomes_gone(bench: &dyn Bench, account: &Account) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let seen = look(bench, account).await;
        if seen.is_gone() {
            return;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
    }
}

pub(crate) async fn an_account_is_found_by_name_and_an_unknown_one_is_not(bench: &dyn Bench) {
    let name = tag();
    assert!(bench.probe().find(&bench.target(), &name).await.unwrap().is_none());
    let found = account(bench, &name).await;
    assert_eq!(found.name, name);
    assert!(found.number > 0);
    bench.probe().end_account(&bench.target(), &found).await.unwrap();
}

pub(crate) async fn a_living_account_is_seen_with_its_sessions(bench: &dyn Bench) {
    let found = account(bench, &tag()).await;
    assert_eq!((look(bench, &found).await.exists, look(bench, &found).await.sessions), (true, 0));
    let _session = bench.open_session(&found.name).await;
    let seen = look(bench, &found).await;
    assert!(seen.exists && seen.sessions == 1 && !seen.is_gone(), "{seen:?}");
    bench.probe().end_account(&bench.target(), &found).await.unwrap();
}

pub(crate) async fn a_session_that_outlived_its_account_is_seen_by_number(bench: &dyn Bench) {
    let found = account(bench, &tag()).await;
    let session = bench.open_session(&found.name).await;
    bench.drop_account_only(&found.name).await;
    let seen = look(bench, &found).await;
    assert!(!seen.exists && seen.sessions == 1 && seen.sessions_without_role >= 1 && !seen.is_gone(), "{seen:?}");
    let unnumbered = Account { name: found.name.clone(), number: 0 };
    let seen = look(bench, &unnumbered).await;
    assert!(!seen.exists && seen.sessions == 0 && seen.sessions_without_role >= 1 && !seen.is_gone(), "{seen:?}");
    drop(session);
    becomes_gone(bench, &found).await;
}

pub(crate) async fn an_account_made_again_under_its_name_has_another_number(bench: &dyn Bench) {
    let first = account(bench, &tag()).await;
    bench.drop_account_only(&first.name).await;
    becomes_gone(bench, &first).await;
    let second = account(bench, &first.name).await;
    assert_ne!(first.number, second.number);
    assert!(look(bench, &first).await.exists, "by its name");
    let renamed = Account { name: tag(), number: second.number };
    assert!(look(bench, &renamed).await.exists, "by its number");
    bench.probe().end_account(&bench.target(), &second).await.unwrap();
}

pub(crate) async fn the_sessions_of_another_account_are_not_its_own(bench: &dyn Bench) {
    let (mine, other) = (account(bench, &tag()).await, account(bench, &tag()).await);
    let _session = bench.open_session(&other.name).await;
    assert_eq!((look(bench, &mine).await.sessions, look(bench, &other).await.sessions), (0, 1));
    bench.probe().end_account(&bench.target(), &mine).await.unwrap();
    assert_eq!(look(bench, &other).await.sessions, 1, "it was left alone");
    bench.probe().end_account(&bench.target(), &other).await.unwrap();
}

pub(crate) async fn the_inventory_holds_what_has_the_tag_and_nothing_else(bench: &dyn Bench) {
    let (mine, other) = (tag(), tag());
    let first = account(bench, &format!("{mine}-aaaaaaaa")).await;
    let second = account(bench, &format!("{mine}-bbbbbbbb")).await;
    let stranger = account(bench, &other).await;
    let held = bench.probe().inventory(&bench.target(), &mine).await.unwrap();
    assert!(held == [first.clone(), second.clone()]);
    let short = bench.probe().inventory(&bench.target(), &mine[..5]).await;
    assert_eq!(short.unwrap_err().kind, FaultKind::Permanent);
    for account in [first, second, stranger] {
        bench.probe().end_account(&bench.target(), &account).await.unwrap();
    }
}

pub(crate) async fn an_account_of_ours_is_ended_with_its_sessions_and_what_it_owns_and_twice(bench: &dyn Bench) {
    let found = account(bench, &tag()).await;
    let _session = bench.open_session(&found.name).await;
    bench.probe().end_account(&bench.target(), &found).await.unwrap();
    becomes_gone(bench, &found).await;
    bench.probe().end_account(&bench.target(), &found).await.unwrap();
}

pub(crate) async fn foreign_accounts_are_never_ended(bench: &dyn Bench) {
    let stranger = account(bench, "stranger_of_the_probe_contract").await;
    for name in [stranger.name.as_str(), "postgres", "lhtest", "lhtestaaaaaaaaaaaa; DROP ROLE x"] {
        let foreign = Account { name: name.into(), number: 0 };
        let refused = bench.probe().end_account(&bench.target(), &foreign).await;
        assert_eq!(refused.unwrap_err().kind, FaultKind::Permanent, "{name}");
    }
    assert!(look(bench, &stranger).await.exists);
    bench.drop_account_only(&stranger.name).await;
}

/// `probe_contract!(bench)`: one test per sentence; `bench` is an async function that gives a [`Bench`].
macro_rules! probe_contract {
    ($bench:path) => {
        $crate::contract::probe::probe_contract! { $bench:
            an_account_is_found_by_name_and_an_unknown_one_is_not
            a_living_account_is_seen_with_its_sessions
            a_session_that_outlived_its_account_is_seen_by_number
            an_account_made_again_under_its_name_has_another_number
            the_sessions_of_another_account_are_not_its_own
            the_inventory_holds_what_has_the_tag_and_nothing_else
            an_account_of_ours_is_ended_with_its_sessions_and_what_it_owns_and_twice
            foreign_accounts_are_never_ended
        }
    };
    ($bench:path: $($sentence:ident)*) => {$(
        #[tokio::test]
        async fn $sentence() {
            $crate::contract::probe::$sentence(&$bench().await).await;
        }
    )*};
}
pub(crate) use probe_contract;
