//! What needs no server: the wait for a place, and what a SQLSTATE means.

use super::lines::LINES_MAX;
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

fn target(path: &str) -> ProbeTarget {
    let (credential, dsn_policy) = ("ledger-ro".into(), "leasehold-cred-ledger-probe-00000004".into());
    ProbeTarget { credential, dsn_policy, dsn_path: path.into() }
}

#[tokio::test]
async fn who_gets_no_place_in_time_is_told_so_and_no_login_was_fetched_for_it() {
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetched);
    let supplier: DsnSupplier = Arc::new(move |target: &ProbeTarget| {
        count.fetch_add(1, Ordering::SeqCst);
        let is_busy = target.dsn_path == "busy";
        Box::pin(async move { if is_busy { std::future::pending().await } else { Ok(Secret::from_text("?".into())) } })
    });
    let probe = PostgresProbe::new(supplier, None, Duration::from_millis(50), TaskTracker::new()).unwrap();
    let busy = target("busy");
    let looks = futures_util::future::join_all((0..LINES_MAX).map(|_| probe.find(&busy, "x")));
    let one_more = async {
        let fault = probe.find(&busy, "x").await.unwrap_err();
        let elsewhere = probe.find(&target("elsewhere"), "x").await.unwrap_err();
        (fault, elsewhere)
    };
    tokio::select! {
        biased;
        _ = looks => panic!("looks without a login came to an end"),
        (fault, elsewhere) = one_more => {
            assert_eq!(fault.kind, FaultKind::Transient);
            assert!(fault.sentence.starts_with("no place for a look at the probed server was free in time"), "{fault}");
            assert_eq!(elsewhere.kind, FaultKind::Permanent, "another server has its own places: {elsewhere}");
        }
    }
    assert_eq!(fetched.load(Ordering::SeqCst), LINES_MAX + 1);
}

#[test]
fn what_passes_is_transient_and_named_with_a_next_step() {
    for (state, word) in [
        ("53300", "raise its max_connections or the CONNECTION LIMIT"),
        ("57P03", "starting up or going down"),
        ("57P01", "starting up or going down"),
        ("08006", "see what lies between"),
        ("40001", "could not answer"),
    ] {
        let fault = meant_by(state);
        assert_eq!(fault.kind, FaultKind::Transient, "{fault}");
        assert!(fault.sentence.contains(word) && fault.sentence.contains(state), "{fault}");
    }
    for state in ["28P01", "42501", "3D000", "3F000"] {
        assert_eq!(meant_by(state).kind, FaultKind::Permanent, "{state}");
    }
}
