//! The form in which a secret is handed over: JSON for key values and database accounts, PEM for
//! certificates. Pure; what comes out is wiped on drop, what goes in is consumed.

use super::CertificateKey;
use crate::complaint::{Complaint, Result};
use crate::{text, view};
use domain::base::Secret;
use proto::v1::issue_secret_response::Secret as Wire;
use proto::v1::{Certificate, IssueSecretResponse};
use serde::Serialize;
use serde_json::value::RawValue;

/// The bytes that a program gets. A certificate is preceded by its key if that was made here.
pub(crate) fn delivered(response: IssueSecretResponse, key: Option<&CertificateKey>) -> Result<Secret> {
    match response.secret {
        Some(Wire::UsernamePassword(account)) => {
            json(&Account { username: &account.username, password: &account.password })
        }
        Some(Wire::KeyValue(value)) => Ok(Secret::new(value.json)),
        Some(Wire::Certificate(certificate)) => Ok(pem(&certificate, key)),
        None => Err(without_secret()),
    }
}

/// The whole answer as one JSON document with a line end.
pub(super) fn document(response: IssueSecretResponse) -> Result<Secret> {
    let mut whole = Whole {
        lease: response.lease.as_ref().map(Into::into),
        username_password: None,
        certificate: None,
        key_value: None,
        receipt: response.receipt.as_ref().map(Into::into),
    };
    match response.secret.as_ref().ok_or_else(without_secret)? {
        Wire::UsernamePassword(account) => {
            whole.username_password = Some(Account { username: &account.username, password: &account.password });
        }
        Wire::Certificate(certificate) => {
            whole.certificate = Some(Pem {
                certificate_pem: &certificate.certificate_pem,
                chain_pem: &certificate.chain_pem,
                serial_number: &certificate.serial_number,
            });
        }
        Wire::KeyValue(value) => {
            let json: &RawValue = serde_json::from_slice(&value.json).map_err(|_| not_json())?;
            whole.key_value = Some(Value { json, version: value.version });
        }
    }
    let readable = Secret::new(serde_json::to_vec_pretty(&whole).map_err(Complaint::bug)?);
    let mut shown = text::plain_json(readable.reveal_text().unwrap_or_default());
    shown.push('\n');
    Ok(Secret::from_text(shown))
}

#[derive(Serialize)]
struct Whole<'a> {
    lease: Option<view::Lease>,
    username_password: Option<Account<'a>>,
    certificate: Option<Pem<'a>>,
    key_value: Option<Value<'a>>,
    receipt: Option<view::Receipt>,
}

#[derive(Serialize)]
struct Account<'a> {
    username: &'a str,
    password: &'a str,
}

#[derive(Serialize)]
struct Pem<'a> {
    certificate_pem: &'a str,
    chain_pem: &'a [String],
    serial_number: &'a str,
}

#[derive(Serialize)]
struct Value<'a> {
    json: &'a RawValue,
    version: u64,
}

fn json(value: &impl Serialize) -> Result<Secret> {
    serde_json::to_vec(value).map(Secret::new).map_err(Complaint::bug)
}

fn pem(certificate: &Certificate, key: Option<&CertificateKey>) -> Secret {
    let mut text = String::new();
    let key = key.and_then(|key| key.key_pem().reveal_text());
    let parts = key.into_iter().chain([certificate.certificate_pem.as_str()]);
    for part in parts.chain(certificate.chain_pem.iter().map(String::as_str)) {
        text.push_str(part.trim_end());
        text.push('\n');
    }
    Secret::from_text(text)
}

fn without_secret() -> Complaint {
    let next_step = "use a client of the broker's version; the lease ends with its task";
    Complaint::failed("the broker sent a kind of secret that this program does not know", next_step)
}

fn not_json() -> Complaint {
    Complaint::failed("the broker sent a key-value secret that is not JSON", "get it without --json, as it is")
}
