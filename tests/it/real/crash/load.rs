//! Killed at twenty random moments while four callers draw secrets and finish tasks.

use crate::real::house::{Caller, House, issue_request, until, uuid};
use leasehold::proto::v1::TaskState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CALLERS: usize = 4;
const KILLS: usize = 20;
/// Most secrets that a caller draws between two kills: each is ended and proven at the end.
const DRAWS_MAX: u32 = 4;

#[test]
fn twenty_kills_under_load_leave_nothing_unexplained() {
    let mut house = House::open();
    let issued = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for round in 0..KILLS {
        if round % 5 == 0 {
            tasks.push(house.active_task());
        }
        let task = tasks.last().unwrap().clone();
        let over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let caller = Caller::of(&house.scene, "billing-bot");
                let (task, over, issued) = (task.clone(), Arc::clone(&over), Arc::clone(&issued));
                std::thread::spawn(move || draw(&caller, &task, &over, &issued))
            })
            .collect();
        if round % 5 == 4 {
            // One of the moments is in the middle of the ends.
            let _answered = house.bot.complete(&uuid(), &task);
        }
        let moment = Instant::now() + Duration::from_millis(random(400));
        until("the moment", || Instant::now() >= moment);
        house.scene.kill_broker().unwrap();
        over.store(true, Ordering::SeqCst);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        house.restart(None);
    }
    assert!(issued.load(Ordering::SeqCst) > 0, "the load drew secrets");
    for task in tasks {
        let state = house.bot.task(&task).map(|task| task.state());
        if matches!(state, Ok(TaskState::Active)) {
            house.bot.complete(&uuid(), &task).unwrap();
        }
        house.until_gone(&task);
    }
    assert!(house.accounts().is_empty());
    house.check();
}

fn draw(caller: &Caller, task: &str, over: &AtomicBool, issued: &AtomicU64) {
    let mut drawn = 0;
    while !over.load(Ordering::SeqCst) && drawn < DRAWS_MAX {
        if caller.issue(issue_request(task, &uuid())).is_ok() {
            issued.fetch_add(1, Ordering::SeqCst);
            drawn += 1;
        }
    }
}

fn random(below: u64) -> u64 {
    u64::from_str_radix(&xtask::peers::random_hex(4).unwrap(), 16).unwrap() % below
}
