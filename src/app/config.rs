//! `leasehold.toml`: raw as written, resolved once at the start. Unknown keys are refused with the
//! nearest known name; a dangerous key begins with `danger_`.

use crate::domain::base::{SpiffeId, TrustDomain};
use crate::domain::form::{self, Fields, Mistakes, Notes};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The broker's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The broker's own trust domain.
    pub trust_domain: TrustDomain,
    /// Other trust domains that are believed.
    pub federated: BTreeSet<TrustDomain>,
    /// Workload API; `None`: `SPIFFE_ENDPOINT_SOCKET`.
    pub workload_api: Option<String>,
    /// Where gRPC is served. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the public log is served over HTTP, if it is. Port 0 picks a free one.
    pub http: Option<SocketAddr>,
    /// The log.
    pub log: Log,
    /// Operators until the first estate names some.
    pub operators: BTreeSet<SpiffeId>,
    /// The engine.
    pub vault: Vault,
    /// Who vouches for the log; `None`: nobody is asked.
    pub witness: Option<Witness>,
    /// How long a proof of an end may be missing before the lease is shown as unproven, in seconds.
    pub proof_seconds_max: u64,
}

/// Where the log lives and who it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// File of the embedded store.
    pub file: PathBuf,
    /// File of the log's key; made on the first start.
    pub key_file: PathBuf,
    /// Origin line of the checkpoints, for ever.
    pub origin: String,
    /// `dev` or `prod`, for ever.
    pub mode: &'static str,
}

/// How to reach Vault or `OpenBao`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vault {
    /// `https://host:port`; `http://` on loopback only.
    pub address: String,
    /// PEM file with the authorities that may vouch for it.
    pub ca_file: Option<PathBuf>,
    /// Namespace, if the engine has them.
    pub namespace: Option<String>,
    /// Login with the broker's own JWT-SVID.
    pub jwt: JwtLogin,
    /// The engine's longest request time (`default_max_request_duration`), in seconds.
    pub request_seconds_max: u64,
}

/// Who vouches for the log, and how they are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// C2SP tlog-policy: the witnesses, where they are, and how many of them are enough.
    pub policy_file: PathBuf,
    /// PEM file with the authorities that may vouch for the witnesses' servers.
    pub ca_file: Option<PathBuf>,
}

/// The engine's JWT login.
#[derive(Debug, Clone, PartialEq)]
pub struct JwtLogin {
    /// Where it is mounted.
    pub mount: String,
    /// The role there.
    pub role: String,
    /// This engine's own audience.
    pub audience: String,
}

/// Without `proof_within`.
pub const PROOF_SECONDS_DEFAULT: u64 = 60;
const REQUEST_SECONDS_DEFAULT: u64 = 90;
const SECONDS_ALLOWED: std::ops::RangeInclusive<u64> = 1..=3_600;

impl Config {
    /// Reads the text of a `leasehold.toml`.
    ///
    /// # Errors
    /// [`Mistakes`], each with line, column and path.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        form::read(text, read, |_, _| {})
    }
}

fn read(root: &mut Fields<'_>, notes: &mut Notes<'_>) -> Option<Config> {
    let trust_domain = root.text_needed("trust_domain", notes, TrustDomain::parse);
    let federated = root.texts("federated", notes, TrustDomain::parse);
    let workload_api = root.text("workload_api", notes, endpoint);
    let listen = root.text("listen", notes, str::parse::<SocketAddr>);
    let http = root.table("http", notes).and_then(|http| read_http(http, notes));
    let log = root.table_needed("log", notes).and_then(|log| read_log(log, notes));
    let operators = root.table("bootstrap", notes).map(|bootstrap| read_bootstrap(bootstrap, notes));
    let vault = root.table_needed("vault", notes).and_then(|vault| read_vault(vault, notes));
    let witness = root.table("witness", notes).map(|witness| read_witness(witness, notes));
    let proof_seconds = root.text("proof_within", notes, seconds_up_to_an_hour);
    Some(Config {
        trust_domain: trust_domain?,
        federated,
        workload_api,
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8443))),
        http,
        log: log?,
        operators: operators.unwrap_or_default(),
        vault: vault?,
        // A table with a mistake in it is none; the mistake is noted.
        witness: witness.flatten(),
        proof_seconds_max: proof_seconds.unwrap_or(PROOF_SECONDS_DEFAULT),
    })
}

