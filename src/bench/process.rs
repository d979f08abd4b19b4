//! Child processes: workers and the echo, and what they use.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::settings::Settings;

/// How long a child may take to end by itself.
const ENDING: Duration = Duration::from_secs(5);
/// How long it may take until it serves.
const READY: Duration = Duration::from_secs(20);
/// How often it is looked at while that is waited for.
const LOOK: Duration = Duration::from_millis(50);
/// Of its log, what is shown when it does not start.
const TAIL: u64 = 2000;
/// Ticks of `/proc/PID/stat` in a second: the kernel's `USER_HZ`, which programs see as 100 on
/// every architecture Linux still runs on but Alpha.
const TICKS: u64 = 100;

/// Why a child process cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("{name} cannot be started: {reason}")]
    Start {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
    /// It has ended, or does not get ready.
    #[error("{name} {what}; its log ends with:\n{log}")]
    NotServing {
        /// Which.
        name: String,
        /// What it does instead.
        what: String,
        /// The end of its log.
        log: String,
    },
}

/// A running child; ended when dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    log: File,
}

/// What processes have used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time on a CPU since it started.
    pub cpu: Duration,
    /// Resident memory in KiB.
    pub rss_kib: u64,
}

impl Process {
    /// Starts this program with other arguments, on the same servers.
    pub(super) fn start(
        name: impl Into<String>,
        arguments: &[&str],
        settings: &Settings,
    ) -> Result<Self, ProcessError> {
        let name = name.into();
        let failed = |error: std::io::Error| ProcessError::Start {
            name: name.clone(),
            reason: error.to_string(),
        };
        let program = std::env::current_exe().map_err(failed)?;
        let log = log_file().map_err(failed)?;
        let brokers: Vec<_> =
            settings.amqp.value.iter().map(|uri| uri.expose().to_string()).collect();
        let config = settings.config_file.value.as_ref();
        let child = Command::new(program)
            .args(arguments)
            // Addresses hold passwords, and arguments are for all to see.
            .env("KAZOO_DYNAMIC_CID_AMQP_URI", brokers.join(","))
            .env("KAZOO_DYNAMIC_CID_COUCHDB_URI", settings.couchdb.expose().as_str())
            .env("KAZOO_CONFIG", config.map_or("/dev/null".as_ref(), |path| path.as_os_str()))
            .env("RUST_LOG", &settings.log_filter.value)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log.try_clone().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        Ok(Self { name, child, log })
    }

    /// Starts a worker and waits until it takes calls.
    pub(super) async fn worker(
        number: usize,
        seams: &str,
        settings: &Settings,
    ) -> Result<Self, ProcessError> {
        let name = format!("worker {number}");
        let address = free_address().map_err(|error| ProcessError::Start {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        let node = format!("bench_{number}@{}", host(&settings.node.value));
        let arguments = ["run", "--node", &node, "--listen", &address, "--seams", seams];
        let prefetch = settings.limits.prefetch.value.to_string();
        // Caches are to be warm: a long list is waited for when it is first read, however full the
        // machine is.
        let reading = ["--couchdb-timeout", "20s", "--read-deadline", "20s"];
        let arguments = [&arguments[..], &reading, &["--prefetch", &prefetch]].concat();
        let mut worker = Self::start(name, &arguments, settings)?;
        let url = format!("http://{address}/readyz");
        let deadline = Instant::now() + READY;
        loop {
            let answer = tokio::time::timeout(READY, reqwest::get(&url)).await;
            if matches!(answer, Ok(Ok(answer)) if answer.status().is_success()) {
                return Ok(worker);
            }
            worker.check()?;
            if Instant::now() > deadline {
                return Err(worker.not_serving("does not get ready"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An error where it has ended.
    pub(super) fn check(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.not_serving(&format!("has ended ({status})"))),
            Err(error) => Err(self.not_serving(&format!("is lost ({error})"))),
        }
    }

    /// What it has used so far; `None` where the system does not tell.
    pub(super) fn usage(&self) -> Option<Usage> {
        let read =
            |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        Some(Usage { cpu: cpu_of(&read("stat").ok()?)?, rss_kib: rss_of(&read("status").ok()?)? })
    }

    fn not_serving(&mut self, what: &str) -> ProcessError {
        let mut log = Vec::new();
        let end = self.log.seek(SeekFrom::End(0)).unwrap_or_default();
        // Without a log there is less to say.
        let _ = self.log.seek(SeekFrom::Start(end.saturating_sub(TAIL)));
        let _ = self.log.read_to_end(&mut log);
        ProcessError::NotServing {
            name: self.name.clone(),
            what: what.to_owned(),
            log: String::from_utf8_lossy(&log).into_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        if matches!(self.child.try_wait(), Ok(None)) {
            // SIGTERM, which the standard library cannot send: the queues stay clean.
            let _ = Command::new("kill").args(["-TERM", &id]).status();
            let deadline = Instant::now() + ENDING;
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(LOOK);
            }
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file without a name: it goes with the process.
fn log_file() -> std::io::Result<File> {
    let path =
        std::env::temp_dir().join(format!("kazoo-dynamic-cid-{:016x}", rand::random::<u64>()));
    let file = File::options().read(true).append(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Free when asked, and asked for again at once.
fn free_address() -> std::io::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// The host in a node's name.
pub(super) fn host(node: &str) -> &str {
    node.split_once('@').map_or("localhost", |(_, host)| host)
}

/// User and system time from `/proc/PID/stat`. The program's name, in brackets, may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

fn rss_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_read_from_proc() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 3 0";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("42 (name"), None);
        assert_eq!(rss_of("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t  5120 kB\n"), Some(5120));
        assert_eq!(rss_of("Name:\tx\n"), None);
    }

    #[test]
    fn the_log_is_kept_without_a_name() {
        use std::io::Write as _;
        let mut file = log_file().unwrap();
        file.write_all(b"said").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut said = String::new();
        file.read_to_string(&mut said).unwrap();
        assert_eq!(said, "said");
    }
}
