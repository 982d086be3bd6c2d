//! Chores of the workshop, and the peers that tests, demo and benches start. Depends on nothing
//! of the product: it starts binaries and talks to them as any stranger would.

pub mod peers;
