//! Streams to callers. Each runs in a task of its own that pulls and sends; what the caller does not
//! take waits in the log, not in memory.
//!
//! A stream ends when its producer is done, when the caller leaves or reads too slowly, when the
//! caller's proof of identity or role ends, and when the broker stops.

use super::complaint::Complaint;
use super::desk::{Desk, Outcome};
use domain::reason::{Denial, Reason};
use domain::state::command::Caller;
use futures_util::{Stream, StreamExt as _, stream};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// What tonic sends.
pub(super) type Outflow<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The producer's end of a stream.
pub(super) struct Outlet<T>(mpsc::Sender<T>);

/// Messages that wait for a reader.
const WAITING_MAX: usize = 16;
/// How long a reader may take for one message.
const SEND_MAX: Duration = Duration::from_secs(10);
/// How often a stream's right to go on is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl<T> Outlet<T> {
    /// Sends one message.
    ///
    /// # Errors
    /// `READER_TOO_SLOW` if it is not taken in time.
    pub(super) async fn send(&self, message: T) -> Result<(), Denial> {
        self.send_within(SEND_MAX, message).await
    }

    async fn send_within(&self, bound: Duration, message: T) -> Result<(), Denial> {
        match tokio::time::timeout(bound, self.0.send(message)).await {
            // Who left needs no answer: the supervisor ends the stream.
            Ok(_) => Ok(()),
            Err(_) => Err(Denial::new(Reason::ReaderTooSlow, "a message was not taken within ten seconds")),
        }
    }
}

/// Opens a stream: `produce` runs until it is done or must end.
///
/// # Errors
/// `OVERLOADED` if all places for streams are taken.
pub(super) fn open<T, F>(
    desk: &Desk,
    call: &'static str,
    caller: Caller,
    produce: impl FnOnce(Outlet<T>) -> F,
) -> Outcome<Outflow<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<(), Denial>> + Send + 'static,
{
    let place = desk.streams.take(caller.subject.id())?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let (over, end) = oneshot::channel();
    let (producing, left) = (produce(Outlet(sender.clone())), sender);
    let supervisor = desk.clone();
    desk.world.tracker.spawn(async move {
        let ended = tokio::select! {
            ended = producing => ended,
            () = left.closed() => Ok(()),
            denial = no_longer(&supervisor, call, &caller) => Err(denial),
        };
        if let Err(denial) = ended {
            // The caller may be gone by now.
            let _ = over.send(supervisor.status(Complaint::from(denial)));
        }
        drop(place);
    });
    // What was sent is delivered first, then how it ended.
    let last = stream::once(end).filter_map(|end| async move { end.ok().map(Err) });
    Ok(Box::pin(ReceiverStream::new(receiver).map(Ok).chain(last)))
}

/// Waits until the stream may not go on, and says why.
async fn no_longer(desk: &Desk, call: &str, caller: &Caller) -> Denial {
    loop {
        tokio::select! {
            () = desk.stop.cancelled() => return Denial::new(Reason::Stopping, "the broker is stopping"),
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        if caller.subject.expired(desk.world.clock.read().time) {
            return Denial::new(Reason::SvidExpired, "the SVID that opened this stream has expired");
        }
        if let Err(denial) = desk.view.admit(caller, call) {
            return denial;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_who_takes_nothing_is_too_slow() {
        let (sender, mut reader) = mpsc::channel(WAITING_MAX);
        let (outlet, bound) = (Outlet(sender), Duration::from_millis(20));
        for message in 0..WAITING_MAX {
            assert_eq!(outlet.send_within(bound, message).await, Ok(()));
        }
        let denied = outlet.send_within(bound, WAITING_MAX).await.unwrap_err();
        assert_eq!(denied.reason, Reason::ReaderTooSlow);
        assert_eq!(reader.recv().await, Some(0));
        assert_eq!(outlet.send_within(bound, WAITING_MAX).await, Ok(()), "a place is free again");
    }
}
