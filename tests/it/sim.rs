//! The simulation: ports with behaviour and scripted faults, so that every fault can be had on demand.

mod full_disk;
pub(crate) mod shelf;
pub(crate) mod store;
