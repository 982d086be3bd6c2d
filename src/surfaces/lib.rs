//! Dress and undress: what the outside touches. A surface verifies, parses, calls one service and
//! converts its answer; it decides nothing.

pub mod grpc;
pub mod http;
pub mod identity;
pub mod tls;
pub mod witness;
