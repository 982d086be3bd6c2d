//! How the surface speaks HTTP, and that a rude client holds up nobody for long.

use super::site::Site;
use leasehold::surfaces::http::HttpLimits;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(150);
const CHECKPOINT: &str = "GET /checkpoint HTTP/1.1\r\nhost: x\r\n\r\n";

/// A client that says exactly what it is told to.
struct Raw(TcpStream);

impl Raw {
    async fn to(site: &Site) -> Self {
        Self(TcpStream::connect(site.address).await.unwrap())
    }

    /// Asks, and gives the head of the answer.
    async fn ask(&mut self, request: &str) -> String {
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, self.0.read_u8()).await.expect("an answer").unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Waits until the server has closed; a reset is one way to do so.
    async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _reset = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the server closes");
        rest
    }
}

async fn grown(limits: HttpLimits) -> Site {
    let mut site = Site::with(limits).await;
    site.grow_to(300).await;
    site
}

#[tokio::test]
async fn each_answer_says_what_it_is_and_how_long_it_stays_true() {
    let site = grown(HttpLimits::default()).await;
    let table = [
        ("checkpoint", 200, "text/plain; charset=utf-8", "no-cache"),
        ("tile/0/000", 200, "application/octet-stream", "public, max-age=31536000, immutable"),
        ("tile/0/001.p/44", 200, "application/octet-stream", "public, max-age=31536000, immutable"),
        ("tile/entries/001.p/44", 200, "application/octet-stream", "public, max-age=31536000, immutable"),
        ("tile/0/001", 404, "text/plain; charset=utf-8", "no-store"),
        ("elsewhere", 404, "text/plain; charset=utf-8", "no-store"),
    ];
    for (path, status, media, caching) in table {
        let answer = site.get(path).await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let said = (answer.status().as_u16(), header("content-type"), header("cache-control"));
        assert_eq!(said, (status, media, caching), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "a web page may not read it");
    }
}

#[tokio::test]
async fn what_the_store_has_lost_is_a_fault_and_not_an_absence() {
    let site = Site::open().await;
    site.claim(300);
    assert_eq!(site.get("tile/0/001.p/44").await.status(), 200, "the edge is in memory");
    for lost in ["tile/0/000", "tile/0/000.p/9", "tile/entries/000", "tile/entries/001.p/44"] {
        let answer = site.get(lost).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["cache-control"].as_bytes()), (503, &b"no-store"[..]));
        assert_eq!(answer.text().await.unwrap(), "the log could not be read\n");
    }
}

#[tokio::test]
async fn head_tells_the_length_and_other_methods_are_refused() {
    let site = grown(HttpLimits::default()).await;
    let mut raw = Raw::to(&site).await;
    for (path, length) in [("/tile/0/000", 8_192), ("/tile/1/000.p/1", 32)] {
        let head = raw.ask(&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("content-length: {length}\r\n")), "{head}");
    }
    // No body came between: the next answer is read from the same place.
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in ["/checkpoint", "/tile/0/000"] {
            let mut raw = Raw::to(&site).await;
            let head = raw.ask(&format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET,HEAD"), "{method} {path}: {head}");
        }
    }
}

#[tokio::test]
async fn bodies_are_not_read() {
    let site = grown(HttpLimits::default()).await;
    for method in ["GET", "POST"] {
        let mut raw = Raw::to(&site).await;
        let status = if method == "GET" { "200" } else { "405" };
        let request = format!("{method} /checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n");
        let head = raw.ask(&request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        raw.closed().await;
    }
}

#[tokio::test]
async fn a_head_has_bounds_in_bytes_and_in_time() {
    let site = grown(HttpLimits { head_max: SHORT, ..HttpLimits::default() }).await;
    let fits = format!("GET /checkpoint HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(4_000));
    assert!(Raw::to(&site).await.ask(&fits).await.starts_with("HTTP/1.1 200 "));
    let large = format!("GET /checkpoint HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    assert!(Raw::to(&site).await.ask(&large).await.starts_with("HTTP/1.1 431 "));
    for begun in ["", "GET /checkpoint HTTP/1.1\r\nho"] {
        let mut slow = Raw::to(&site).await;
        slow.0.write_all(begun.as_bytes()).await.unwrap();
        assert!(!String::from_utf8_lossy(&slow.closed().await).contains(" 200 "));
    }
    let mut idle = Raw::to(&site).await;
    assert!(idle.ask(CHECKPOINT).await.starts_with("HTTP/1.1 200 "));
    idle.closed().await;
}

#[tokio::test]
async fn no_connection_stays_for_ever() {
    let site = grown(HttpLimits { connection_max: SHORT, ..HttpLimits::default() }).await;
    let mut raw = Raw::to(&site).await;
    assert!(raw.ask(CHECKPOINT).await.starts_with("HTTP/1.1 200 "));
    raw.closed().await;
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_waits_for_the_next_free_one() {
    let limits = HttpLimits { connections_max: 2, ..HttpLimits::default() };
    let site = grown(limits).await;
    let (mut first, mut second) = (Raw::to(&site).await, Raw::to(&site).await);
    for raw in [&mut first, &mut second] {
        assert!(raw.ask(CHECKPOINT).await.starts_with("HTTP/1.1 200 "));
    }
    let mut third = Raw::to(&site).await;
    third.0.write_all(CHECKPOINT.as_bytes()).await.unwrap();
    assert!(timeout(SHORT, third.0.read_u8()).await.is_err(), "there is no place yet");
    drop(first);
    assert_eq!(timeout(PATIENCE, third.0.read_u8()).await.expect("a place").unwrap(), b'H');
}

#[tokio::test]
async fn the_end_waits_for_nobody_who_says_nothing() {
    let site = grown(HttpLimits { last_answer_max: SHORT, ..HttpLimits::default() }).await;
    let (mut idle, mut half) = (Raw::to(&site).await, Raw::to(&site).await);
    assert!(idle.ask(CHECKPOINT).await.starts_with("HTTP/1.1 200 "));
    half.0.write_all(b"GET /check").await.unwrap();
    site.stop.cancel();
    site.tasks.close();
    timeout(PATIENCE, site.tasks.wait()).await.expect("all connections end");
    idle.closed().await;
    half.closed().await;
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens any more");
}
