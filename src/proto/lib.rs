//! Generated from `proto/`, committed, untouched. `tests/it/golden/generated_code.rs` regenerates
//! it and compares.

#![expect(
    missing_docs,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

/// The API `leasehold.v1`.
pub mod v1 {
    include!("gen/leasehold.v1.rs");
}

/// The SPIFFE Workload API, for the development trust domain's server.
pub mod workload {
    include!("gen/workload.rs");
}

/// The encoded descriptors of `leasehold.v1`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");
