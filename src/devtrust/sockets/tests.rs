//! The directory of sockets on a real file system: modes, what stays, what is replaced.

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn sockets_are_private_and_gone_after_use() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("trust");
    let mut sockets = SocketDir::open(&dir).unwrap();
    let _listener = sockets.bind("a").unwrap();
    let path = sockets.path_of("a");
    assert_eq!(path, dir.join("sockets/a.sock"));
    assert_eq!((mode(&dir), mode(&dir.join("sockets")), mode(&path)), (0o700, 0o700, 0o600));
    drop(sockets);
    assert!(!dir.exists());
}

#[tokio::test]
async fn what_was_there_before_stays() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("sockets")).unwrap();
    fs::write(scratch.path().join("sockets/notes"), "mine").unwrap();
    let mut sockets = SocketDir::open(scratch.path()).unwrap();
    let _listener = sockets.bind("a").unwrap();
    assert_eq!(mode(&scratch.path().join("sockets")), 0o700);
    drop(sockets);
    let left: Vec<_> = fs::read_dir(scratch.path().join("sockets")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(left, [scratch.path().join("sockets/notes")]);
}

#[tokio::test]
async fn only_a_dead_socket_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let mut sockets = SocketDir::open(scratch.path()).unwrap();
    let path = sockets.path_of("a");
    // The standard library leaves the file behind, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    symlink("nowhere", sockets.link_of("a")).unwrap();
    assert!(path.exists());
    let listener = sockets.bind("a").unwrap();
    assert_eq!(fs::canonicalize(sockets.link_of("a")).unwrap(), fs::canonicalize(&path).unwrap());

    let mut second = SocketDir::open(scratch.path()).unwrap();
    assert!(matches!(second.bind("a"), Err(DevTrustError::InUse(_))));
    fs::write(second.path_of("b"), "mine").unwrap();
    assert!(matches!(second.bind("b"), Err(DevTrustError::InTheWay(_))));
    drop(second);
    assert!(path.exists() && sockets.link_of("a").exists(), "the loser removes nothing of the winner's");
    drop(listener);
}
