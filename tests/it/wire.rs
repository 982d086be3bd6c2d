//! The gRPC surface over real TLS and HTTP/2 on loopback: a whole broker on the embedded store, with
//! an engine in memory that knows key-value secrets only.

mod attack;
mod broker;
mod coverage;
mod engine;
mod evidence;
mod faces;
mod foreign;
mod public_log;
mod signals;
mod trace;
mod walk;
mod witness;
