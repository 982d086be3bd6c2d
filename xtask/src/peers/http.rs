//! Just enough HTTP to talk JSON to a server on loopback, without TLS. One request, one
//! connection; HTTP/1.0, so that no answer comes in chunks.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// An answer: the status, and the body as JSON (`Null` if there was none).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For example 204.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// The text at a JSON pointer such as `/data/username`, or empty.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number at a JSON pointer, if there is one.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.body.pointer(pointer).and_then(Value::as_i64)
    }

    /// Whether one of the server's `errors` contains `part`.
    #[must_use]
    pub fn complains(&self, part: &str) -> bool {
        self.body.pointer("/errors").is_some_and(|errors| errors.to_string().contains(part))
    }
}

/// Sends one request to `address` (`host:port`) and reads the whole answer.
///
/// # Errors
/// When the server cannot be reached, is silent for thirty seconds or does not speak HTTP.
pub fn call(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
    let (status, body) = exchange(address, method, path, headers, body)?;
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// As [`call`], with the body as it came.
///
/// # Errors
/// As [`call`].
pub fn exchange(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no HTTP answer")?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP status")?;
    Ok((status, answer.split_off(end + 4)))
}
