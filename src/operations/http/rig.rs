//! A listener for tests, with a worker behind it that is told what to be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::{Pages, listen};
use crate::amqp::SessionState;
use crate::directory::{Directory, DirectoryOptions, Folder};
use crate::operations::Metrics;
use crate::operations::health::{DatabaseState, Health};
use crate::operations::records::Records;
use crate::settings::{Environment, GlobalArgs, Settings};

/// Long enough for anything that should happen at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What an answer was, head and body.
pub(super) struct Answer(pub(super) String);

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("{error}: {}", self.0))
    }

    /// The sentence of a refusal.
    pub(super) fn sentence(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection may also be reset, with the answer before it.
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().ok();
    String::from_utf8(answer).unwrap()
}

pub(super) async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Refused before it is sent whole, perhaps.
    stream.write_all(request.as_bytes()).await.ok();
    read(&mut stream).await
}

/// A machine on which nothing is set.
struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn host_name(&self) -> String {
        "apps1".to_owned()
    }

    fn config_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    settings: GlobalArgs,
}

/// What stands behind a listener: a worker that is ready, with the example account.
pub(super) struct Behind {
    pub(super) console: Console,
    pub(super) records: Arc<Records>,
    pub(super) metrics: Arc<Metrics>,
    health: Arc<Health>,
    session: watch::Sender<SessionState>,
    database: watch::Sender<DatabaseState>,
    hosts: Vec<String>,
}

impl Behind {
    /// With settings from these flags.
    pub(super) fn new(flags: &[&str]) -> Self {
        let line = std::iter::once("test").chain(flags.iter().copied());
        let args = Flags::try_parse_from(line).unwrap().settings;
        let settings = Settings::load(&args, &Nothing).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/example");
        let folder = Arc::new(Folder::open(&folder).unwrap());
        let directory = Directory::new(folder, DirectoryOptions::default());
        let (session, sessions) = watch::channel(SessionState::Up { broker: "amqp://a".into() });
        let (database, databases) = watch::channel(Some(Ok(())));
        let health = Arc::new(Health::new(sessions, databases));
        let kept = usize::try_from(settings.records.value).unwrap();
        let records = Arc::new(Records::new(kept, settings.masking.value));
        let metrics = Arc::new(Metrics::new());
        let zone = ("west".to_owned(), watch::channel(SessionState::Starting).1);
        let console = Console::new(&settings, Arc::clone(&health), vec![zone], directory);
        let hosts = settings.http_hosts.value;
        Self { console, records, metrics, health, session, database, hosts }
    }
}

/// A running listener; it stops when dropped.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) records: Arc<Records>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) session: watch::Sender<SessionState>,
    pub(super) database: watch::Sender<DatabaseState>,
    pub(super) stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Rig {
    /// A listener of a worker with settings from these flags.
    pub(super) async fn new(flags: &[&str]) -> Self {
        let Behind { console, records, metrics, health, session, database, hosts } =
            Behind::new(flags);
        let pages = Pages {
            metrics: Arc::clone(&metrics),
            readiness: health,
            records: Arc::clone(&records),
            console,
        };
        let stop = CancellationToken::new();
        let any = "127.0.0.1:0".parse().unwrap();
        let (address, server) = listen(any, &hosts, pages, stop.clone()).await.unwrap();
        let server = Some(tokio::spawn(server));
        Self { address, records, metrics, session, database, stop, server }
    }

    /// Asks with further lines in the head, each with its end, and a body.
    pub(super) async fn ask(&self, line: &str, head: &str, body: &str) -> Answer {
        let host = if head.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let length = body.len();
        let length =
            if length > 0 { format!("Content-Length: {length}\r\n") } else { String::new() };
        let request =
            format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{head}{length}\r\n{body}");
        Answer(ask(self.address, &request).await)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", "").await
    }

    /// Stops the listener and waits until it has ended.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        let server = self.server.take().unwrap();
        timeout(PATIENCE, server).await.expect("it does not end").unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
