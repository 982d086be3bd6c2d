//! Mistakes around tasks and approvals.

use super::{Cast, Page, span, wrong};
use crate::walks::raw::{Raw, id, wish};
use crate::walks::stage::text;
use leasehold::proto::v1;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use tonic::Status;

pub(super) async fn rows(page: &mut Page, cast: &Cast) {
    requests(page, cast).await;
    lookups(page, cast).await;
    decisions(page, cast).await;
}

async fn requests(page: &mut Page, cast: &Cast) {
    page.section("Requesting a task");
    let bot = &cast.bot;
    page.row("an agent's name with a blank", bot.ask(wrong(|wish| wish.agent = "billing bot".into())).await);
    page.row("an agent that is not declared", bot.ask(wrong(|wish| wish.agent = "ghost".into())).await);
    page.row("an agent that is somebody else", cast.stranger.ask(wish("motd")).await);
    let orphan = Raw::certified(&cast.stage, "orphan-bot").await;
    page.row("an agent without an owner", orphan.ask(wrong(|wish| wish.agent = "orphan-bot".into())).await);
    page.row("no purpose", bot.ask(wrong(|wish| wish.purpose.clear())).await);
    page.row("a purpose of 1,001 bytes", bot.ask(wrong(|wish| wish.purpose = "x".repeat(1_001))).await);
    page.row("a purpose with an escape character", bot.ask(wrong(|wish| wish.purpose = "a\u{1b}[2Jb".into())).await);
    page.row("a purpose code in capitals", bot.ask(wrong(|wish| wish.purpose_code = "URGENT".into())).await);
    page.row("no credential", bot.ask(wrong(|wish| wish.credentials.clear())).await);
    let many = (0..17).map(|number| format!("c{number}")).collect();
    page.row("seventeen credentials", bot.ask(wrong(|wish| wish.credentials = many)).await);
    page.row("a credential twice", bot.ask(wrong(|wish| wish.credentials.push("motd".into()))).await);
    page.row("a credential's name with a slash", bot.ask(wish("secret/data/motd")).await);
    page.row("a credential that is not declared", bot.ask(wish("ledger-rw")).await);
    page.row("no window", bot.ask(wrong(|wish| wish.window = None)).await);
    page.row("a window of nine seconds", bot.ask(wrong(|wish| wish.window = span(9))).await);
    page.row("a window of a day and a second", bot.ask(wrong(|wish| wish.window = span(86_401))).await);
    page.row("a window of less than nothing", bot.ask(wrong(|wish| wish.window = span(-1))).await);
}

async fn lookups(page: &mut Page, cast: &Cast) {
    page.section("Looking for a task");
    let foreign = text(&cast.stage.request(&["ledger-ro"], "20m"), "id");
    assert!(cast.bot.task(&foreign).await.is_ok(), "it is there for those whom it concerns");
    let orphan = Raw::certified(&cast.stage, "orphan-bot").await;
    let answers = [
        orphan.task("x").await,
        orphan.task("task-00000000-0000-7000-8000-000000000001").await,
        orphan.task(&foreign).await,
    ];
    let face = |answer: &Result<v1::Task, Status>| {
        answer.as_ref().err().map(|no| (no.message().to_owned(), no.details().to_vec()))
    };
    assert!(face(&answers[0]) == face(&answers[1]) && face(&answers[1]) == face(&answers[2]), "three faces");
    for (sent, answer) in
        ["an id that is none", "the id of no task", "the id of somebody else's task"].into_iter().zip(answers)
    {
        page.row(sent, answer);
    }
    page.row("any id, from somebody without a role", cast.stranger.task(&foreign).await);
    let list = async |page_size, page_token: &str, filter: &str| {
        let ask = v1::ListTasksRequest { page_size, page_token: page_token.into(), filter: filter.into() };
        TaskServiceClient::new(cast.bot.channel.clone()).list_tasks(cast.bot.request(ask)).await
    };
    page.row("a page of 101", list(101, "", "").await);
    page.row("a page of less than none", list(-1, "", "").await);
    page.row("a page token that we never gave", list(0, "second", "").await);
    page.row("a filter by what cannot be filtered", list(0, "", "colour=red").await);
    page.row("a filter by a state that is none", list(0, "", "state=happy").await);
    page.row("a filter of 257 bytes", list(0, "", &"x".repeat(257)).await);
}

async fn approve(caller: &Raw, task_id: &str, request_digest: &str, seconds: Option<i64>) -> Result<(), Status> {
    let valid_for = seconds.and_then(span);
    let ask = v1::ApproveTaskRequest {
        request_id: id(),
        task_id: task_id.into(),
        request_digest: request_digest.into(),
        valid_for,
    };
    TaskServiceClient::new(caller.channel.clone()).approve_task(caller.request(ask)).await.map(drop)
}

async fn decisions(page: &mut Page, cast: &Cast) {
    page.section("Deciding on a task");
    let shown = cast.stage.request(&["ledger-ro"], "20m");
    let (task, digest) = (text(&shown, "id"), text(&shown, "request_digest"));
    let other = text(&cast.stage.request(&["ledger-ro"], "20m"), "request_digest");
    page.row("a yes from the requester", approve(&cast.bot, &task, &digest, None).await);
    page.row("a yes from outside the owner team", approve(&cast.auditor, &task, &digest, None).await);
    let vendors = Raw::certified(&cast.stage, "vendors-lead").await;
    page.row("a yes from a team that owns nothing of it", approve(&vendors, &task, &digest, None).await);
    let by_token = Raw::by_token(&cast.stage, "payments-lead").await;
    page.row("a yes by token alone", approve(&by_token, &task, &digest, None).await);
    page.row("a yes to something that is no digest", approve(&cast.lead, &task, "yes", None).await);
    page.row("a yes to another request", approve(&cast.lead, &task, &other, None).await);
    page.row("a yes for no time", approve(&cast.lead, &task, &digest, Some(0)).await);
    page.row("a yes for a day and a second", approve(&cast.lead, &task, &digest, Some(86_401)).await);
    approve(&cast.lead, &task, &digest, None).await.unwrap();
    cast.stage.until_active(&task);
    page.row("a second yes", approve(&cast.lead, &task, &digest, None).await);
    let deny = async |justification: String| {
        let ask = v1::DenyTaskRequest { request_id: id(), task_id: task.clone(), justification };
        TaskServiceClient::new(cast.lead.channel.clone()).deny_task(cast.lead.request(ask)).await
    };
    page.row("a no after the yes", deny(String::new()).await);
    page.row("a no with a reason of 1,001 bytes", deny("x".repeat(1_001)).await);
    page.row("completing somebody else's task", cast.stranger.complete(&task).await);
    cast.bot.complete(&task).await.unwrap();
}
