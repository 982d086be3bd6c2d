//! The files that people would write for the scene.

use super::Options;
use anyhow::Result;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const ESTATE: &str = r#"# Who exists, who answers for what.
[team.payments]
members = ["spiffe://example.org/people/payments-lead", "spiffe://example.org/people/payments-deputy"]

[role.operator]
members = ["spiffe://example.org/people/platform-lead"]

[role.auditor]
members = ["spiffe://example.org/people/auditor"]

[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "dev"
purpose = "reconcile invoices"
tools = ["psql"]
data_sets = ["ledger"]

[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "20m"
owner = "payments"
sensitivity = "high"
exclusive = true
probe = { postgres = { dsn_credential = "ledger-probe" } }

[credential.ledger-probe]
kind = "kv"
path = "secret/data/ledger-probe"
max_ttl = "1h"
owner = "payments"
sensitivity = "high"

[credential.motd]
kind = "kv"
path = "secret/data/motd"
max_ttl = "1h"
owner = "payments"
sensitivity = "low"

[credential.agent-cert]
kind = "pki"
path = "pki/sign/agent"
max_ttl = "1h"
owner = "payments"
sensitivity = "low"
exclusive = true
"#;

const TASK: &str = r#"agent = "billing-bot"
purpose = "reconcile invoices for 2026-10"
purpose_code = "reconcile-invoices"
credentials = ["ledger-ro"]
window = "20m"
"#;

const LOW_TASK: &str = r#"agent = "billing-bot"
purpose = "read the message of the day, get a certificate"
credentials = ["motd", "agent-cert"]
window = "20m"
"#;

pub(super) fn write_estate(folder: &Path, more: &str) -> Result<()> {
    write(folder, "estate.toml", &format!("{ESTATE}{more}"))?;
    write(folder, "billing.task.toml", TASK)?;
    write(folder, "low.task.toml", LOW_TASK)
}

/// On SPIRE each identity has a user id of its own, and all of them read these files, whatever our umask.
fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let file = folder.join(name);
    fs::write(&file, text)?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o644))?)
}

pub(super) fn write_config(folder: &Path, options: &Options, engine: &str, endpoint: &str) -> Result<()> {
    let engine = options.engine_address.as_deref().unwrap_or(engine);
    let log = options.log_folder.as_deref().unwrap_or(folder).display();
    let proof = options.proof_within.as_ref().map(|span| format!("proof_within = \"{span}\"\n")).unwrap_or_default();
    let text = format!(
        r#"trust_domain = "example.org"
workload_api = "{endpoint}"
listen = "127.0.0.1:0"
{proof}
[log]
store = "sqlite:{log}/log.db"
origin = "leasehold.example.org/dev"
mode = "dev"

[bootstrap]
operators = ["spiffe://example.org/people/platform-lead"]

[vault]
address = "{engine}"
max_request_duration = "2s"
auth = {{ jwt = {{ mount = "jwt", role = "leasehold", audience = "vault" }} }}
{}"#,
        options.more_config
    );
    write(folder, "leasehold.toml", &text)
}
