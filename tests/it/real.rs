//! Against real peers: OpenBao and PostgreSQL, started by the tests and gone with them.

mod bench;
mod crash;
mod doctor;
mod engine_facts;
mod hostile_users;
pub(crate) mod house;
mod lab;
mod outages;
mod peers;
mod postgres_probe;
mod public_log;
mod repeats;
mod vault_adapter;
mod vault_faults;
mod vault_policy;
mod witness;
pub(crate) mod world;
