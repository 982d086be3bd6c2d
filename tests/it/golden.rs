//! Golden files: what is generated or promised byte for byte.

mod auditing;
mod cli_help;
mod docs_examples;
mod errors;
mod evidence_format;
mod generated_code;

/// Compares with a committed file, or rewrites it if `LEASEHOLD_UPDATE_GOLDEN` is set.
pub(crate) fn same(path: &str, fresh: &str) {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("LEASEHOLD_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&place).unwrap_or_default();
    let line = committed.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    assert!(
        committed == fresh,
        "{path} is stale from line {}: run LEASEHOLD_UPDATE_GOLDEN=1 cargo test --test it, and read the difference",
        line.map_or(committed.lines().count().min(fresh.lines().count()), |line| line) + 1
    );
}
mod reasons;
mod roles;
