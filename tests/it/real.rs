//! Against real peers: OpenBao and PostgreSQL, started by the tests and gone with them.

mod engine_facts;
mod peers;
pub(crate) mod world;
