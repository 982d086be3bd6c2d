//! The Vault adapter on the real thing.

use super::bench::real_engine;

crate::contract::secret_engine::secret_engine_contract!(real_engine);
