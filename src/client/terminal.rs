//! Where a verb plays: data on standard output, talk on standard error, questions to a person if
//! there is one, and the signals that reach the process.
//!
//! Everything but [`Terminal::secret`] escapes what it shows, so no verb can forget to. Colour is
//! never used by a verb, so it can carry no meaning.

use super::complaint::{Complaint, Result};
use super::table;
use super::text::{plain, plain_json};
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc;

/// The streams of one run.
pub struct Terminal {
    /// Standard output: data only.
    pub data: Box<dyn Write + Send>,
    /// Standard error: everything else.
    pub talk: Box<dyn Write + Send>,
    /// A person who can answer, or nobody (a script).
    pub person: Option<Box<dyn BufRead + Send>>,
    /// Whether data would be shown on a screen.
    pub data_is_screen: bool,
    /// Whether data is asked for as JSON.
    pub json: bool,
    /// Where signals come from, for verbs that pass them on.
    pub signals: SignalSource,
}

/// Where signals come from.
pub enum SignalSource {
    /// The process; its handlers are set when a verb begins to listen.
    Process,
    /// A test.
    Fed(mpsc::Receiver<Interruption>),
}

/// A signal that asks a verb to stop, and that `exec` passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// `SIGINT`.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGHUP`.
    HangUp,
}

/// A verb that listens.
pub(crate) enum Interruptions {
    Process { interrupt: SignalStream, terminate: SignalStream, hang_up: SignalStream },
    Fed(mpsc::Receiver<Interruption>),
}

impl Terminal {
    /// The streams of this process.
    #[must_use]
    pub fn of_process(json: bool) -> Self {
        let person = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            data: Box::new(io::stdout()),
            talk: Box::new(io::stderr()),
            person: person.then(|| Box::new(io::BufReader::new(io::stdin())) as Box<dyn BufRead + Send>),
            data_is_screen: io::stdout().is_terminal(),
            json,
            signals: SignalSource::Process,
        }
    }

    /// One line of data.
    ///
    /// # Errors
    /// Standard output could not be written.
    pub fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.data, "{}", plain(text)).map_err(Complaint::writing)
    }

    /// Text of several lines as data, such as a checkpoint; line ends stay.
    pub(crate) fn lines(&mut self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// A table with its headings as data.
    pub(crate) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) -> Result<()> {
        table::aligned(headings, rows).iter().try_for_each(|line| self.line(line))
    }

    /// Names and values as data, one below the other.
    pub(crate) fn facts(&mut self, facts: &[(&str, String)]) -> Result<()> {
        table::facts(facts).iter().try_for_each(|line| self.line(line))
    }

    /// One whole JSON document as data, laid out for reading.
    ///
    /// # Errors
    /// Standard output could not be written.
    pub fn document(&mut self, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string_pretty(value).map_err(Complaint::bug)?;
        writeln!(self.data, "{}", plain_json(&json)).map_err(Complaint::writing)
    }

    /// One JSON object on one line, for streams. Sent at once: a reader may be waiting for it.
    pub(crate) fn record(&mut self, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(value).map_err(Complaint::bug)?;
        writeln!(self.data, "{}", plain_json(&json)).map_err(Complaint::writing)?;
        self.data.flush().map_err(Complaint::writing)
    }

    /// The bytes of a secret as data, as they are. Every use of this name is a place to review.
    pub(crate) fn secret(&mut self, bytes: &[u8]) -> Result<()> {
        self.data.write_all(bytes).and_then(|()| self.data.flush()).map_err(Complaint::writing)
    }

    /// One line of talk. That nobody listens is no reason to fail.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.talk, "{}", plain(text));
    }

    /// A complaint as talk, for a verb that goes on nevertheless.
    pub(crate) fn say_complaint(&mut self, complaint: &Complaint) {
        complaint.text().lines().for_each(|line| self.say(line));
    }

    /// Asks a person for a yes; nobody there means no.
    pub(crate) fn confirm(&mut self, question: &str) -> bool {
        let Some(person) = &mut self.person else { return false };
        let _ = write!(self.talk, "{} [y/N] ", plain(question));
        let _ = self.talk.flush();
        let mut answer = String::new();
        person.read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// From now on signals are the verb's to act on.
    pub(crate) fn listen(&mut self) -> io::Result<Interruptions> {
        Ok(match std::mem::replace(&mut self.signals, SignalSource::Process) {
            SignalSource::Fed(receiver) => Interruptions::Fed(receiver),
            SignalSource::Process => Interruptions::Process {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
            },
        })
    }
}

impl Interruptions {
    /// The next signal. Never returns if none can come any more.
    pub(crate) async fn next(&mut self) -> Interruption {
        match self {
            Self::Process { interrupt, terminate, hang_up } => tokio::select! {
                Some(()) = interrupt.recv() => Interruption::Interrupt,
                Some(()) = terminate.recv() => Interruption::Terminate,
                Some(()) = hang_up.recv() => Interruption::HangUp,
                else => std::future::pending().await,
            },
            Self::Fed(receiver) => match receiver.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            },
        }
    }
}

impl Interruption {
    /// The signal's number, for exit codes: 128 and this.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_to_the_process_reaches_the_verb_that_listens() {
        let mut listening = Terminal::of_process(false).listen().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        let heard = tokio::time::timeout(std::time::Duration::from_secs(10), listening.next()).await;
        assert_eq!(heard, Ok(Interruption::HangUp));
    }
}
