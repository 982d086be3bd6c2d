//! `leasehold secret get`: one secret, once, to standard output and nowhere else.

mod certificate;
mod form;
mod issue;

pub(super) use certificate::CertificateKey;
pub(super) use form::delivered;
pub(super) use issue::{Wanted, issue};

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use super::text::{self, time_short};
use super::view;
use domain::base::{Secret, Span};
use proto::v1::issue_secret_request::Parameters;
use proto::v1::{CertificateParameters, IssueSecretResponse, KeyValueParameters};
use std::path::PathBuf;

/// Verbs on secrets.
#[derive(Debug, clap::Subcommand)]
pub enum SecretVerb {
    /// Get one secret inside an active task, once, on standard output.
    #[command(after_help = EXAMPLE)]
    Get(GetArgs),
}

/// Arguments of `secret get`.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// An active task of yours.
    task: String,
    /// A credential in the task's scope.
    credential: String,
    /// Life wanted; the longest allowed without it.
    #[arg(long, value_parser = text::span)]
    ttl: Option<Span>,
    /// For a certificate: your own request (PKCS#10, PEM). Only its public key is used.
    #[arg(long, value_name = "FILE", conflicts_with = "key_out")]
    csr: Option<PathBuf>,
    /// For a certificate: make a P-256 key here, write it to this new file (mode 0600), request for it.
    /// The key never leaves this machine.
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,
    /// For a key-value secret: the version to read; the newest without it.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["csr", "key_out"])]
    kv_version: Option<u64>,
    /// A lease of the same task and credential that ends when the new one is sealed.
    #[arg(long, value_name = "LEASE", default_value = "", hide_default_value = true)]
    supersedes: String,
    /// Show the secret even on a screen.
    #[arg(long)]
    show: bool,
}

/// Gets and prints. Nothing is issued if it could not be delivered.
pub(super) async fn get(broker: &mut Broker<'_>, args: &GetArgs) -> Result<()> {
    let for_certificate = args.csr.is_some() || args.key_out.is_some();
    if broker.terminal.data_is_screen && !args.show && !for_certificate {
        let what = "a secret on a screen is seen by everybody behind you";
        return Err(Complaint::usage(what, "send the output into a file or a program, or say --show"));
    }
    let made = args.key_out.as_ref().map(|path| CertificateKey::make().and_then(|key| key.keep(path))).transpose()?;
    let wanted = Wanted {
        task_id: &args.task,
        credential: &args.credential,
        ttl: args.ttl,
        parameters: parameters(args, made.as_ref())?,
        supersedes: &args.supersedes,
    };
    let response = match issue(broker, wanted).await {
        Ok(response) => response,
        Err(complaint) => {
            // A key without a certificate is of no use to anybody.
            let _ = args.key_out.as_ref().map(std::fs::remove_file);
            return Err(complaint);
        }
    };
    print(broker, response)
}

fn parameters(args: &GetArgs, made: Option<&CertificateKey>) -> Result<Option<Parameters>> {
    let csr_pem = match (made, &args.csr) {
        (Some(key), _) => Some(key.request_pem().to_owned()),
        (None, Some(path)) => {
            let next_step = "name a certificate request in PEM, or let --key-out make one";
            let pem = std::fs::read_to_string(path);
            Some(pem.map_err(|error| Complaint::file("read", path, &error, next_step))?)
        }
        (None, None) => None,
    };
    let certificate = csr_pem.map(|csr_pem| Parameters::Certificate(CertificateParameters { csr_pem }));
    let key_value = args.kv_version.map(|version| Parameters::KeyValue(KeyValueParameters { version }));
    Ok(certificate.or(key_value))
}

fn print(broker: &mut Broker<'_>, response: IssueSecretResponse) -> Result<()> {
    let lease = broker.part(response.lease.clone(), "lease")?;
    let bytes =
        if broker.terminal.json { form::document(response)? } else { with_line_end(delivered(response, None)?) };
    broker.terminal.secret(bytes.reveal())?;
    let (expires, ends) = (time_short(lease.expire_time.as_ref()), view::revocability(&lease));
    broker.terminal.say(&format!("{}: until {expires}, {ends}", lease.id));
    Ok(())
}

fn with_line_end(secret: Secret) -> Secret {
    if secret.reveal().ends_with(b"\n") {
        return secret;
    }
    let mut bytes = Vec::with_capacity(secret.reveal().len() + 1);
    bytes.extend_from_slice(secret.reveal());
    bytes.push(b'\n');
    Secret::new(bytes)
}

const EXAMPLE: &str = "\
Examples:
  leasehold secret get $TASK ledger-ro | jq -r .password
  leasehold secret get $TASK web-tls --key-out web.key > web.pem

What is printed: JSON for key-value secrets and for database accounts ({\"username\", \"password\"}),
PEM for certificates (leaf first). With --json: the lease, the secret and its receipt.";
