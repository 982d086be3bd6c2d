//! Against real peers: OpenBao and PostgreSQL, started by the tests and gone with them.

mod bench;
mod doctor;
mod engine_facts;
mod hostile_users;
mod lab;
mod peers;
mod postgres_probe;
mod vault_adapter;
mod vault_faults;
mod vault_policy;
pub(crate) mod world;
