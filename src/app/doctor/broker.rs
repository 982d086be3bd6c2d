//! The broker's own side, looked at from where `leasehold doctor` runs: its files, its identity, its
//! login. Looks only; the one thing that it leaves behind is a token of that login, which dies unused
//! after its period.

use crate::adapters::spire::{SpireOptions, SpireTrust, TrustPolicy};
use crate::adapters::sqlite;
use crate::adapters::system::SystemClock;
use crate::app::config::Config;
use crate::app::serve;
use crate::domain::base::{SpiffeId, Time};
use crate::domain::preflight::{BrokerSurvey, Seen};
use crate::ports::{Clock, EngineHealth, TrustSource as _};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Who this process is to the Workload API.
pub(super) struct Standing {
    trust: Option<Arc<SpireTrust>>,
    identity: Seen<SpiffeId>,
    tasks: TaskTracker,
}

impl Standing {
    /// Asks as the broker would: at the configured endpoint, else at `socket`.
    pub(super) async fn take(config: &Config, socket: Option<&str>) -> Self {
        let tasks = TaskTracker::new();
        let Some(endpoint) = config.workload_api.as_deref().or(socket) else {
            return Self { trust: None, identity: Seen::Absent, tasks };
        };
        let policy = TrustPolicy::Written { own: config.trust_domain.clone(), federated: config.federated.clone() };
        let options = SpireOptions { endpoint: Some(endpoint.to_owned()), policy, start_timeout: SVID_MAX };
        match SpireTrust::start(options, &tasks).await {
            Ok(trust) => Self { identity: Seen::Is(trust.own_id()), trust: Some(trust), tasks },
            Err(error) => Self { trust: None, identity: Seen::Unread(error.to_string()), tasks },
        }
    }

    pub(super) fn id(&self) -> Option<&SpiffeId> {
        match &self.identity {
            Seen::Is(id) => Some(id),
            Seen::Absent | Seen::Unread(_) => None,
        }
    }

    /// All facts. The login is tried only where it says something about the broker.
    pub(super) async fn survey(&self, config: &Config, try_login: bool) -> BrokerSurvey {
        let login = match &self.trust {
            Some(trust) if try_login => Some(self.log_in(config, trust).await),
            _ => None,
        };
        BrokerSurvey {
            log_mode: mode(&config.log.file),
            log_room: match sqlite::room_is_whole(&config.log.file) {
                Ok(Some(is_whole)) => Seen::Is(is_whole),
                Ok(None) => Seen::Absent,
                Err(error) => Seen::Unread(error.to_string()),
            },
            key_mode: mode(&config.log.key_file),
            identity: self.identity.clone(),
            login,
        }
    }

    async fn log_in(&self, config: &Config, trust: &Arc<SpireTrust>) -> Result<(), String> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start(Time::default()));
        let engine = serve::engine(config, trust, &clock, &self.tasks).map_err(|error| format!("{error:#}"))?;
        match engine.health().await {
            EngineHealth::Ready => Ok(()),
            EngineHealth::Unready(why) | EngineHealth::Unreachable(why) => Err(why),
        }
    }
}

fn mode(file: &Path) -> Seen<u32> {
    match std::fs::metadata(file) {
        Ok(metadata) => Seen::Is(metadata.permissions().mode() & 0o777),
        Err(error) if error.kind() == ErrorKind::NotFound => Seen::Absent,
        Err(error) => Seen::Unread(error.to_string()),
    }
}

/// An agent that runs answers sooner.
const SVID_MAX: Duration = Duration::from_secs(5);
