//! The door: accept loop, connection registry, the way of a client, and who a request comes from.

mod accepting;
mod channel;
mod oracle;
mod registry;

use crate::fixtures::world::{WORKLOAD, World};

#[tokio::test]
async fn an_honest_workload_is_known_by_certificate_and_by_token() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    assert_eq!(world.judge(&identity).unwrap(), WORKLOAD);
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    assert_eq!(world.whoami(Some(&identity), None).await.as_deref(), Ok(WORKLOAD));
    assert_eq!(world.whoami(None, Some(&world.token())).await.as_deref(), Ok(WORKLOAD));
    assert_eq!(world.whoami(None, None).await, Err("SVID_MISSING".into()));
}
