//! The wait before a call leaves, against an engine that never answers.

use super::*;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_mint_that_finds_no_place_is_given_up_before_it_leaves() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let reach = Reach { address: &address, ca_file: None, namespace: None, deadline: Duration::from_secs(2) };
    let wire = Wire::new(&reach, 1).unwrap();
    let call = || Call::new("minting", Effect::Changes, RequestMethod::GET, "database/creds/x");
    let (patient, hurried) = (call(), call().place_within(Duration::from_millis(50)));
    let (first, second) = tokio::join!(
        wire.send(&patient, None),
        // It must not wait for the place of the first, which is taken for two seconds.
        tokio::time::timeout(Duration::from_secs(1), wire.send(&hurried, None)),
    );
    assert_eq!(first.err().map(|fault| fault.kind), Some(FaultKind::Ambiguous), "it left, and nobody knows");
    let second = second.expect("given up while the first still waits");
    assert_eq!(second.err().map(|fault| fault.kind), Some(FaultKind::Transient), "it never left");
}

#[tokio::test]
async fn a_call_that_can_be_repeated_does_not_wait_as_long_as_any_other() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let reach = Reach { address: &address, ca_file: None, namespace: None, deadline: Duration::from_secs(60) };
    let wire = Wire::new(&reach, 2).unwrap();
    let call = || Call::new("renewing a lease", Effect::Changes, RequestMethod::PUT, "sys/leases/renew/x");
    let (hurried, patient) = (call().answer_within(Duration::from_millis(50)), call());
    tokio::select! {
        biased;
        _ = wire.send(&patient, None) => panic!("an answer from nobody"),
        given_up = wire.send(&hurried, None) => {
            assert_eq!(given_up.err().map(|fault| fault.kind), Some(FaultKind::Ambiguous), "it left, and nobody knows");
        }
    }
}
