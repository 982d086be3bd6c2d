//! The engine's set-up, read with an operator's token: one GET per fact, none of them a secret. It
//! never logs in and never writes. `app` builds a [`VaultSurveyor`] for `leasehold doctor` only.

use super::answers::Keys;
use super::wire::{Call, Complaint, Effect, Reach, Wire};
use async_trait::async_trait;
use domain::base::{Name, Secret};
use domain::estate::{Credential, Estate, Kind};
use domain::preflight::{DatabaseRole, DatabaseSurvey, Expected, PkiSurvey, Seen, Survey};
use domain::vault_policy::{self, TOKEN_ROLE};
use ports::{Fault, FaultKind, Surveyor};
use rustify::enums::RequestMethod;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Where the engine is, and who looks.
pub struct SurveyorSettings {
    /// `https://host:port`; `http://` only on loopback.
    pub address: String,
    /// PEM file with the authorities that may vouch for it. Required for `https`.
    pub ca_file: Option<PathBuf>,
    /// The namespace, if the engine has them.
    pub namespace: Option<String>,
    /// A token of an operator's; `deploy/openbao/doctor_policy.hcl` is all that it needs.
    pub token: Secret,
    /// The longest wait for one answer.
    pub deadline: Duration,
}

/// Vault or OpenBao, looked at.
pub struct VaultSurveyor {
    wire: Wire,
    token: Secret,
}

impl VaultSurveyor {
    /// Reads the authorities and prepares connections; nothing is sent yet.
    ///
    /// # Errors
    /// `Permanent`, with the setting to change.
    pub fn new(settings: SurveyorSettings) -> Result<Self, Fault> {
        let reach = Reach {
            address: &settings.address,
            ca_file: settings.ca_file.as_deref(),
            namespace: settings.namespace.as_deref(),
            deadline: settings.deadline,
        };
        Ok(Self { wire: Wire::new(&reach, 1)?, token: settings.token })
    }

    async fn fact<T: DeserializeOwned>(&self, path: &str) -> Seen<T> {
        self.ask(RequestMethod::GET, path).await.unwrap_or_else(Seen::Unread)
    }

    async fn ask<T: DeserializeOwned>(&self, method: RequestMethod, path: &str) -> Result<Seen<T>, String> {
        let call = Call::new("reading its set-up", Effect::Looks, method, path);
        let sentence = |fault: Fault| fault.sentence;
        let answer = self.wire.send(&call, Some(&self.token)).await.map_err(sentence)?;
        // `sys/mounts` and the request headers answer 400 about what does not exist.
        match (answer.status, answer.complaint()) {
            (404, _) | (400, Complaint::NoSuchThing) => return Ok(Seen::Absent),
            (403, _) => return Err("the token may not read it".into()),
            _ => {}
        }
        let answer = answer.or_fault(&call).map_err(sentence)?;
        let data = answer.read::<T>(&call).map_err(sentence)?.data;
        data.map(Seen::Is).ok_or_else(|| "the engine's answer says nothing about it".into())
    }

    /// The facts that every engine has; those of the credentials are still to come.
    async fn engine_itself(&self, expected: &Expected<'_>) -> Survey {
        let login = format!("auth/{}", expected.login_mount);
        let headers: Seen<BTreeMap<String, Header>> = self.fact(ENTRY_HEADER).await;
        let names = self.ask(RequestMethod::LIST, "sys/policies/acl").await.unwrap_or_else(Seen::Unread);
        Survey {
            server: self.fact("sys/config/state/sanitized").await,
            audit_devices: self.fact("sys/audit").await,
            entry_header_hashed: map(headers, |headers| headers.values().any(|header| header.hmac)),
            login_config: self.fact(&format!("{login}/config")).await,
            login_role: self.fact(&format!("{login}/role/{}", expected.login_role)).await,
            token_role: self.fact(&format!("auth/token/roles/{TOKEN_ROLE}")).await,
            policy_names: map(names, |names: Keys| names.keys),
            policies: BTreeMap::new(),
            databases: BTreeMap::new(),
            authorities: BTreeMap::new(),
            stores: BTreeMap::new(),
        }
    }

    async fn policies(&self, estate: &Estate) -> BTreeMap<String, Seen<String>> {
        let mut seen = BTreeMap::new();
        for (name, _) in vault_policy::policies(estate) {
            let text = self.fact(&format!("sys/policies/acl/{name}")).await;
            seen.insert(name, map(text, |text: PolicyText| text.policy));
        }
        seen
    }

    async fn credential(&self, name: &Name, credential: &Credential, survey: &mut Survey) {
        let (mount, role) = credential.path.of_kind(credential.kind).unwrap_or_default();
        let name = name.clone();
        match credential.kind {
            Kind::Database => drop(survey.databases.insert(name, self.database(mount, role).await)),
            Kind::Kv => drop(survey.stores.insert(name, self.fact(&format!("sys/mounts/{mount}")).await)),
            Kind::Pki => {
                let role = self.fact(&format!("{mount}/roles/{role}")).await;
                let crl = self.fact(&format!("{mount}/config/crl")).await;
                survey.authorities.insert(name, PkiSurvey { role, crl });
            }
        }
    }

    async fn database(&self, mount: &str, role: &str) -> DatabaseSurvey {
        let role: Seen<DatabaseRole> = self.fact(&format!("{mount}/roles/{role}")).await;
        let connection = match &role {
            Seen::Is(role) => self.fact(&format!("{mount}/config/{}", role.db_name)).await,
            Seen::Absent | Seen::Unread(_) => Seen::Unread("its name stands in the role".into()),
        };
        DatabaseSurvey { role, connection }
    }
}

#[async_trait]
impl Surveyor for VaultSurveyor {
    async fn survey(&self, expected: &Expected<'_>) -> Result<Survey, Fault> {
        let mut survey = self.engine_itself(expected).await;
        if let Some(why) = blindness(&survey) {
            return Err(Fault::new(FaultKind::Permanent, why));
        }
        survey.policies = self.policies(expected.estate).await;
        for (name, credential) in expected.estate.credentials() {
            self.credential(name, credential, &mut survey).await;
        }
        Ok(survey)
    }
}

/// Why nothing could be read, if nothing could be read.
fn blindness(survey: &Survey) -> Option<String> {
    let sights = [
        unread(&survey.server),
        unread(&survey.audit_devices),
        unread(&survey.entry_header_hashed),
        unread(&survey.login_config),
        unread(&survey.login_role),
        unread(&survey.token_role),
        unread(&survey.policy_names),
    ];
    let [first, ..] = sights;
    sights.iter().all(Option::is_some).then(|| first.unwrap_or_default().to_owned())
}

fn unread<T>(seen: &Seen<T>) -> Option<&str> {
    match seen {
        Seen::Unread(why) => Some(why),
        Seen::Is(_) | Seen::Absent => None,
    }
}

fn map<T, U>(seen: Seen<T>, of: impl FnOnce(T) -> U) -> Seen<U> {
    match seen {
        Seen::Is(fact) => Seen::Is(of(fact)),
        Seen::Absent => Seen::Absent,
        Seen::Unread(why) => Seen::Unread(why),
    }
}

/// `data` of `sys/policies/acl/<name>`.
#[derive(Deserialize)]
struct PolicyText {
    policy: String,
}

/// `data` of an audited request header, below its name.
#[derive(Deserialize)]
struct Header {
    hmac: bool,
}

const ENTRY_HEADER: &str = "sys/config/auditing/request-headers/x-leasehold-entry";
