//! A broker at the other end of a channel: asking it, repeating what it says may be repeated,
//! and telling the person when an answer takes its time.
//!
//! Every call of this floor goes through [`Broker::ask`] or [`Broker::stream`].

use super::complaint::{Complaint, Result};
use super::globals::{Globals, Target};
use super::terminal::Terminal;
use super::{Connect, text};
use domain::base::Span;
use domain::reason::Reason;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// A broker, and the terminal on which it is talked about.
pub(crate) struct Broker<'a> {
    /// Where this verb plays.
    pub(crate) terminal: &'a mut Terminal,
    channel: Channel,
    target: Target,
    connect: &'a dyn Connect,
}

impl<'a> Broker<'a> {
    /// Finds the broker that the options name.
    pub(crate) async fn find(globals: &Globals, connect: &'a dyn Connect, terminal: &'a mut Terminal) -> Result<Self> {
        let target = globals.target()?;
        let opening = patiently(terminal, "connect to the broker", connect.channel(&target)).await;
        let channel = opening.map_err(|error| Complaint::of_connection(error.as_ref(), &target))?;
        Ok(Self { terminal, channel, target, connect })
    }

    /// A fresh name for one changing call (AIP-155).
    pub(crate) fn request_id(&self) -> String {
        uuid::Builder::from_random_bytes(self.connect.chance()).into_uuid().to_string()
    }

    /// Asks once, and again with the very same message (so the same `request_id`) while the broker
    /// says UNAVAILABLE and when to come back. `doing` completes the sentence "cannot …".
    pub(crate) async fn ask<M, R, F>(
        &mut self,
        doing: &str,
        message: M,
        call: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<R>
    where
        M: Clone,
        F: Future<Output = std::result::Result<Response<R>, Status>>,
    {
        let mut tries = 1;
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(ANSWER_WITHIN);
            let answer = patiently(self.terminal, doing, call(self.channel.clone(), request)).await;
            let status = match answer {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            let Some(delay) = pause_before_repeat(&status).filter(|_| tries < TRIES_MAX) else {
                return Err(self.complaint(doing, &status));
            };
            tries += 1;
            let pause = Span::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            let why = status.message();
            self.terminal
                .say(&format!("{why}; trying again after {pause} with the same request id ({tries} of {TRIES_MAX})"));
            tokio::time::sleep(delay).await;
        }
    }

    /// Opens a stream. Its items have no deadline: the broker closes it, or the connection dies.
    pub(crate) async fn stream<M, R, F>(
        &mut self,
        doing: &str,
        message: M,
        call: impl FnOnce(Channel, Request<M>) -> F,
    ) -> std::result::Result<Streaming<R>, Status>
    where
        F: Future<Output = std::result::Result<Response<Streaming<R>>, Status>>,
    {
        let opening = timeout(ANSWER_WITHIN, call(self.channel.clone(), Request::new(message)));
        let late = |_| Err(Status::deadline_exceeded("the stream was not opened"));
        patiently(self.terminal, doing, opening).await.unwrap_or_else(late).map(Response::into_inner)
    }

    /// Words a status.
    pub(crate) fn complaint(&self, doing: &str, status: &Status) -> Complaint {
        Complaint::of_status(doing, status, &self.target)
    }

    /// The part of an answer that every broker sends.
    pub(crate) fn part<T>(&self, part: Option<T>, name: &str) -> Result<T> {
        part.ok_or_else(|| {
            let what = format!("the broker at {} answered without a {name}", text::plain(&self.target.address));
            Complaint::failed(what, "use a client and a broker of the same version (leasehold status)")
        })
    }
}

/// How long to wait before repeating, if the broker asks for that and nobody has to act first.
pub(crate) fn pause_before_repeat(status: &Status) -> Option<Duration> {
    if status.code() != tonic::Code::Unavailable {
        return None;
    }
    let details = status.get_error_details();
    if details.error_info().is_some_and(|info| info.reason == Reason::EngineRefused.code()) {
        return None;
    }
    Some(details.retry_info()?.retry_delay.unwrap_or_default().min(PAUSE_MAX))
}

/// Awaits, and says so when it takes longer than a second, then every ten.
async fn patiently<F: Future>(terminal: &mut Terminal, doing: &str, work: F) -> F::Output {
    let mut work = pin!(work);
    let mut waited = Duration::ZERO;
    let mut notice = FIRST_NOTICE;
    loop {
        if let Ok(output) = timeout(notice, &mut work).await {
            return output;
        }
        waited += notice;
        notice = NEXT_NOTICE;
        terminal.say(&format!("still trying to {doing} ({}s)", waited.as_secs()));
    }
}

/// Longer than an engine's longest request by default (90 s), so that the broker's answer comes first.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// The first call and four repeats.
const TRIES_MAX: u32 = 5;
/// No single pause is longer, whatever the broker asks for.
const PAUSE_MAX: Duration = Duration::from_secs(30);
const FIRST_NOTICE: Duration = Duration::from_secs(1);
const NEXT_NOTICE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;
    use tonic_types::ErrorDetails;

    fn unavailable(reason: Reason) -> Status {
        let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(2)));
        details.set_error_info(reason.code(), "leasehold", std::collections::HashMap::new());
        Status::with_error_details(Code::Unavailable, "", details)
    }

    #[test]
    fn what_somebody_must_mend_is_not_asked_for_again() {
        assert_eq!(pause_before_repeat(&unavailable(Reason::EngineUnavailable)), Some(Duration::from_secs(2)));
        assert_eq!(pause_before_repeat(&unavailable(Reason::EngineRefused)), None);
    }
}
