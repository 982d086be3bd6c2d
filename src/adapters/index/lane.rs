//! A thread that owns one thing and does with it what it is given, one after another: SQLite blocks,
//! the async side must not. Dropping the lane finishes what is queued and ends the thread.

use ports::{Fault, FaultKind};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

type Job<O> = Box<dyn FnOnce(&mut O) + Send>;

pub(super) struct Lane<O> {
    // INVARIANT: both are `Some` until the drop.
    jobs: Option<mpsc::Sender<Job<O>>>,
    thread: Option<JoinHandle<()>>,
}

/// Callers beyond this many wait for a place.
const QUEUE_MAX: usize = 64;

impl<O: Send + 'static> Lane<O> {
    pub(super) fn start(name: &str, mut owned: O) -> Result<Self, Fault> {
        let (jobs, mut queue) = mpsc::channel::<Job<O>>(QUEUE_MAX);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut owned);
            }
        };
        let thread = Builder::new()
            .name(name.into())
            .spawn(work)
            .map_err(|error| Fault::new(FaultKind::Transient, "the index cannot start its thread").because(error))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` on the thread; `None` if the thread is gone.
    pub(super) async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut O) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        // Nobody may be left to hear the answer.
        let job: Job<O> = Box::new(move |owned| drop(answer.send(job(owned))));
        self.jobs.as_ref()?.send(job).await.ok()?;
        answered.await.ok()
    }
}

impl<O> Drop for Lane<O> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
