//! One contract suite per port. The real adapter and the simulated one run the same sentences, so
//! that they cannot drift apart: see the macros at the end of each suite.

pub(crate) mod index;
pub(crate) mod log_store;
pub(crate) mod probe;
pub(crate) mod secret_engine;
pub(crate) mod shelf;
