//! The only floor that may name everything: the command line, wiring, shutdown order.

pub mod cli;
pub mod config;
pub mod connect;
pub mod dev;
pub mod doctor;
mod key_file;
pub mod log_key;
pub mod serve;
pub mod telemetry;
pub mod vault;
pub mod witness;
mod witnessing;
