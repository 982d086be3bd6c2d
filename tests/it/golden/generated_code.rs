//! `src/proto/gen` is what the `.proto` files say. Run with `LEASEHOLD_UPDATE_GOLDEN=1` to rewrite it.

use prost::Message as _;
use std::fs;
use std::path::Path;

const API: [&str; 6] = [
    "leasehold/v1/estate_service.proto",
    "leasehold/v1/evidence_service.proto",
    "leasehold/v1/issuance_service.proto",
    "leasehold/v1/signal_service.proto",
    "leasehold/v1/status_service.proto",
    "leasehold/v1/task_service.proto",
];
/// Messages that carry secrets get no derived `Debug`.
const WITHOUT_DEBUG: [&str; 8] = [
    ".leasehold.v1.IssueSecretResponse",
    ".leasehold.v1.UsernamePassword",
    ".leasehold.v1.KeyValue",
    ".X509SVIDResponse",
    ".X509SVID",
    ".JWTSVIDResponse",
    ".JWTSVID",
    ".ValidateJWTSVIDRequest",
];

#[test]
fn committed_code_is_what_the_proto_files_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().unwrap();
    let mut protos = API.to_vec();
    protos.push("workload/workload.proto");
    let set = protox::compile(&protos, [root.join("proto")]).expect("the .proto files compile");
    fs::write(scratch.path().join("descriptors.bin"), api_only(&set).encode_to_vec()).unwrap();
    let builder = tonic_prost_build::configure()
        .out_dir(scratch.path())
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .skip_debug(WITHOUT_DEBUG);
    builder.compile_fds(set).expect("code is generated");
    fs::rename(scratch.path().join("_.rs"), scratch.path().join("workload.rs")).unwrap();
    for name in ["leasehold.v1.rs", "workload.rs", "descriptors.bin"] {
        let fresh = fs::read(scratch.path().join(name)).unwrap();
        let place = root.join("src/proto/gen").join(name);
        if std::env::var_os("LEASEHOLD_UPDATE_GOLDEN").is_some() {
            fs::write(&place, &fresh).unwrap();
        }
        let committed = fs::read(&place).unwrap_or_default();
        assert!(committed == fresh, "{name} is stale: run LEASEHOLD_UPDATE_GOLDEN=1 cargo test --test it golden");
    }
}

/// What reflection shows: the API without the Workload API.
fn api_only(set: &prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    let file = set.file.iter().filter(|file| !file.name().starts_with("workload/")).cloned().collect();
    prost_types::FileDescriptorSet { file }
}
