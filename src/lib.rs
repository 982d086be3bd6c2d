//! Leasehold: a SPIFFE-based secret broker for AI workloads, in Rust.
//!
//! The house is a stack of floors, one crate each (see ARCHITECTURE.md), and this crate is its door:
//! it names the floors, and holds `app`, which wires them. Nothing else lives here.
//!
//! Without features the crate is `tlog`, `domain` and `audit` alone: the offline verifier
//! that an outside auditor can build without any network code.

pub use audit;
pub use domain;
pub use tlog;

#[cfg(feature = "server")]
pub use {adapters, failpoint, ports, services, surfaces};

#[cfg(any(feature = "server", feature = "client", feature = "dev"))]
pub use proto;

#[cfg(feature = "client")]
pub use client;
#[cfg(feature = "dev")]
pub use devtrust;

#[cfg(all(feature = "server", feature = "client", feature = "dev"))]
pub mod app;