fn read_http(mut http: Fields<'_>, notes: &mut Notes<'_>) -> Option<SocketAddr> {
    let listen = http.text_needed("listen", notes, str::parse::<SocketAddr>);
    let public = http.flag("danger_public", notes);
    if listen.is_some_and(|listen| !public && !listen.ip().is_loopback()) {
        let sentence = "http.listen: the log would be open to strangers; say danger_public = true if it shall be";
        notes.at(&http.path_of("listen"), sentence);
    }
    http.close(notes);
    listen
}

fn read_log(mut log: Fields<'_>, notes: &mut Notes<'_>) -> Option<Log> {
    let file = log.text_needed("store", notes, store);
    let key_file = log.text("key_file", notes, path);
    let origin = log.text_needed("origin", notes, origin);
    let mode = log.text("mode", notes, mode);
    log.close(notes);
    let (file, origin) = (file?, origin?);
    Some(Log {
        key_file: key_file.unwrap_or_else(|| file.with_extension("key")),
        file,
        origin,
        mode: mode.unwrap_or("prod"),
    })
}

fn read_bootstrap(mut bootstrap: Fields<'_>, notes: &mut Notes<'_>) -> BTreeSet<SpiffeId> {
    let operators = bootstrap.texts("operators", notes, SpiffeId::parse);
    bootstrap.close(notes);
    operators
}

fn read_witness(mut witness: Fields<'_>, notes: &mut Notes<'_>) -> Option<Witness> {
    let policy_file = witness.text_needed("policy_file", notes, path);
    let ca_file = witness.text("ca_file", notes, path);
    witness.close(notes);
    Some(Witness { policy_file: policy_file?, ca_file })
}

fn read_vault(mut vault: Fields<'_>, notes: &mut Notes<'_>) -> Option<Vault> {
    let address = vault.text_needed("address", notes, address);
    let ca_file = vault.text("ca_file", notes, path);
    let namespace = vault.text("namespace", notes, word);
    let seconds = vault.text("max_request_duration", notes, seconds_up_to_an_hour);
    let jwt = vault.table_needed("auth", notes).and_then(|auth| read_auth(auth, notes));
    vault.close(notes);
    Some(Vault {
        address: address?,
        ca_file,
        namespace,
        jwt: jwt?,
        request_seconds_max: seconds.unwrap_or(REQUEST_SECONDS_DEFAULT),
    })
}

fn read_auth(mut auth: Fields<'_>, notes: &mut Notes<'_>) -> Option<JwtLogin> {
    let jwt = auth.table_needed("jwt", notes).and_then(|mut jwt| {
        let mount = jwt.text("mount", notes, word);
        let role = jwt.text("role", notes, word);
        let audience = jwt.text_needed("audience", notes, word);
        jwt.close(notes);
        Some(JwtLogin {
            mount: mount.unwrap_or_else(|| "jwt".into()),
            role: role.unwrap_or_else(|| "leasehold".into()),
            audience: audience?,
        })
    });
    auth.close(notes);
    jwt
}

fn endpoint(text: &str) -> Result<String, &'static str> {
    let known = text.starts_with("unix:///") || text.starts_with("tcp://");
    if known { Ok(text.into()) } else { Err("begins with unix:/// or tcp://") }
}

fn store(text: &str) -> Result<PathBuf, &'static str> {
    let file = text.strip_prefix("sqlite:").filter(|file| !file.is_empty());
    file.map(PathBuf::from).ok_or("is sqlite: and the path of a file")
}

fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() { Err("is the path of a file") } else { Ok(text.into()) }
}

fn origin(text: &str) -> Result<String, &'static str> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'+');
    let fits = (1..=255).contains(&text.len());
    if plain && fits { Ok(text.into()) } else { Err("is a schema-less URL such as leasehold.example.org/prod") }
}

fn mode(text: &str) -> Result<&'static str, &'static str> {
    match text {
        "prod" => Ok("prod"),
        "dev" => Ok("dev"),
        _ => Err("is prod or dev"),
    }
}

