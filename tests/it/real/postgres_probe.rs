//! The PostgreSQL probe on the real thing.

use super::bench::real_probe;

crate::contract::probe::probe_contract!(real_probe);
