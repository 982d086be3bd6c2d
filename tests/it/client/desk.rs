//! A desk to run verbs at: a fake broker, a channel to it, and terminals that are read afterwards.

use super::fake::Fake;
use clap::Parser as _;
use leasehold::app::cli::{Cli, Verb};
use leasehold::client::{Connect, Interruption, SignalSource, Target, Terminal, explain, run_on};
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

pub(crate) struct Desk {
    pub(crate) broker: Arc<Fake>,
    pub(crate) directory: tempfile::TempDir,
    connect: Plain,
}

/// What a verb left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) data: String,
    pub(crate) talk: String,
}

/// How the terminal is, other than a script's.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) answer: Option<&'static str>,
    pub(crate) data_is_screen: bool,
    pub(crate) signals: Option<mpsc::Receiver<Interruption>>,
}

struct Plain {
    channel: Channel,
    calls: AtomicU64,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let (broker, address) = Fake::serve().await;
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let directory = tempfile::tempdir().unwrap();
        Self { broker, directory, connect: Plain { channel, calls: AtomicU64::new(0) } }
    }

    /// A desk whose broker is not there.
    pub(crate) async fn deserted() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { connect: Plain { channel, calls: AtomicU64::new(0) }, ..Self::open().await }
    }

    pub(crate) async fn run(&self, line: &[&str]) -> Ran {
        self.run_in(line, Setting::default()).await
    }

    pub(crate) async fn run_in(&self, line: &[&str], setting: Setting) -> Ran {
        let (data, talk) = (Shared::default(), Shared::default());
        let code = self.play(line, setting, &data, &talk).await;
        Ran { code, data: data.text(), talk: talk.text() }
    }

    /// Runs with a `talk` that can be read while the verb is under way.
    pub(crate) async fn play(&self, line: &[&str], setting: Setting, data: &Shared, talk: &Shared) -> u8 {
        let fixed = ["leasehold", "--address", "127.0.0.1:8443", "--broker-id", "spiffe://example.org/leasehold"];
        let socket = ["--socket", "unix:///run/agent.sock"];
        let cli = Cli::try_parse_from(fixed.iter().chain(&socket).chain(line)).unwrap();
        let Verb::Client(verb) = cli.verb else { panic!("not a verb of the client") };
        let mut terminal = Terminal {
            data: Box::new(data.clone()),
            talk: Box::new(talk.clone()),
            person: setting.answer.map(|answer| Box::new(Cursor::new(answer)) as _),
            data_is_screen: setting.data_is_screen,
            json: cli.globals.json,
            signals: SignalSource::Fed(setting.signals.unwrap_or_else(|| mpsc::channel(1).1)),
        };
        match run_on(verb, &cli.globals, &self.connect, &mut terminal).await {
            Ok(code) => code,
            Err(complaint) => {
                let (text, code) = explain(&anyhow::Error::new(complaint), cli.globals.json);
                writeln!(talk.clone(), "{text}").unwrap();
                code
            }
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A task file for these credentials.
    pub(crate) fn task_file(&self, credentials: &[&str]) -> String {
        let text = format!(
            "agent = \"billing-bot\"\npurpose = \"reconcile invoices\"\ncredentials = {credentials:?}\nwindow = \"20m\"\n"
        );
        self.file("billing.task.toml", &text)
    }
}

#[async_trait::async_trait]
impl Connect for Plain {
    async fn channel(&self, _: &Target) -> anyhow::Result<Channel> {
        Ok(self.channel.clone())
    }

    fn chance(&self) -> [u8; 16] {
        u128::from(self.calls.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

/// A stream that can be read back.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The content of a file that a child writes.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
