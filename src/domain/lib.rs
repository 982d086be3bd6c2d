//! The business, pure: no clock, no chance, no threads, no input or output.
//!
//! Inner order, lowest first: `base` (ids, time, SPIFFE ids, secrets) → `form` → `reason` → `svid` →
//! `entry` (types, bytes, commitments) → `estate`, `roles`, `judge` → `state` (decide, apply, due).
//! Tidy holds the order.
//! Inner order, lowest first: `base` (ids, time, SPIFFE ids, secrets) → `reason`, `form` (files that people
//! write) → `svid` → `entry` (types, bytes, commitments) → `estate` → `roles`,
//! `vault_policy`, `preflight` → `state` (decide, apply, due). Tidy holds the order.

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
