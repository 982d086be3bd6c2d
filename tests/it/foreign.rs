//! The development trust domain from outside: its Workload API to the letter, and clients that
//! other people wrote (the crate `spiffe`, go-spiffe, PyPI `spiffe`) against it, unchanged.

mod broker;
mod rust_client;
mod scene;
mod server;
mod stranger;
mod strangers;
mod workload_api;
