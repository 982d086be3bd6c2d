//! Leasehold: a SPIFFE-based secret broker for AI workloads, in Rust.
//!
//! The library is a stack of floors (see ARCHITECTURE.md). A floor uses floors below it,
//! never a neighbour and never one above; `tests/it/tidy.rs` holds that rule.
//!
//! Without features the crate is `tlog`, `domain` and `audit` alone: the offline verifier
//! that an outside auditor can build without any network code.

pub mod audit;
pub mod domain;
pub mod failpoint;
pub mod tlog;

#[cfg(feature = "net")]
pub mod adapters;
#[cfg(feature = "net")]
pub mod ports;
#[cfg(feature = "net")]
pub mod proto;

#[cfg(feature = "server")]
pub mod services;
#[cfg(feature = "server")]
pub mod surfaces;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "dev")]
pub mod devtrust;

#[cfg(all(feature = "server", feature = "client", feature = "dev"))]
pub mod app;
