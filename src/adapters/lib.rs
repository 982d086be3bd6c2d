//! One outside thing each, behind the traits in `ports`. Adapters never see each other or `services`.

pub mod index;
pub mod kept_file;
mod outgoing_tls;
pub mod probes;
pub mod shelf;
pub mod spire;
pub mod sqlite;
pub mod system;
mod thread;
pub mod vault;
mod whole_file;
pub mod witness;
