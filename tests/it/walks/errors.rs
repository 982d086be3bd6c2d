//! What a caller reads when something is wrong, sent to the real broker one mistake at a time and
//! printed to `docs/errors-by-example.md`. Each answer must name a reason of the closed list, end
//! with that reason's next step, and point to its row in the docs.

mod files;
mod identity;
mod reading;
mod secrets;
mod tasks;

use super::raw::Raw;
use super::stage::{Stage, own_stage};
use crate::golden::same;
use leasehold::domain::reason::Reason;
use leasehold::proto::v1;
use std::fmt::Write as _;
use tonic::Status;
use tonic_types::StatusExt as _;

/// The page as it grows.
struct Page(String);

/// The callers whose mistakes are shown.
struct Cast {
    stage: Stage,
    bot: Raw,
    lead: Raw,
    stranger: Raw,
    auditor: Raw,
    operator: Raw,
}

const HEAD: &str = "\
# Errors by example

Each row was sent to a running broker, with OpenBao and PostgreSQL behind it, by `tests/it/walks/errors.rs`, which also
writes this page (`LEASEHOLD_UPDATE_GOLDEN=1`). `…` stands for an id or a number that differs from run to run. The
meaning of each reason: [reasons.md](reasons.md); what else is in the details: [errors.md](errors.md).
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_gets_its_code_its_reason_and_a_next_step() {
    let stage = own_stage();
    let cast = Cast {
        bot: Raw::certified(&stage, "billing-bot").await,
        lead: Raw::certified(&stage, "payments-lead").await,
        stranger: Raw::certified(&stage, "stranger").await,
        auditor: Raw::certified(&stage, "auditor").await,
        operator: Raw::certified(&stage, "operator").await,
        stage,
    };
    let mut page = Page(HEAD.to_owned());
    identity::rows(&mut page, &cast).await;
    tasks::rows(&mut page, &cast).await;
    secrets::rows(&mut page, &cast).await;
    reading::rows(&mut page, &cast).await;
    files::rows(&mut page, &cast);
    same("docs/errors-by-example.md", &page.0);
}

impl Page {
    fn section(&mut self, title: &str) {
        write!(self.0, "\n## {title}\n\n| sent | code | reason | field | message |\n|---|---|---|---|---|\n").unwrap();
    }

    /// One mistake and what came back for it.
    fn row<T>(&mut self, sent: &str, answer: Result<T, Status>) {
        let status = answer.err().unwrap_or_else(|| panic!("{sent}: it was not refused"));
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("{sent}: no reason in {status:?}"));
        let reason = Reason::from_code(&info.reason).unwrap_or_else(|| panic!("{sent}: {} is not listed", info.reason));
        let message = status.message();
        assert!(message.ends_with(reason.next_step()), "{sent}: no next step in {message}");
        assert_eq!(info.domain, "leasehold", "{sent}");
        assert!(details.help().is_some_and(|help| !help.links.is_empty()), "{sent}: no help");
        assert_eq!(details.retry_info().is_some(), reason.retry_after_seconds() > 0, "{sent}");
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let fields: Vec<_> = fields.iter().map(|violation| format!("`{}`", violation.field)).collect();
        let (code, fields, message) = (status.code(), fields.join(" "), lasting(message));
        writeln!(self.0, "| {sent} | {code:?} | `{reason}` | {fields} | {message} |").unwrap();
    }
}

/// A message without what differs from run to run.
fn lasting(message: &str) -> String {
    let mut words = Vec::new();
    for word in message.split(' ') {
        let id = ["task-", "lease-"].iter().find_map(|kind| Some((kind, word.find(kind)?)));
        words.push(match id {
            Some((kind, at)) if word.len() >= at + kind.len() + 36 => {
                format!("{}{kind}…{}", &word[..at], &word[at + kind.len() + 36..])
            }
            _ if VARIES.contains(&words.last().map_or("", String::as_str)) && number(word) => {
                word.replace(|c: char| c.is_ascii_digit(), "").replacen("", "…", 1)
            }
            _ => word.to_owned(),
        });
    }
    words.join(" ").replace('|', "\\|").replace('\n', " ")
}

fn number(word: &str) -> bool {
    word.trim_end_matches(';').parse::<u64>().is_ok()
}

/// Words before a number that differs: "the log has 7 entries", "in force: 1".
const VARIES: [&str; 2] = ["has", "force:"];

/// So many seconds.
fn span(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// A wish for the message of the day, made wrong.
fn wrong(spoil: impl FnOnce(&mut v1::RequestTaskRequest)) -> v1::RequestTaskRequest {
    let mut wish = super::raw::wish("motd");
    spoil(&mut wish);
    wish
}
