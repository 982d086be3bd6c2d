//! The business, pure: no clock, no chance, no threads, no input or output.
//!
//! Inner order, lowest first: `base` (ids, time, SPIFFE ids, secrets) → `reason` → `svid` → `entry`
//! (types, bytes, commitments) → `estate`, `roles` → `state` (decide, apply, due). Tidy holds the order.

pub mod base;
pub mod entry;
pub mod reason;
pub mod svid;
