//! One outside thing each, behind a port. Adapters never see each other or the services.

pub mod spire;
