//! Facts about the engine: one test per sentence about Vault that the house relies on, against a
//! real OpenBao and a real PostgreSQL. A sentence that is not here is not relied on.
//!
//! One is measured but has no test, because chance decides: of 1,500 mints whose caller hung up after
//! 1 to 30 ms, 26 left an account without a lease (design: Closing an intent).

mod audit;
mod database;
mod ending;
mod kv;
mod leases;
mod login;
mod pki;
mod tokens;
