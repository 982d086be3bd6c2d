//! The smallest words of the domain: digests, ids, times, SPIFFE IDs, secrets.
//!
//! Nothing here knows about entries, tasks or leases.

pub mod digest;
pub mod ids;
pub mod name;
pub mod secret;
pub mod spiffe_id;
pub(crate) mod text_form;
pub mod time;

pub use digest::Digest;
pub use ids::{ConnectionId, LeaseId, RequestId, TaskId};
pub use name::Name;
pub use secret::Secret;
pub use spiffe_id::{SpiffeId, TrustDomain};
pub use time::{Span, Time};
