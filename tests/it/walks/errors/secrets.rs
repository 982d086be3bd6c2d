//! Mistakes around secrets and leases.

use super::{Cast, Page, span};
use crate::walks::raw::{Raw, draw, id};
use crate::walks::stage::{Login, PATIENCE, Stage, text};
use leasehold::proto::v1;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::issue_secret_request::Parameters;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use tonic::Status;

pub(super) async fn rows(page: &mut Page, cast: &Cast) {
    let task = cast.stage.active(&["ledger-ro", "motd", "agent-cert"], "20m");
    asking(page, cast, &task).await;
    certificates(page, cast, &task).await;
    leases(page, cast, &task).await;
    cast.bot.complete(&task).await.unwrap();
    ended(page, cast).await;
}

async fn asking(page: &mut Page, cast: &Cast, task: &str) {
    page.section("Asking for a secret");
    let bot = &cast.bot;
    let waiting = text(&cast.stage.request(&["ledger-ro"], "20m"), "id");
    page.row("before the approval", bot.issue(draw(&waiting, "ledger-ro")).await);
    page.row("what is not in the task's scope", bot.issue(draw(task, "vendor-key")).await);
    let orphan = Raw::certified(&cast.stage, "orphan-bot").await;
    page.row("under somebody else's task", orphan.issue(draw(task, "motd")).await);
    page.row("as a person", cast.lead.issue(draw(task, "motd")).await);
    let by_token = Raw::by_token(&cast.stage, "billing-bot").await;
    page.row("of high sensitivity, by token alone", by_token.issue(draw(task, "ledger-ro")).await);
    for (sent, seconds) in [("for four seconds", 4), ("for a day and a second", 86_401), ("for less than nothing", -5)]
    {
        page.row(sent, bot.issue(v1::IssueSecretRequest { ttl: span(seconds), ..draw(task, "motd") }).await);
    }
    let supersedes = "lease-00000000-0000-7000-8000-000000000001".to_owned();
    page.row(
        "in place of a lease that is none",
        bot.issue(v1::IssueSecretRequest { supersedes, ..draw(task, "motd") }).await,
    );
    let first = draw(task, "motd");
    bot.issue(first.clone()).await.unwrap();
    page.row("the same request again, after the secret was given", bot.issue(first).await);
}

async fn certificates(page: &mut Page, cast: &Cast, task: &str) {
    page.section("Particulars of a secret");
    let bot = &cast.bot;
    let with = |credential: &str, parameters| v1::IssueSecretRequest {
        parameters: Some(parameters),
        ..draw(task, credential)
    };
    let csr = |csr_pem: &str| Parameters::Certificate(v1::CertificateParameters { csr_pem: csr_pem.to_owned() });
    page.row("a certificate without a signing request", bot.issue(draw(task, "agent-cert")).await);
    page.row("a signing request that is no PEM", bot.issue(with("agent-cert", csr("please"))).await);
    page.row("a signing request of 17 KiB", bot.issue(with("agent-cert", csr(&"x".repeat(17 << 10)))).await);
    let hollow = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    page.row("a signing request that holds none", bot.issue(with("agent-cert", csr(hollow))).await);
    let key = rcgen::KeyPair::generate().unwrap();
    let sound = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    page.row("a signing request for a value", bot.issue(with("motd", csr(&sound))).await);
    let version = |version| Parameters::KeyValue(v1::KeyValueParameters { version });
    page.row("a version of a database account", bot.issue(with("ledger-ro", version(1))).await);
    page.row("a version that the engine does not have", bot.issue(with("motd", version(9_999))).await);
}

async fn renew(caller: &Raw, lease_id: &str, seconds: Option<i64>) -> Result<(), Status> {
    let ask = v1::RenewLeaseRequest { request_id: id(), lease_id: lease_id.into(), ttl: seconds.and_then(span) };
    IssuanceServiceClient::new(caller.channel.clone()).renew_lease(caller.request(ask)).await.map(drop)
}

