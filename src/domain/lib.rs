//! The business, pure: no clock, no chance, no threads, no input or output.
//!
//! Inner order, lowest first: `base` (ids, time, SPIFFE ids, secrets) → `form` (files that people write) →
//! `reason` → `svid` → `entry` (types, bytes, commitments) → `estate`, `roles`, `judge` → `state` (decide,
//! apply, due) → `vault_policy`, `preflight`. Tidy holds the order (`tests/it/tidy/domain_order.rs`).

pub mod base;
pub mod entry;
pub mod estate;
pub mod form;
pub mod judge;
pub mod preflight;
pub mod reason;
pub mod roles;
pub mod state;
pub mod svid;
pub mod vault_policy;
