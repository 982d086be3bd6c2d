//! Closing an intent waits for walks that are under way: the edge of that wait. Nothing of the outside.

use super::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

fn is_over(waiting: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn closing_waits_for_the_walks_of_its_moment_and_not_for_later_ones() {
    let walks = InFlight::default();
    let lease = |number| LeaseId::new(Time::from_unix_seconds(1), [number; 10]);
    assert!(is_over(pin!(walks.outlast())), "nobody is under way");
    let (first, second) = (walks.enter(lease(1)), walks.enter(lease(2)));
    let mut waiting = pin!(walks.outlast());
    assert!(!is_over(waiting.as_mut()));
    let later = walks.enter(lease(3));
    drop(first);
    assert!(!is_over(waiting.as_mut()) && walks.holds(lease(2)));
    drop(second);
    assert!(is_over(waiting.as_mut()), "the third began later");
    assert!(walks.holds(lease(3)) && !walks.holds(lease(1)));
    drop(later);
}
