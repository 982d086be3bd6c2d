//! Every clause of docs/conformance.md: vectors as data, each one change away from a control that
//! is accepted right before it. X.509 goes over real TLS on loopback, JWT through the
//! `authorization` of a gRPC call; both are also put to the verifier itself, for the exact reason.

mod bundles;
mod documentation;
mod jwt_svid;
mod limits;
mod spiffe_id;
mod spire;
mod workload_api;
pub(crate) mod x509_svid;

use crate::fixtures::forge::Identity;
use crate::fixtures::world::{WORKLOAD, World, ask};
use leasehold::domain::reason::Reason;
use leasehold::domain::svid::Audience;
use leasehold::ports::{Clock as _, TrustSource as _};
use tonic::transport::Channel;

use crate::fixtures::world::BROKER;

/// A vector's clause and name.
pub(crate) struct Vector {
    pub(crate) clause: &'static str,
    pub(crate) name: String,
}

/// All of them.
pub(crate) fn vectors() -> Vec<Vector> {
    let tables =
        [spiffe_id::vectors(), x509_svid::vectors(), jwt_svid::vectors(), bundles::vectors(), workload_api::vectors()];
    tables.into_iter().flatten().collect()
}

/// The honest leaf is let in, the forged one is not, and for this reason.
pub(crate) async fn check_chain(world: &World, name: &str, forged: &Identity, reason: Reason) {
    let honest = world.home.identity(WORKLOAD);
    assert_eq!(world.knock(Some(&honest)).await.as_deref(), Some(WORKLOAD), "control of {name}");
    match world.judge(forged) {
        Ok(id) => panic!("{name}: believed to be {id}"),
        Err(denial) => assert_eq!(denial.reason, reason, "{name}: {}", denial.sentence),
    }
    assert_eq!(world.knock(Some(forged)).await, None, "{name}: the door opened");
}

/// The honest token is believed, the forged one is not, and for this reason.
pub(crate) async fn check_token(world: &World, channel: &Channel, name: &str, forged: &str, reason: Reason) {
    assert_eq!(ask(channel, Some(&world.token())).await.as_deref(), Ok(WORKLOAD), "control of {name}");
    match world.trust.verify_jwt(forged, Audience::Only(BROKER), world.clock.read().time) {
        Ok(subject) => panic!("{name}: believed to be {}", subject.id()),
        Err(denial) => assert_eq!(denial.reason, reason, "{name}: {}", denial.sentence),
    }
    let answer = ask(channel, Some(forged)).await.expect_err(name);
    // What HTTP cannot carry never arrives; what is over its header limit is cut off before us.
    let never_arrived = !forged.is_ascii() || forged.contains(['\n', '\r', '\0']) || forged.len() > 8_000;
    assert!(answer == reason.code() || never_arrived, "{name}: {answer}");
}
