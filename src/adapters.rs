//! One outside thing each, behind a port. Adapters never see each other or the services.

pub mod spire;
pub mod sqlite;
pub mod system;
