//! Following a stream: item by item, and resuming it when the broker goes away for a while.
//!
//! Used by whatever waits for something to happen: `task watch`, `exec`, `signals tail`.

use super::broker::Broker;
use super::complaint::Result;
use super::terminal::Terminal;
use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// What to follow, in words.
#[derive(Clone, Copy)]
pub(crate) struct Following<'a> {
    /// Completes the sentence "cannot …".
    pub(crate) doing: &'a str,
    /// Said every half minute without news; empty for silence.
    pub(crate) reminder: &'a str,
}

impl Broker<'_> {
    /// Follows until `each` breaks or the broker closes the stream, which gives nothing. `message`
    /// is made anew for each attempt, so that it can carry a cursor.
    pub(crate) async fn follow<M, R, T, F>(
        &mut self,
        following: Following<'_>,
        message: impl Fn() -> M,
        call: impl Fn(Channel, Request<M>) -> F,
        mut each: impl FnMut(&mut Terminal, R) -> Result<ControlFlow<T>>,
    ) -> Result<Option<T>>
    where
        F: Future<Output = std::result::Result<Response<Streaming<R>>, Status>>,
    {
        let (mut failures, mut seen_any) = (0, false);
        loop {
            let status = match self.stream(following.doing, message(), &call).await {
                Err(status) => status,
                Ok(mut items) => loop {
                    match self.next_item(&mut items, following.reminder).await {
                        Ok(Some(item)) => {
                            (failures, seen_any) = (0, true);
                            if let ControlFlow::Break(found) = each(self.terminal, item)? {
                                return Ok(Some(found));
                            }
                        }
                        Ok(None) => return Ok(None),
                        Err(status) => break status,
                    }
                },
            };
            failures += 1;
            let Some(pause) = pause_before_resuming(&status, seen_any).filter(|_| failures < FAILURES_MAX) else {
                return Err(self.complaint(following.doing, &status));
            };
            self.terminal.say(&format!("{}; resuming ({failures} of {FAILURES_MAX})", status.message()));
            tokio::time::sleep(pause).await;
        }
    }

    async fn next_item<R>(
        &mut self,
        items: &mut Streaming<R>,
        reminder: &str,
    ) -> std::result::Result<Option<R>, Status> {
        let mut waited = Duration::ZERO;
        loop {
            if let Ok(item) = timeout(REMIND_EVERY, items.message()).await {
                return item;
            }
            waited += REMIND_EVERY;
            if !reminder.is_empty() {
                self.terminal.say(&format!("{reminder} ({}s)", waited.as_secs()));
            }
        }
    }
}

/// A stream that broke is resumed; one that never began only if the broker says when to come back.
fn pause_before_resuming(status: &Status, seen_any: bool) -> Option<Duration> {
    let asked = status.get_error_details().retry_info().map(|retry| retry.retry_delay.unwrap_or_default());
    match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::Unknown if seen_any => {
            Some(asked.unwrap_or(PAUSE).min(PAUSE_MAX))
        }
        Code::Unavailable | Code::ResourceExhausted => asked.map(|asked| asked.min(PAUSE_MAX)),
        _ => None,
    }
}

/// Failures in a row after which following is given up.
const FAILURES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const REMIND_EVERY: Duration = Duration::from_secs(30);