fn word(text: &str) -> Result<String, &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if plain { Ok(text.into()) } else { Err("is one word of printable ASCII") }
}

fn address(text: &str) -> Result<String, &'static str> {
    let known = text.starts_with("https://") || text.starts_with("http://");
    if known { Ok(text.trim_end_matches('/').into()) } else { Err("begins with https:// (http:// on loopback only)") }
}

fn seconds_up_to_an_hour(text: &str) -> Result<u64, String> {
    let seconds = crate::domain::base::Span::parse(text).map_err(|no| no.to_string())?.seconds();
    if SECONDS_ALLOWED.contains(&seconds) { Ok(seconds) } else { Err("is between 1s and 1h".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
trust_domain = "example.org"
federated = ["partner.example"]
workload_api = "unix:///run/spire/agent.sock"
listen = "127.0.0.1:0"
[log]
store = "sqlite:/var/lib/leasehold/log.db"
origin = "leasehold.example.org/prod"
[bootstrap]
operators = ["spiffe://example.org/people/platform-lead"]
[vault]
address = "https://vault.example.org:8200"
ca_file = "/etc/leasehold/vault-ca.pem"
max_request_duration = "2s"
auth = { jwt = { mount = "jwt", role = "leasehold", audience = "vault" } }
"#;

    #[test]
    fn a_whole_file_is_read() {
        let config = Config::parse(WHOLE).unwrap();
        assert_eq!(config.log.key_file, PathBuf::from("/var/lib/leasehold/log.key"));
        assert_eq!((config.vault.request_seconds_max, config.proof_seconds_max), (2, PROOF_SECONDS_DEFAULT));
        let sooner = Config::parse(&format!("proof_within = \"1s\"\n{WHOLE}")).unwrap();
        assert_eq!(sooner.proof_seconds_max, 1);
        assert!(Config::parse(&format!("proof_within = \"0s\"\n{WHOLE}")).is_err());
        assert_eq!(config.operators.len(), 1);
        assert_eq!(config.log.mode, "prod");
    }

    #[test]
    fn the_log_is_open_to_strangers_only_where_that_is_written_down() {
        let http = |table: &str| Config::parse(&WHOLE.replace("[log]", &format!("[http]\n{table}\n[log]")));
        assert_eq!(Config::parse(WHOLE).unwrap().http, None);
        assert_eq!(http("listen = \"127.0.0.1:8480\"").unwrap().http, Some(([127, 0, 0, 1], 8480).into()));
        let open = "listen = \"0.0.0.0:8480\"";
        assert!(http(&format!("{open}\ndanger_public = true")).unwrap().http.is_some());
        for table in [open.to_owned(), format!("{open}\ndanger_public = false")] {
            let mistakes = http(&table).unwrap_err().to_string();
            assert!(mistakes.contains("danger_public") && mistakes.starts_with("line 7"), "{mistakes}");
        }
        assert!(http("danger_public = true").unwrap_err().to_string().contains("needs \"listen\""));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let text = WHOLE.replace("origin =", "orgin =");
        let mistakes = Config::parse(&text).unwrap_err().to_string();
        assert!(mistakes.contains("orgin") && mistakes.contains("origin"), "{mistakes}");
    }

    #[test]
    fn witnesses_are_asked_for_by_a_policy_file() {
        assert_eq!(Config::parse(WHOLE).unwrap().witness, None);
        let asking = format!("{WHOLE}[witness]\npolicy_file = \"/etc/leasehold/witness.policy\"\n");
        let witness = Config::parse(&asking).unwrap().witness.unwrap();
        assert_eq!(witness.policy_file, PathBuf::from("/etc/leasehold/witness.policy"));
        assert_eq!(witness.ca_file, None);
        for (text, word) in [("[witness]\n", "policy_file"), ("[witness]\npolicy = \"x\"\n", "policy_file")] {
            let mistakes = Config::parse(&format!("{WHOLE}{text}")).unwrap_err().to_string();
            assert!(mistakes.contains(word), "{mistakes}");
        }
    }

    #[test]
    fn a_missing_table_is_named() {
        let mistakes = Config::parse("trust_domain = \"example.org\"\n").unwrap_err().to_string();
        assert!(mistakes.contains("log") && mistakes.contains("vault"), "{mistakes}");
    }
}
