//! A small TCP proxy that misbehaves as told, for tests of faults. One thread per direction of a
//! connection; not for load.

use anyhow::Result;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How it treats traffic from now on, open connections too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Passes everything on.
    Pass,
    /// Holds everything back, both ways, until told otherwise.
    Pause,
    /// Passes requests on and holds answers back until told otherwise.
    HoldAnswers,
    /// Passes requests on and, at the first byte of an answer, closes the connection instead.
    DropAnswers,
    /// Closes open connections and takes new ones only to close them.
    Refuse,
}

/// The proxy. Stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    behaviour: Mutex<Behaviour>,
    changed: Condvar,
    stopped: AtomicBool,
    dropped_answers: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free loopback port and passes everything on to `target` (`host:port`).
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: target.into(),
            behaviour: Mutex::new(Behaviour::Pass),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            dropped_answers: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accepting.accept_all(&listener));
        Ok(Self { address, shared })
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *held(&self.shared.behaviour) = behaviour;
        self.shared.changed.notify_all();
        if behaviour == Behaviour::Refuse {
            self.shared.close_all();
        }
    }

    /// How many answers it has dropped.
    #[must_use]
    pub fn dropped_answers(&self) -> u64 {
        self.shared.dropped_answers.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.behave(Behaviour::Refuse);
        // Wakes the accepting thread, which then sees that it is over.
        let _woken = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept_all(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            if *held(&self.behaviour) == Behaviour::Refuse {
                continue;
            }
            // A target that is away looks like a closed connection to the caller.
            let Ok(target) = TcpStream::connect(&self.target) else { continue };
            let _connected = self.connect(stream, target);
        }
    }

    fn connect(self: &Arc<Self>, stream: TcpStream, target: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        target.set_nodelay(true)?;
        held(&self.open).extend([stream.try_clone()?, target.try_clone()?]);
        let (there, back) = ((stream.try_clone()?, target.try_clone()?), (target, stream));
        let shared = Arc::clone(self);
        std::thread::spawn(move || shared.pump(there, Way::There));
        let shared = Arc::clone(self);
        std::thread::spawn(move || shared.pump(back, Way::Back));
        Ok(())
    }

    fn pump(&self, (mut from, mut to): (TcpStream, TcpStream), way: Way) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let behaviour = self.wait_while_held(way);
            if way == Way::Back && behaviour == Behaviour::DropAnswers {
                self.dropped_answers.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
                break;
            }
        }
        let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn wait_while_held(&self, way: Way) -> Behaviour {
        let is_held = |behaviour: &mut Behaviour| match way {
            Way::There => *behaviour == Behaviour::Pause,
            Way::Back => matches!(behaviour, Behaviour::Pause | Behaviour::HoldAnswers),
        };
        *self.changed.wait_while(held(&self.behaviour), is_held).unwrap_or_else(PoisonError::into_inner)
    }

    fn close_all(&self) {
        for stream in held(&self.open).drain(..) {
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
