//! The stopwatch: every way has its turn in every round, in an order that moves on and turns round,
//! so that no way always follows the same other one.

use crate::plan::Plan;
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Ways that take turns.
pub(crate) const WAYS: usize = 5;

/// One way to get the thing that is measured.
#[async_trait]
pub(crate) trait Way: Send + Sync {
    /// Gets it once.
    async fn once(&self) -> Result<()>;
}

/// Walls of each way, ascending, and what the broker's processor time was.
pub(crate) struct Turns {
    walls: [Vec<Duration>; WAYS],
    broker_cpu: Duration,
}

impl Turns {
    /// Lets the ways take turns. The first way is the broker, whose processor time is `pid`'s.
    pub(crate) async fn take(ways: &[Arc<dyn Way>; WAYS], plan: &Plan, pid: u32) -> Result<Self> {
        for way in ways {
            block(way, plan).await?;
        }
        let mut turns = Self { walls: Default::default(), broker_cpu: Duration::ZERO };
        for round in 0..plan.rounds {
            for turn in 0..ways.len() {
                let step = if round % 2 == 0 { turn } else { ways.len() - 1 - turn };
                let which = (round / 2 + step) % ways.len();
                let (Some(way), Some(walls)) = (ways.get(which), turns.walls.get_mut(which)) else { continue };
                let before = cpu_of(pid)?;
                walls.extend(block(way, plan).await?);
                if which == 0 {
                    turns.broker_cpu += cpu_of(pid)?.saturating_sub(before);
                }
            }
        }
        turns.walls.iter_mut().for_each(|walls| walls.sort_unstable());
        Ok(turns)
    }

    /// Microseconds at a quantile, of the broker, of logins, of a held token, of the floor, of its parts
    /// in a row.
    pub(crate) fn at(&self, quantile: f64) -> [f64; WAYS] {
        let pick = |walls: &Vec<Duration>| {
            let rank = (walls.len() as f64 * quantile) as usize;
            walls.get(rank.min(walls.len().saturating_sub(1))).map_or(f64::NAN, |wall| wall.as_secs_f64() * 1e6)
        };
        self.walls.each_ref().map(pick)
    }

    /// Processor time of the broker for one issue, in microseconds.
    pub(crate) fn broker_cpu(&self) -> f64 {
        let [through, ..] = &self.walls;
        self.broker_cpu.as_secs_f64() * 1e6 / through.len() as f64
    }
}

/// One turn: `in_flight` workers, each of which does its next as soon as its last is done.
async fn block(way: &Arc<dyn Way>, plan: &Plan) -> Result<Vec<Duration>> {
    let mut workers = JoinSet::new();
    for _ in 0..plan.in_flight {
        let (way, count) = (Arc::clone(way), plan.block / plan.in_flight);
        workers.spawn(async move {
            let mut walls = Vec::with_capacity(count);
            for _ in 0..count {
                let begun = Instant::now();
                way.once().await?;
                walls.push(begun.elapsed());
            }
            anyhow::Ok(walls)
        });
    }
    let done: Result<Vec<_>> = workers.join_all().await.into_iter().collect();
    Ok(done?.concat())
}

/// How long the threads of a process have run.
fn cpu_of(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that has just ended takes its share along: the broker's all stay.
        let Ok(run) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += run.split(' ').next().context("no run time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
