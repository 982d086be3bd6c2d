//! What `leasehold dev` says when everything stands: that it is for development, and what to type.
//! The exports go to standard output, all talk to standard error.

use anyhow::{Context as _, Result};
use std::io::Write as _;
use std::net::SocketAddr;

/// Says it all. Nothing is started after this.
pub(super) fn tell(address: SocketAddr, http: Option<SocketAddr>, with_ledger: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let exports = format!("export LEASEHOLD_ADDRESS={address}\nexport LEASEHOLD_BROKER_ID={}\n", super::BROKER_ID);
    out.write_all(exports.as_bytes()).and_then(|()| out.flush()).context("nobody reads where the broker listens")?;
    let mut talk = std::io::stderr().lock();
    let database = if with_ledger { LEDGER } else { "" };
    let log = http.map(|http| format!("  The log, for anybody here: http://{http}/checkpoint (docs/http.md)\n"));
    write!(talk, "{HEAD}{EXAMPLES}{database}{END}{}", log.unwrap_or_default()).context("nobody reads the banner")
}

const HEAD: &str = "
  FOR DEVELOPMENT ONLY. Whoever can open a socket in .leasehold/sockets is that identity; the secrets
  are samples, kept in memory. Everything is gone when this command ends; Ctrl-C ends it.

";
const EXAMPLES: &str =
    "  In another terminal, in this folder (--as finds the broker; others take the two exports above):
    leasehold --as billing-bot task request .leasehold/billing.task.toml
    leasehold --as payments-lead task approve TASK
    leasehold --as billing-bot secret get TASK invoice-key --show
    leasehold --as billing-bot secret get TASK agent-cert --key-out agent.key
    leasehold --as billing-bot task complete TASK
    leasehold --as auditor evidence list
";
const LEDGER: &str = "  With your database: .leasehold/ledger.task.toml asks for ledger-ro.
";
const END: &str = "  The estate in force: .leasehold/estate.toml; change it with leasehold --as platform-lead apply.
";
