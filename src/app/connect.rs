//! How the command line reaches a broker: mutual TLS under the caller's own SVID, to exactly the
//! broker that was named. The verifier is the broker's own.

use crate::adapters::spire::{SpireOptions, SpireTrust, TrustPolicy, client_channel};
use crate::adapters::system::{OsEntropy, SystemClock};
use crate::client::{Connect, Target};
use crate::domain::base::Time;
use crate::ports::entropy;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

/// Channels under the caller's own SVID.
#[derive(Default)]
pub struct SvidConnect {
    /// Kept for as long as the channel is used.
    held: Mutex<Vec<Arc<SpireTrust>>>,
}

/// A new entry may take ten seconds from SPIRE's server to its agent.
const START_MAX: Duration = Duration::from_secs(15);

#[async_trait]
impl Connect for SvidConnect {
    async fn channel(&self, target: &Target) -> anyhow::Result<Channel> {
        let options = SpireOptions {
            endpoint: Some(target.socket.clone()),
            policy: TrustPolicy::AsDelivered,
            start_timeout: START_MAX,
        };
        let trust = SpireTrust::start(options, &TaskTracker::new()).await?;
        let clock = Arc::new(SystemClock::start(Time::default()));
        let channel = client_channel(&trust, clock, &target.address, target.broker_id.clone())?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(trust);
        Ok(channel)
    }

    fn chance(&self) -> [u8; 16] {
        entropy::bytes(&OsEntropy)
    }
}
