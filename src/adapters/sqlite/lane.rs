//! A thread that owns one connection and does what it is given, one after another.
//!
//! SQLite blocks; the async side must not. Jobs come through a bounded queue, answers go back
//! through a channel of their own. Dropping the lane finishes what is queued and ends the thread.

use crate::ports::{Fault, FaultKind};
use rusqlite::Connection;
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) struct Lane {
    // INVARIANT: both are `Some` until the drop.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// How an answer did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The job was not begun and never will be.
    NotAsked,
    /// The thread died with the job in its queue or its hands.
    NotAnswered,
}

/// Callers beyond this many wait for a place.
const QUEUE_MAX: usize = 64;

impl Lane {
    pub(super) fn start(name: &str, mut connection: Connection) -> Result<Self, Fault> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_MAX);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        };
        let thread = Builder::new()
            .name(name.into())
            .spawn(work)
            .map_err(|error| Fault::new(FaultKind::Transient, "the log cannot start its threads").because(error))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` on the thread. A caller who leaves does not stop a job that is queued.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (answer, answered) = oneshot::channel();
        // Nobody may be left to hear the answer.
        let job: Job = Box::new(move |connection| drop(answer.send(job(connection))));
        let jobs = self.jobs.as_ref().ok_or(Lost::NotAsked)?;
        jobs.send(job).await.map_err(|_| Lost::NotAsked)?;
        answered.await.map_err(|_| Lost::NotAnswered)
    }

    /// Returns when the thread takes no more jobs.
    #[cfg(test)]
    pub(super) async fn ended(&self) {
        if let Some(jobs) = &self.jobs {
            jobs.closed().await;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
