//! The development trust domain from outside: its Workload API to the letter, and clients that
//! other people wrote (the crate `spiffe`, go-spiffe, PyPI `spiffe`) against it, unchanged. And the
//! libraries in Go of other people's logs, against our witness; against our log, in `wire/foreign.rs`.

mod broker;
mod rust_client;
mod scene;
mod server;
mod stranger;
mod strangers;
pub(crate) mod tlog;
mod witness;
mod workload_api;
