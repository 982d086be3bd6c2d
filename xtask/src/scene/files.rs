//! The files that people would write for the scene.

use anyhow::Result;
use std::fs;
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
    fs::write(folder.join("estate.toml"), format!("{ESTATE}{more}"))?;
    fs::write(folder.join("billing.task.toml"), TASK)?;
    fs::write(folder.join("low.task.toml"), LOW_TASK)?;
    Ok(())
}

pub(super) fn write_config(folder: &Path, engine: &str, endpoint: &str) -> Result<()> {
    let text = format!(
        r#"trust_domain = "example.org"
workload_api = "{endpoint}"
listen = "127.0.0.1:0"

[log]
store = "sqlite:{folder}/log.db"
origin = "leasehold.example.org/dev"
mode = "dev"

[bootstrap]
operators = ["spiffe://example.org/people/platform-lead"]

[vault]
address = "{engine}"
max_request_duration = "2s"
auth = {{ jwt = {{ mount = "jwt", role = "leasehold", audience = "vault" }} }}
"#,
        folder = folder.display()
    );
    fs::write(folder.join("leasehold.toml"), text)?;
    Ok(())
}
