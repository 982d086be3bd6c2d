//! A public log of any size without a broker, its server, and a client that makes paths by itself.

use crate::sim::store::{SimDisk, SimStore};
use leasehold::domain::state::Lane;
use leasehold::domain::state::State;
use leasehold::ports::{Batch, LogStore as _, NewEntry, Tile};
use leasehold::services::journal::Published;
use leasehold::services::tiles::PublicLog;
use leasehold::surfaces::http::{self, HttpLimits};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::tree::Edge;
use reqwest::{Client, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) const ORIGIN: &str = "leasehold.test/http";

/// A log that grows by counting.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    client: Client,
    store: Arc<SimStore>,
    stored: Edge,
    published: Arc<Mutex<Arc<Published>>>,
    _stop: DropGuard,
}

impl Site {
    pub(super) async fn open() -> Self {
        Self::with(HttpLimits::default()).await
    }

    pub(super) async fn with(limits: HttpLimits) -> Self {
        let store = Arc::new(SimDisk::default().open());
        let nothing = Published { state: State::default(), checkpoint: String::new(), edge: Edge::new() };
        let published = Arc::new(Mutex::new(Arc::new(nothing)));
        let shown = Arc::clone(&published);
        let log = PublicLog::new(store.clone(), move || Arc::clone(&shown.lock().unwrap()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let address = serve(log, limits, &tasks, &stop).await;
        let (client, guard) = (client(), stop.clone().drop_guard());
        Self { address, stop, tasks, client, store, stored: Edge::new(), published, _stop: guard }
    }

    /// Stores entries up to this size, and publishes them.
    pub(super) async fn grow_to(&mut self, size: u64) {
        self.store_to(size).await;
        self.publish(self.stored.clone());
    }

    /// Publishes entries up to this size that the store has lost.
    pub(super) fn claim(&self, size: u64) {
        let mut edge = Edge::new();
        for index in 0..size {
            drop(edge.push(leaf_hash(&entry(index))));
        }
        self.publish(edge);
    }

    fn publish(&self, edge: Edge) {
        let checkpoint = checkpoint(&edge);
        *self.published.lock().unwrap() = Arc::new(Published { state: State::default(), checkpoint, edge });
    }

    /// Stores entries up to this size, and publishes none of them.
    pub(super) async fn store_to(&mut self, size: u64) {
        let expected_size = self.stored.size();
        let (mut entries, mut tiles) = (Vec::new(), Vec::new());
        for index in expected_size..size {
            let bytes = entry(index);
            let full = self.stored.push(leaf_hash(&bytes)).into_iter();
            tiles.extend(full.map(|tile| Tile { level: tile.level, number: tile.number, bytes: tile.bytes }));
            entries.push(NewEntry { bytes, openings: Vec::new() });
        }
        let checkpoint = checkpoint(&self.stored);
        let batch = Batch { expected_size, entries, tiles, checkpoint, lane: Lane::Ordinary, erased: Vec::new() };
        self.store.append(batch).await.unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("http://{}/{path}", self.address)).send().await.unwrap()
    }

    /// The body of what must be there.
    pub(super) async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }

    pub(super) async fn is_there(&self, path: &str) -> bool {
        match self.get(path).await.status() {
            StatusCode::OK => true,
            StatusCode::NOT_FOUND => false,
            other => panic!("{path}: {other}"),
        }
    }
}

/// Starts the server of a log.
pub(crate) async fn serve(
    log: PublicLog,
    limits: HttpLimits,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(http::serve(listener, log, limits, tasks.clone(), stop.clone()));
    address
}

/// A client that knows no proxy and no TLS.
pub(crate) fn client() -> Client {
    Client::builder().tls_certs_only(Vec::new()).no_proxy().http1_only().build().unwrap()
}

/// `tile/<content>/<N>[.p/<W>]` as the specification writes it; not by our own code.
pub(crate) fn path(content: &str, number: u64, width: u64) -> String {
    let digits = number.to_string();
    let digits = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
    let groups: Vec<&str> = (0..digits.len()).step_by(3).map(|at| &digits[at..at + 3]).collect();
    let (last, front) = groups.split_last().unwrap();
    let front: String = front.iter().map(|group| format!("x{group}/")).collect();
    let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
    format!("tile/{content}/{front}{last}{partial}")
}

/// What stands at an index; now and then an empty entry.
pub(super) fn entry(index: u64) -> Vec<u8> {
    if index % 7 == 3 { Vec::new() } else { format!("entry {index}").into_bytes() }
}

fn checkpoint(edge: &Edge) -> String {
    let signer = Signer::generate(ORIGIN, [3; 32]).unwrap();
    Checkpoint { origin: ORIGIN.into(), size: edge.size(), root: edge.root() }.sign(&signer)
}
