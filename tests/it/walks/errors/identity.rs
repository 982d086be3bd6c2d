//! Mistakes in who calls, and messages that are none.

use super::{Cast, Page};
use crate::walks::raw::{Raw, id, svid, token, wish};
use leasehold::proto::v1;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use tonic::{Request, Response, Status};
use xtask::scene::BROKER_ID;

pub(super) async fn rows(page: &mut Page, cast: &Cast) {
    let stage = &cast.stage;
    let own = token(stage, "billing-bot", &[BROKER_ID]).await;
    let identity = svid(stage, "billing-bot").await;
    page.section("Who calls");
    let asked = async |certificate, token| Raw::bearing(stage, certificate, token).ask(wish("motd")).await;
    page.row("neither certificate nor token", asked(None, None).await);
    page.row("a token that is no JWT", asked(None, Some("open-sesame".into())).await);
    page.row("a token for another audience", asked(None, Some(token(stage, "billing-bot", &["vault"]).await)).await);
    let two = token(stage, "billing-bot", &[BROKER_ID, "vault"]).await;
    page.row("a token for two audiences", asked(None, Some(two)).await);
    let (head, signature) = own.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    page.row("a token whose signature was changed", asked(None, Some(format!("{head}.{flipped}"))).await);
    let other = token(stage, "stranger", &[BROKER_ID]).await;
    page.row("a token of another identity than the certificate", asked(Some(identity), Some(other)).await);
    let plain = Raw::bearing(stage, None, None);
    for (sent, values) in
        [("`authorization: Basic …`", vec!["Basic YTpi"]), ("two authorizations", vec!["Bearer a", "Bearer b"])]
    {
        let mut request = Request::new(wish("motd"));
        for value in values {
            request.metadata_mut().append("authorization", value.parse().unwrap());
        }
        page.row(sent, TaskServiceClient::new(plain.channel.clone()).request_task(request).await);
    }
    messages(page, cast).await;
}

async fn messages(page: &mut Page, cast: &Cast) {
    page.section("Messages");
    let large = "x".repeat(5 << 20);
    page.row("a message of five megabytes", cast.bot.task(&large).await);
    page.row("a message of another call", other_message(&cast.bot).await);
    let stranger = v1::RequestTaskRequest { request_id: String::new(), ..wish("motd") };
    page.row("no `request_id`", cast.bot.ask(stranger).await);
    page.row(
        "a `request_id` that is no UUID",
        cast.bot.ask(v1::RequestTaskRequest { request_id: "1".into(), ..wish("motd") }).await,
    );
    let fixed = "00000000-0000-1000-8000-000000000001".to_owned();
    page.row(
        "a `request_id` that is not random",
        cast.bot.ask(v1::RequestTaskRequest { request_id: fixed, ..wish("motd") }).await,
    );
    let request_id = id();
    let first = v1::RequestTaskRequest { request_id: request_id.clone(), ..wish("motd") };
    let task = cast.bot.ask(first.clone()).await.unwrap();
    assert_eq!(cast.bot.ask(first).await.unwrap().id, task.id, "a repeat is no mistake");
    let second = v1::RequestTaskRequest { request_id, purpose: "another".into(), ..wish("motd") };
    page.row("the `request_id` of another request", cast.bot.ask(second).await);
    let cancel = v1::CancelTaskRequest { request_id: id(), task_id: task.id, justification: String::new() };
    TaskServiceClient::new(cast.bot.channel.clone()).cancel_task(cast.bot.request(cancel)).await.unwrap();
}

/// A number where a text belongs.
async fn other_message(caller: &Raw) -> Result<Response<v1::GetTaskResponse>, Status> {
    let codec = tonic_prost::ProstCodec::<v1::GetReceiptRequest, v1::GetTaskResponse>::default();
    let mut client = tonic::client::Grpc::new(caller.channel.clone());
    client.ready().await.unwrap();
    let path = "/leasehold.v1.TaskService/GetTask".parse().unwrap();
    client.unary(Request::new(v1::GetReceiptRequest { index: 7 }), path, codec).await
}
