//! The configuration files of server and agent, and where they put things. Pure text, except for
//! making the folders. Loopback and Unix sockets only; keys in memory.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub(super) const TRUST_DOMAIN: &str = "example.org";
/// The agent's readable name, and the parent of all entries.
pub(super) const NODE_ID: &str = "spiffe://example.org/spire-node/this-machine";
/// Carries the join token into the agent's configuration (`-expandEnv`).
pub(super) const TOKEN_VARIABLE: &str = "LEASEHOLD_SPIRE_JOIN_TOKEN";

/// Where server and agent put things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Everything of SPIRE. Others may pass through, to the agent's socket.
    pub(super) folder: PathBuf,
    pub(super) server_port: u16,
    /// The server's API: whoever can open it can make identities.
    pub(super) server_socket: PathBuf,
    pub(super) agent_socket: PathBuf,
    pub(super) bootstrap_bundle: PathBuf,
}

impl Places {
    pub(super) fn below(folder: &Path, server_port: u16) -> Self {
        let folder = folder.join("spire");
        Self {
            server_port,
            server_socket: folder.join("private").join("server.sock"),
            agent_socket: folder.join("public").join("agent.sock"),
            bootstrap_bundle: folder.join("bootstrap.pem"),
            folder,
        }
    }

    pub(super) fn make(&self) -> Result<()> {
        for socket in [&self.server_socket, &self.agent_socket] {
            if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
                bail!("{} is too long for a socket's path: set TMPDIR to a shorter one", socket.display());
            }
        }
        for (name, mode) in
            [("", 0o711), ("private", 0o700), ("data-server", 0o700), ("data-agent", 0o700), ("public", 0o755)]
        {
            let folder = self.folder.join(name);
            fs::DirBuilder::new().mode(mode).create(&folder).with_context(|| format!("making {}", folder.display()))?;
            // The mode above is cut by the umask.
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// The end of a log, without the answers to our own early questions.
    pub(super) fn said(&self, log: &str) -> String {
        let text = fs::read_to_string(self.folder.join(log)).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| !line.to_lowercase().contains("no identit")).collect();
        let (_, end) = lines.split_at(lines.len().saturating_sub(LINES_SHOWN));
        if end.is_empty() { "nothing".into() } else { end.join("\n") }
    }

    /// Writes a file for root alone.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }
}

/// `server.conf`, HCL.
pub(super) fn server(places: &Places) -> String {
    format!(
        r#"server {{
    bind_address = "127.0.0.1"
    bind_port = "{port}"
    socket_path = "{socket}"
    trust_domain = "{TRUST_DOMAIN}"
    data_dir = "{folder}/data-server"
    log_level = "INFO"
    ca_key_type = "ec-p256"
    default_x509_svid_ttl = "1h"
    default_jwt_svid_ttl = "5m"
}}

plugins {{
    DataStore "sql" {{
        plugin_data {{
            database_type = "sqlite3"
            connection_string = "{folder}/data-server/datastore.sqlite3"
        }}
    }}

    KeyManager "memory" {{
        plugin_data {{}}
    }}

    NodeAttestor "join_token" {{
        plugin_data {{}}
    }}
}}
"#,
        port = places.server_port,
        socket = places.server_socket.display(),
        folder = places.folder.display(),
    )
}

/// `agent.conf`, HCL, to be read with `-expandEnv`.
pub(super) fn agent(places: &Places) -> String {
    format!(
        r#"agent {{
    server_address = "127.0.0.1"
    server_port = "{port}"
    socket_path = "{socket}"
    trust_domain = "{TRUST_DOMAIN}"
    trust_bundle_path = "{bundle}"
    join_token = "${{{TOKEN_VARIABLE}}}"
    data_dir = "{folder}/data-agent"
    log_level = "INFO"
}}

plugins {{
    KeyManager "memory" {{
        plugin_data {{}}
    }}

    NodeAttestor "join_token" {{
        plugin_data {{}}
    }}

    WorkloadAttestor "unix" {{
        plugin_data {{}}
    }}
}}
"#,
        port = places.server_port,
        socket = places.agent_socket.display(),
        bundle = places.bootstrap_bundle.display(),
        folder = places.folder.display(),
    )
}

/// `sun_path` of unix(7), less its last zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Enough to see why, for people at a terminal.
const LINES_SHOWN: usize = 20;
