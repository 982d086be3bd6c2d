//! The only floor that may name everything: the command line, wiring, shutdown order.

pub mod cli;
pub mod config;
pub mod connect;
pub mod dev;
pub mod doctor;
mod key_file;
pub mod log_check;
pub mod log_key;
mod log_trouble;
mod public_log;
pub mod serve;
pub mod telemetry;
pub mod vault;
pub mod witness;
mod witnessing;
