//! The one integration-test binary. A module here is a kind of test (docs/testing.md).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise"
)]

mod client;
mod conformance;
mod contract;
mod dev;
mod door;
mod fixtures;
mod foreign;
mod golden;
mod harness;
mod http;
mod real;
mod sim;
mod snapshot;
mod sqlite;
mod tidy;
mod verifiers;
mod walks;
mod wire;
mod witness;
