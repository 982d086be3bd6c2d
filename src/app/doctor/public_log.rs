//! The address of the public log, tried from where `leasehold doctor` runs.

use crate::domain::preflight::PublicLogSeen;
use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A checkpoint is shorter, with many cosignatures too.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Whether the log of this origin is served there, or could be.
pub(super) async fn look(listen: SocketAddr, origin: &str) -> PublicLogSeen {
    match TcpListener::bind(listen).await.map_err(|error| (error.kind(), error)) {
        Ok(_) => PublicLogSeen::Free,
        Err((ErrorKind::AddrInUse, _)) => match tokio::time::timeout(ANSWER_MAX, checkpoint(listen)).await {
            Ok(Ok(answer)) if answer.contains(&format!("\r\n\r\n{origin}\n")) => PublicLogSeen::Served,
            _ => PublicLogSeen::Taken,
        },
        Err((_, error)) => PublicLogSeen::Unusable(error.to_string()),
    }
}

async fn checkpoint(listen: SocketAddr) -> Result<String, Error> {
    let mut stream = TcpStream::connect(reachable(listen)).await?;
    let request = format!("GET /checkpoint HTTP/1.1\r\nhost: {listen}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Who listens everywhere is reached on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        named => named.ip(),
    };
    SocketAddr::new(ip, listen.port())
}
