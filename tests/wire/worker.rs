//! The worker: the real binary, as an operator runs it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::harness::{PATIENCE, World};

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    process: Child,
    http: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    /// Starts a worker on the world's servers and waits until it serves.
    pub(crate) async fn start(world: &World) -> Result<Self> {
        let worker = Self::launch(&world.servers.amqp, &world.servers.couchdb, DETAILED)?;
        worker.ready(PATIENCE).await?;
        Ok(worker)
    }

    /// Starts a worker that says no more than it does by default.
    pub(crate) async fn start_quiet(world: &World) -> Result<Self> {
        let worker = Self::launch(&world.servers.amqp, &world.servers.couchdb, "info")?;
        worker.ready(PATIENCE).await?;
        Ok(worker)
    }

    /// Starts a worker that serves calls of KAZOO 4.3.
    pub(crate) async fn start_for_routes(world: &World) -> Result<Self> {
        let servers = &world.servers;
        let worker = Self::launch_with(&servers.amqp, &servers.couchdb, DETAILED, ROUTE)?;
        worker.ready(PATIENCE).await?;
        Ok(worker)
    }

    /// Starts a worker; whether it serves is not known yet.
    pub(crate) fn launch(amqp: &str, couchdb: &str, log: &str) -> Result<Self> {
        Self::launch_with(amqp, couchdb, log, &[])
    }

    /// The same with further arguments.
    pub(crate) fn launch_with(
        amqp: &str,
        couchdb: &str,
        log: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        Self::launch_in(amqp, couchdb, log, arguments, &[])
    }

    /// The same in an environment with further variables.
    pub(crate) fn launch_in(
        amqp: &str,
        couchdb: &str,
        log: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let servers = ["--amqp-uri", amqp, "--couchdb-uri", couchdb, "--config", "/dev/null"];
        Self::spawn(&[&servers[..], arguments].concat(), log, variables)
    }

    /// Starts a worker that is told no more than this and its own address and name.
    pub(crate) fn spawn(arguments: &[&str], log: &str, variables: &[(&str, &str)]) -> Result<Self> {
        Self::spawn_as(Command::new(binary()), arguments, log, variables)
    }

    /// The same by a command that becomes the worker when its arguments are added.
    pub(crate) fn spawn_as(
        mut command: Command,
        arguments: &[&str],
        log: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        // Free when asked, and asked for again at once.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let inherited = std::env::vars().map(|(name, _)| name);
        for name in inherited.filter(|name| name.starts_with("KAZOO_")) {
            command.env_remove(name);
        }
        let mut process = command
            .args(["run", "--listen", &address, "--log-format", "json"])
            .args(["--node", "wire@test.example.com"])
            .args(arguments)
            .envs(variables.iter().copied())
            .env("RUST_LOG", log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the worker cannot be started")?;
        let lines = Arc::default();
        for stream in [
            process.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
            process.stderr.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
        ] {
            let (Some(stream), lines) = (stream, Arc::clone(&lines)) else { continue };
            std::thread::spawn(move || collect(stream, &lines));
        }
        Ok(Self { process, http: format!("http://{address}"), lines })
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut answer = String::new();
        while Instant::now() < deadline {
            match self.get("/readyz").await {
                Ok((200, _)) => return Ok(()),
                Ok((status, text)) => answer = format!("{status} {text}"),
                Err(error) => answer = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("not ready within {patience:?} ({answer}); it said:\n{}", self.last_lines())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String)> {
        let response = reqwest::get(format!("{}{path}", self.http)).await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Waits until no call is being served.
    pub(crate) async fn idle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.metric("kazoo_dynamic_cid_in_flight").await? == 0.0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("calls are still being served; it said:\n{}", self.last_lines())
    }

    /// The sum of a metric's values over all labels.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let (_, text) = self.get("/metrics").await?;
        let value = |line: &str| -> Option<f64> {
            let (key, value) = line.rsplit_once(' ')?;
            let key = key.split('{').next()?;
            let asked = key == name || key.strip_suffix("_total") == Some(name);
            asked.then(|| value.parse().ok()).flatten()
        };
        Ok(text.lines().filter_map(value).sum::<f64>())
    }

    /// Where it answers HTTP.
    pub(crate) fn address(&self) -> &str {
        &self.http
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).context("no VmRSS in /proc")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Whether a line of the log has this text.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }

    /// Waits for a line of the log.
    pub(crate) async fn says(&self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.said(text) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("it never said `{text}` but:\n{}", self.last_lines())
    }

    /// Everything it has said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn all_lines(&self) -> String {
        self.lines().join("\n")
    }

    pub(crate) fn last_lines(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// SIGTERM; how it ended.
    pub(crate) async fn stop(self) -> Result<ExitStatus> {
        self.signal("TERM")?;
        self.ends(PATIENCE).await.context("SIGTERM does not end it")
    }

    /// How it ends by itself, or because of a signal sent before.
    pub(crate) async fn ends(mut self, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "it does not end:\n{}", self.last_lines());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let id = self.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status()?;
        ensure!(status.success(), "kill -{signal} {id}: {status}");
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The binary built with the tests, or the one named in `KAZOO_TEST_WORKER`: a release, a package.
pub(crate) fn binary() -> OsString {
    let built = env!("CARGO_BIN_EXE_kazoo-dynamic-cid");
    std::env::var_os("KAZOO_TEST_WORKER").unwrap_or_else(|| built.into())
}

/// The arguments of a worker for KAZOO 4.3.
pub(crate) const ROUTE: &[&str] = &["--seams", "route"];

/// What a failed test may need to know.
pub(crate) const DETAILED: &str = "info,kazoo_dynamic_cid=debug";

fn collect(stream: impl Read, lines: &Mutex<Vec<String>>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
