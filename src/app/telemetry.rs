//! Logs of the broker: one line each on standard error, fixed messages with fields, ids and never
//! payloads. `LEASEHOLD_LOG` filters, such as `leasehold=debug`.

use tracing_subscriber::EnvFilter;

/// Starts logging. A second call changes nothing.
pub fn start() {
    let filter = environment("LEASEHOLD_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("leasehold=info,warn"));
    // Fails only if logging was started before.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the one place where the broker reads its environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
