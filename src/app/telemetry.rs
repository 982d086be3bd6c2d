//! Logs of the broker: one line each on standard error, fixed messages with fields, ids and never
//! payloads. `LEASEHOLD_LOG` filters, such as `leasehold=debug`; what must never be written, no
//! filter can ask for.

use std::io;
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

/// Starts logging. A second call changes nothing.
pub fn start() {
    let asked = environment("LEASEHOLD_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let asked = asked.unwrap_or_else(|| EnvFilter::new(FILTER));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false).with_filter(filter_fn(may_be_written));
    // Fails only if logging was started before.
    let _ = Registry::default().with(asked).with(lines).try_init();
}

/// The engine's client libraries put the paths of requests into their spans, and a lease id is a path.
fn may_be_written(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    !["rustify", "vaultrs"].contains(&library)
}

/// Unless something else is asked for. The targets of every floor begin with the product's name.
const FILTER: &str = "leasehold=info,warn";

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the one place where the broker reads its environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_filter_that_names_the_product_covers_every_floor() {
        let page = Page::default();
        let writer = page.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).with_ansi(false);
        tracing::subscriber::with_default(Registry::default().with(lines).with(EnvFilter::new(FILTER)), || {
            tracing::info!(target: "leasehold::app::serve", "of the root package");
            tracing::info!(target: "leasehold_services::journal", "of a floor");
            tracing::info!(target: "tonic", "of a library");
        });
        let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(page.contains("of the root package") && page.contains("of a floor"), "{page}");
        assert!(!page.contains("of a library"), "{page}");
    }

    #[test]
    fn spans_that_hold_paths_of_requests_are_never_written() {
        let page = Page::default();
        let writer = page.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).with_ansi(false);
        let lines =
            Registry::default().with(EnvFilter::new("trace")).with(lines.with_filter(filter_fn(may_be_written)));
        tracing::subscriber::with_default(lines, || {
            let _engine = tracing::info_span!(target: "rustify::endpoint", "exec", path = "database/creds/x").entered();
            tracing::info!(target: "leasehold_services", "a line of ours");
            tracing::error!(target: "vaultrs", path = "database/creds/x", "a line of theirs");
        });
        let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(page.contains("a line of ours"), "{page}");
        assert!(!page.contains("database") && !page.contains("theirs"), "{page}");
    }
}