async fn revoke(caller: &Raw, lease_id: &str) -> Result<(), Status> {
    let ask = v1::RevokeLeaseRequest { request_id: id(), lease_id: lease_id.into() };
    IssuanceServiceClient::new(caller.channel.clone()).revoke_lease(caller.request(ask)).await.map(drop)
}

async fn leases(page: &mut Page, cast: &Cast, task: &str) {
    page.section("Leases");
    let login = cast.stage.login(task, &[]);
    let value = text(&cast.stage.draw(task, "motd", &[])["lease"], "id");
    let orphan = Raw::certified(&cast.stage, "orphan-bot").await;
    page.row("renewing somebody else's", renew(&orphan, &login.lease, None).await);
    page.row("renewing for one second", renew(&cast.bot, &login.lease, Some(1)).await);
    page.row("renewing a value that only rotation ends", renew(&cast.bot, &value, None).await);
    page.row("revoking what is none", revoke(&cast.bot, "lease-x").await);
    page.row("revoking somebody else's", revoke(&orphan, &login.lease).await);
    revoke(&cast.bot, &login.lease).await.unwrap();
    page.row("renewing what is over", renew(&cast.bot, &login.lease, None).await);
    cast.stage.proven_dead(&login);
}

async fn ended(page: &mut Page, cast: &Cast) {
    page.section("When the task is over");
    // Both are drawn before either is held: the engine works on one account at a time.
    let (short, long) = (drawn(&cast.stage, "10s"), drawn(&cast.stage, "20m"));
    let (expiring, completed) = (Held::begin(&cast.stage, short), Held::begin(&cast.stage, long));
    cast.bot.complete(&completed.task).await.unwrap();
    page.row("a secret under a completed task", cast.bot.issue(draw(&completed.task, "ledger-ro")).await);
    page.row("completing it once more", cast.bot.complete(&completed.task).await);
    xtask::peers::wait_for("the window to be over", PATIENCE, || {
        let shown = cast.stage.json("billing-bot", &["task", "show", &expiring.task]).ok()?;
        (shown["state"] != "active").then_some(())
    })
    .unwrap();
    page.row("a secret under an expired task", cast.bot.issue(draw(&expiring.task, "ledger-ro")).await);
    page.row("renewing under an expired task", renew(&cast.bot, &expiring.login.lease, None).await);
    let task = expiring.release(&cast.stage);
    page.row("a secret under a task of which nothing is left", cast.bot.issue(draw(&task, "ledger-ro")).await);
    completed.release(&cast.stage);
}

fn drawn(stage: &Stage, window: &str) -> (String, Login) {
    let task = stage.active(&["ledger-ro"], window);
    let login = stage.login(&task, &[]);
    (task, login)
}

/// A task whose one account PostgreSQL cannot drop yet, so that its end takes as long as we like.
struct Held {
    task: String,
    login: Login,
    lock: Child,
}

impl Held {
    fn begin(stage: &Stage, (task, login): (String, Login)) -> Self {
        let mut psql = stage.postgres.psql_command("postgres", &stage.postgres.password);
        let mut lock = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let statement = format!("begin; select 'held' from pg_authid where rolname = '{}' for update;\n", login.user);
        lock.stdin.as_mut().unwrap().write_all(statement.as_bytes()).unwrap();
        let mut said = String::new();
        BufReader::new(lock.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Self { task, login, lock }
    }

    fn release(mut self, stage: &Stage) -> String {
        drop(self.lock.stdin.take());
        self.lock.wait().unwrap();
        stage.proven_dead(&self.login);
        xtask::peers::wait_for("the task to be gone", PATIENCE, || {
            let shown = stage.run("billing-bot", &["task", "show", &self.task]).ok()?;
            let said = String::from_utf8_lossy(&shown.stdout).into_owned();
            (!shown.status.success() || said.contains("gone")).then_some(())
        })
        .unwrap();
        self.task
    }
}
