//! What an operator reads in the journal: a journald of the test's own keeps the worker's lines.
//!
//! Both see a `/run` of their own, in a mount namespace, so that the machine's own journal is not
//! touched. That takes root; elsewhere these tests say why they were not run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PATIENCE, World, tests};
use crate::line::Until;
use crate::scene::Scene;
use crate::worker::{Worker, binary};

tests![the_journal_has_a_field_for_each_of_ours, without_a_journal_it_says_so_and_ends];

/// A match for the worker's own entries: journald keeps the kernel's, too.
const IDENTIFIER: &str = "SYSLOG_IDENTIFIER=kazoo-dynamic-cid";

/// An empty `/run`, then what is asked for.
const WITHOUT_JOURNALD: &str = r#"mount -t tmpfs tmpfs /run && exec "$@""#;

/// The same with a journald that keeps its files in `$JOURNAL`.
const WITH_JOURNALD: &str = r#"
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
mount --bind "$JOURNAL" /run/log/journal
"$JOURNALD" >/dev/null 2>&1 &
echo $! >"$JOURNAL/pid"
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
exec "$@"
"#;

/// Becomes the worker in a mount namespace where a script of `sh` has run.
fn namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).arg(binary());
    command
}

/// Why there cannot be a journald of the test's own.
fn obstacle() -> Option<&'static str> {
    let is_there = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !is_there("unshare", &["--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"]) {
        return Some("a mount namespace takes root and util-linux");
    }
    if journald().is_none() || !is_there("journalctl", &["--version"]) {
        return Some("systemd's journald and journalctl are not installed");
    }
    // It is named by what the machine is named by.
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    (id.trim().len() != 32).then_some("/etc/machine-id is missing")
}

fn journald() -> Option<&'static str> {
    let places = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"];
    places.into_iter().find(|path| Path::new(path).exists())
}

/// A journald and what it keeps; it ends with the value.
struct Journal {
    folder: TempDir,
}

impl Journal {
    /// A worker whose lines it keeps.
    fn start(world: &World, log: &str) -> Result<(Self, Worker)> {
        let folder = tempfile::tempdir()?;
        let servers = &world.servers;
        let mut command = namespace(WITH_JOURNALD);
        command.env("JOURNAL", folder.path()).env("JOURNALD", journald().context("no journald")?);
        let arguments = ["--amqp-uri", &servers.amqp, "--couchdb-uri", &servers.couchdb];
        let arguments = [&arguments[..], &["--config", "/dev/null", "--log-to", "journald"]];
        let worker = Worker::spawn_as(command, &arguments.concat(), log, &[])?;
        Ok((Self { folder }, worker))
    }

    /// The entries that `journalctl` finds for some fields, the oldest first.
    fn entries(&self, matches: &[&str]) -> Result<Vec<Value>> {
        let mut command = Command::new("journalctl");
        command.arg("--directory").arg(self.folder.path()).args(["--quiet", "--output", "json"]);
        let output = command.args(matches).output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() || output.stdout.is_empty(), "journalctl: {complaint}");
        let lines = String::from_utf8(output.stdout)?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Waits for an entry.
    async fn entry(&self, matches: &[&str]) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(entry) = self.entries(matches)?.pop() {
                return Ok(entry);
            }
            let all = || self.entries(&[]).unwrap_or_default();
            ensure!(Instant::now() < deadline, "no entry for {matches:?} in {:#?}", all());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Ok(id) = std::fs::read_to_string(self.folder.path().join("pid")) {
            Command::new("kill").arg(id.trim()).status().ok();
        }
    }
}

async fn the_journal_has_a_field_for_each_of_ours(world: &World) -> Result<()> {
    if let Some(why) = obstacle() {
        println!("not run: {why}");
        return Ok(());
    }
    let account = world.account.all_remote();
    world.load(&account).await?;
    let (journal, worker) = Journal::start(world, "info,kazoo_dynamic_cid=debug")?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    let (line, served) = scene.serve("2001", &[], Until::Answered).await?;
    ensure!(served.told.is_some(), "the call has no answer");
    let call_id = line.call_id().to_owned();
    line.close().await?;
    scene.kazoo.publish("kapps", "callflow.action.dynamic_cid", &json!({"no": "execute"})).await?;

    let decided = journal.entry(&["OUTCOME=continue", &format!("CALL_ID={call_id}")]).await?;
    for (field, value) in [
        // A field that was sent twice would be an array.
        ("CALL_ID", call_id.as_str()),
        ("PRIORITY", "6"),
        ("SYSLOG_FACILITY", "16"),
        ("SYSLOG_IDENTIFIER", "kazoo-dynamic-cid"),
        ("_TRANSPORT", "journal"),
        ("OUTCOME", "continue"),
        ("REASON", "static"),
    ] {
        ensure!(decided[field] == value, "{field} is {} in {decided:#}", decided[field]);
    }
    let message = decided["MESSAGE"].as_str().unwrap_or_default();
    ensure!(message.starts_with("decided ") && message.contains(" reason=static"), "{message}");
    journal.entry(&["PRIORITY=4", "REASON=missing_header", IDENTIFIER]).await?;
    ensure!(scene.worker.lines().is_empty(), "it printed {:?}", scene.worker.lines());
    scene.end().await
}

async fn without_a_journal_it_says_so_and_ends(world: &World) -> Result<()> {
    if let Some(why) = obstacle() {
        println!("not run: {why}");
        return Ok(());
    }
    let servers = &world.servers;
    let arguments = ["--amqp-uri", &servers.amqp, "--couchdb-uri", &servers.couchdb];
    let arguments = [&arguments[..], &["--config", "/dev/null", "--log-to", "journald"]].concat();
    let mut worker = Worker::spawn_as(namespace(WITHOUT_JOURNALD), &arguments, "info", &[])?;
    worker.says("log-to: journald cannot be reached").await?;
    let deadline = Instant::now() + PATIENCE;
    while worker.is_running() && Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ensure!(worker.ends(PATIENCE).await?.code() == Some(1));
    Ok(())
}
