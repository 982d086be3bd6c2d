//! Against real peers: OpenBao and PostgreSQL, started by the tests and gone with them.

mod bench;
mod engine_facts;
mod peers;
mod postgres_probe;
mod vault_adapter;
pub(crate) mod world;
