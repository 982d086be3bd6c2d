//! The simulation: ports with behaviour and scripted faults, so that every fault can be had on demand.

mod broker;
mod engine;
mod faults;
mod full_disk;
mod laws;
mod peers;
mod postgres;
mod probe;
mod seed;
pub(crate) mod shelf;
pub(crate) mod store;
mod walk;
