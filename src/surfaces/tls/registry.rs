//! The connection registry: who is connected, by what certificate, and the handle to close it.
//! A connection is closed when its certificate expires, when the bundle of its trust domain no
//! longer vouches for it, or when somebody says so ([`Registry::close_where`]).

use super::DoorLimits;
use super::session::Peer;
use domain::base::ConnectionId;
use domain::reason::{Denial, Reason};
use ports::entropy::bytes;
use ports::{Clock, Entropy, TrustSource};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One line of the registry.
pub type OpenConnection = Peer;

/// All established connections. One per listener.
pub struct Registry {
    open: Mutex<Open>,
    trust: Arc<dyn TrustSource>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    arrived: Notify,
}

#[derive(Default)]
struct Open {
    connections: BTreeMap<ConnectionId, Peer>,
    without_certificate: usize,
    refusals: BTreeMap<Reason, u64>,
}

/// A place in the registry, given back on drop.
pub(super) struct Registration {
    registry: Arc<Registry>,
    peer: Peer,
}

impl Registry {
    /// An empty registry. [`Registry::watch`] must run beside it.
    #[must_use]
    pub fn new(trust: Arc<dyn TrustSource>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), trust, clock, entropy, arrived: Notify::new() })
    }

    /// Closes what must not stay open, until `stop`: at each change of trust and at each expiry.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = self.trust.epoch();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.trust.changed(seen) => seen = self.trust.epoch(),
                () = self.arrived.notified() => {}
                () = tokio::time::sleep(self.until_expiry()) => {}
            }
            self.sweep();
        }
    }

    /// Closes every connection that `which` names and says how many.
    pub fn close_where(&self, which: impl Fn(&OpenConnection) -> bool) -> usize {
        let chosen: Vec<_> = self.lock().connections.values().filter(|peer| which(peer)).cloned().collect();
        chosen.iter().for_each(Peer::close);
        chosen.len()
    }

    /// The connections of this moment, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<OpenConnection> {
        self.lock().connections.values().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts a caller that was turned away, for the summary in the log.
    pub fn refused(&self, reason: Reason) {
        *self.lock().refusals.entry(reason).or_default() += 1;
    }

    /// The refusals since the last call, by reason.
    #[must_use]
    pub fn take_refusals(&self) -> BTreeMap<Reason, u64> {
        std::mem::take(&mut self.lock().refusals)
    }

    /// Enters a connection whose handshake is done. The chain is verified again, and once more
    /// after the entry if trust changed in between: so no withdrawal can fall between the two.
    pub(super) fn admit(self: &Arc<Self>, chain: Vec<Vec<u8>>, limits: &DoorLimits) -> Result<Registration, Denial> {
        let now = self.clock.read().time;
        let verified_in = self.trust.epoch();
        let subject = if chain.is_empty() { None } else { Some(self.trust.verify_x509(&chain, now)?) };
        let id = ConnectionId::new(now, bytes(&*self.entropy));
        let peer = Peer::new(id, subject, chain, verified_in);
        self.enter(&peer, limits)?;
        let registration = Registration { registry: Arc::clone(self), peer };
        registration.peer.check(&*self.trust, self.clock.read().time)?;
        self.arrived.notify_one();
        Ok(registration)
    }

    fn enter(&self, peer: &Peer, limits: &DoorLimits) -> Result<(), Denial> {
        let full = |sentence| Err(Denial::new(Reason::Overloaded, sentence));
        let mut open = self.lock();
        if open.connections.len() >= limits.established_max {
            return full("no place for another connection");
        }
        if peer.subject().is_none() {
            if open.without_certificate >= limits.without_certificate_max {
                return full("no place for another connection without a certificate");
            }
            open.without_certificate += 1;
        }
        open.connections.insert(peer.connection(), peer.clone());
        Ok(())
    }

    fn leave(&self, peer: &Peer) {
        let mut open = self.lock();
        if open.connections.remove(&peer.connection()).is_some() && peer.subject().is_none() {
            open.without_certificate -= 1;
        }
    }

    fn sweep(&self) {
        let now = self.clock.read().time;
        for peer in self.connections() {
            if let Err(denial) = peer.check(&*self.trust, now) {
                tracing::info!(connection = %peer.connection(), reason = %denial.reason, "connection closed");
                peer.close();
            }
        }
    }

    /// Until the next certificate ends, but at most one look apart: the clock may jump, and a
    /// suspended machine counts no sleep.
    fn until_expiry(&self) -> Duration {
        let now = self.clock.read().time;
        let open = self.lock();
        let next = open.connections.values().filter_map(|peer| peer.subject()).map(|subject| subject.not_after()).min();
        match next {
            Some(end) => (end.since(now).to_std() + Duration::from_millis(1)).min(LOOK_INTERVAL),
            None => LOOK_INTERVAL,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing under this lock can panic half-way; a poisoned map is still whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.leave(&self.peer);
    }
}

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
