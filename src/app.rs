//! The only floor that may name everything: the command line, wiring, shutdown order.

pub mod cli;
pub mod connect;
