//! Every call of the descriptors: served for someone, and turned away without an SVID.

use super::broker::{Broker, OPERATOR, reason};
use crate::fixtures::until;
use http::uri::PathAndQuery;
use leasehold::domain::entry::Body;
use leasehold::domain::roles::Call;
use leasehold::proto::DESCRIPTORS;
use prost::Message as _;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

/// Full names of all calls.
fn calls() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(|it| (file.package(), it)));
    let named = |(package, it): (&str, &prost_types::ServiceDescriptorProto)| {
        let (package, service) = (package.to_owned(), it.name().to_owned());
        it.method.iter().map(move |method| format!("{package}.{service}/{}", method.name())).collect::<Vec<_>>()
    };
    services.flat_map(named).collect()
}

/// Makes any call with an empty message and looks at how it is taken up.
async fn call(channel: Channel, name: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let path: PathAndQuery = format!("/{name}").parse().unwrap();
    grpc.server_streaming(Request::new(()), path, ProstCodec::<(), ()>::default()).await.map(drop)
}

#[tokio::test]
async fn every_call_is_in_the_table_and_takes_an_svid() {
    let broker = Broker::with_estate().await;
    let (known, nobody) = (broker.channel(Some(OPERATOR)), broker.channel(None));
    assert!(calls().len() > 20);
    for name in calls() {
        assert!(Call::named(&name).is_some(), "{name} has its row in the table of roles");
        let with = call(known.clone(), &name).await.map_err(|status| status.code());
        assert!(!matches!(with, Err(Code::Unauthenticated | Code::Unimplemented | Code::Internal)), "{name}: {with:?}");
        let without = call(nobody.clone(), &name).await.unwrap_err();
        assert_eq!((without.code(), reason(&without).as_str()), (Code::Unauthenticated, "SVID_MISSING"), "{name}");
    }
}

#[tokio::test]
async fn a_call_that_is_not_there_tells_nothing_without_an_svid() {
    let broker = Broker::new().await;
    let name = "leasehold.v1.TaskService/Unheard";
    assert_eq!(call(broker.channel(Some(OPERATOR)), name).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(call(broker.channel(None), name).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn health_and_reflection_take_no_svid() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServiceResponse};
    let broker = Broker::new().await;
    let request = HealthCheckRequest { service: String::new() };
    assert!(HealthClient::new(broker.channel(None)).check(request).await.is_ok());
    let list = MessageRequest::ListServices(String::new());
    let list = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(broker.channel(None));
    let answers = client.server_reflection_info(futures_util::stream::iter([list])).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
    let task_service = ServiceResponse { name: "leasehold.v1.TaskService".into() };
    assert!(list.service.contains(&task_service), "{list:?}");
}

#[tokio::test]
async fn refused_callers_are_summed_up_in_the_log() {
    let broker = Broker::new().await;
    for _ in 0..3 {
        call(broker.channel(None), "leasehold.v1.StatusService/GetStatus").await.unwrap_err();
    }
    let before = broker.world.journal.published().state.size;
    broker.stop.cancel();
    until("the sum is recorded", || broker.world.journal.published().state.size > before).await;
    let refused = |entry: leasehold::domain::entry::Entry| match entry.body {
        Body::AccessRefused(refused) => Some(refused.counts),
        _ => None,
    };
    let sums: Vec<_> = broker.entries().await.into_iter().filter_map(refused).collect();
    assert_eq!(sums, [[("SVID_MISSING".to_owned(), 3)].into()]);
}
