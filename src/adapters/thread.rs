//! A thread that owns something that blocks, such as a connection, and does what it is given, one
//! after another. The log's writer, its reader, and the index over it have one each.
//!
//! SQLite blocks; the async side must not. Jobs come through a bounded queue, answers go back
//! through a channel of their own. Dropping the handle finishes what is queued and ends the thread.
//! What a lost answer means is for the owner of the handle to say, never for this file.

use ports::{Fault, FaultKind};
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

pub(super) struct Thread<T> {
    // INVARIANT: both are `Some` until the drop.
    jobs: Option<mpsc::Sender<Job<T>>>,
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

impl<T: Send + 'static> Thread<T> {
    pub(super) fn start(name: &str, mut owned: T) -> Result<Self, Fault> {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(QUEUE_MAX);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut owned);
            }
        };
        let thread = Builder::new().name(name.into()).spawn(work).map_err(|error| {
            let sentence = format!("the thread {name} cannot be started");
            Fault::new(FaultKind::Transient, sentence).because(error)
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` on the thread. A caller who leaves does not stop a job that is queued.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Lost> {
        let (answer, answered) = oneshot::channel();
        // Nobody may be left to hear the answer.
        let job: Job<T> = Box::new(move |owned| drop(answer.send(job(owned))));
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

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future as _;
    use std::task::Poll::Ready;

    #[tokio::test]
    async fn jobs_are_done_in_order_and_a_drop_waits_for_those_whose_callers_have_left() {
        let (done, told) = std::sync::mpsc::channel();
        let thread = Thread::start("test", Vec::new()).unwrap();
        assert_eq!(thread.run(|seen| seen.len()).await, Ok(0));
        let (begin, begun) = std::sync::mpsc::channel();
        let held = thread.run(move |_| begun.recv());
        let mut held = Box::pin(held);
        assert!(std::future::poll_fn(|context| Ready(held.as_mut().poll(context).is_pending())).await);
        for number in [1, 2, 3] {
            let done = done.clone();
            let mut asked = Box::pin(thread.run(move |seen| {
                seen.push(number);
                done.send(seen.clone())
            }));
            // Polled once each, the jobs are in the queue; then their callers leave.
            assert!(std::future::poll_fn(|context| Ready(asked.as_mut().poll(context).is_pending())).await);
        }
        begin.send(()).unwrap();
        drop(held);
        drop(thread);
        assert_eq!(told.try_iter().last(), Some(vec![1, 2, 3]));
    }
}
