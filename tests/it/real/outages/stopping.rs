//! Two brokers on one log, and a broker that is told to stop in the middle of an issue.

use crate::real::house::{House, lease_of, until, uuid};
use leasehold::proto::v1::LeaseState;
use std::net::TcpStream;
use xtask::peers::proxy::Behaviour;

#[test]
fn one_log_has_one_broker_and_sigterm_lets_it_finish_what_it_began() {
    let mut house = House::open();
    let second = house.scene.serve_command().unwrap().output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another process has the log") && said.contains("stop it first"), "{said}");
    let task = house.active_task();
    house.proxy.behave(Behaviour::HoldAnswers);
    let asked = house.issue_aside(&task, &uuid());
    until("the account to be made", || !house.accounts().is_empty());
    house.scene.tell_broker_to_stop().unwrap();
    until("the door to be closed", || TcpStream::connect(&house.scene.address).is_err());
    house.proxy.behave(Behaviour::Pass);
    let lease = lease_of(&asked.join().unwrap().unwrap());
    assert_eq!(house.scene.broker_end().unwrap().code(), Some(0), "{}", house.broker_said());
    assert!(!house.broker_said().contains("work was still under way"));
    house.restart(None);
    assert_eq!(house.bot.lease(&lease).unwrap().state(), LeaseState::Issued);
    house.check();
    house.finish(&task);
    house.until_dead(&lease);
    house.check();
}
