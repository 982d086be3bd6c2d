//! What tests stand on: a scripted Workload API, a forge for certificates and tokens, a world with
//! a real door on loopback. Fakes with behaviour, not mocks.

pub(crate) mod callers;
pub(crate) mod forge;
pub(crate) mod ports;
pub(crate) mod tokens;
pub(crate) mod workload_api;
pub(crate) mod world;

use std::time::Duration;

/// Waits until `look` is true; never by sleeping blindly for the whole time.
pub(crate) async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !look() {
        assert!(tokio::time::Instant::now() < deadline, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
