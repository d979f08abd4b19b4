//! Where RabbitMQ and CouchDB come from.
//!
//! In this order: `KAZOO_TEST_AMQP_URI` and `KAZOO_TEST_COUCHDB_URI`; containers, where an engine
//! answers; `deploy/services up`, in a folder of its own, which is taken down at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};

/// How long an engine may take to fetch and start an image.
const IMAGE: Duration = Duration::from_secs(300);
const PASSWORD: &str = "only-for-tests";

/// The two servers.
pub(crate) struct Servers {
    pub(crate) amqp: String,
    pub(crate) couchdb: String,
    /// The script that can stop and start the broker, and makes users on it.
    script: Option<Script>,
    /// Removed when dropped.
    containers: Vec<ContainerAsync<GenericImage>>,
    ours: bool,
}

/// `deploy/services` on one folder.
#[derive(Clone)]
struct Script {
    folder: Option<PathBuf>,
}

impl Servers {
    /// Brings the servers up, or finds them.
    pub(crate) async fn up() -> Result<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let servers = match (set("KAZOO_TEST_AMQP_URI"), set("KAZOO_TEST_COUCHDB_URI")) {
            (Some(amqp), Some(couchdb)) => {
                let script = Script::of(&amqp);
                println!(
                    "wire: servers from KAZOO_TEST_AMQP_URI and KAZOO_TEST_COUCHDB_URI{}",
                    if script.is_some() { ", the broker of deploy/services" } else { "" }
                );
                Self { amqp, couchdb, script, containers: Vec::new(), ours: false }
            }
            (None, None) => match Self::containers().await {
                Ok(servers) => {
                    println!("wire: servers in containers, rabbitmq:3.13 and couchdb:3.5");
                    servers
                }
                Err(error) => {
                    println!("wire: servers from deploy/services, for no engine answers ({error})");
                    Self::processes()?
                }
            },
            _ => bail!("KAZOO_TEST_AMQP_URI and KAZOO_TEST_COUCHDB_URI go together; one is set"),
        };
        Ok(servers)
    }

    async fn containers() -> Result<Self> {
        // An engine's client may be there without an engine.
        let client = ["docker", "podman"].into_iter().any(|client| {
            let mut ask = Command::new("timeout");
            ask.args(["15", client, "ps", "-q"]).stdin(Stdio::null());
            ask.output().is_ok_and(|answer| answer.status.success())
        });
        ensure!(client, "neither docker nor podman does");
        let broker = GenericImage::new("rabbitmq", "3.13")
            .with_exposed_port(ContainerPort::Tcp(5672))
            .with_wait_for(WaitFor::message_on_stdout("Server startup complete"));
        let couchdb = GenericImage::new("couchdb", "3.5")
            .with_exposed_port(ContainerPort::Tcp(5984))
            .with_wait_for(WaitFor::message_on_either_std("Apache CouchDB has started"))
            .with_env_var("COUCHDB_USER", "admin")
            .with_env_var("COUCHDB_PASSWORD", PASSWORD);
        let started = tokio::time::timeout(IMAGE, async {
            tokio::try_join!(broker.start(), couchdb.start())
        });
        let (broker, couchdb) = started.await.context("an image does not start")??;
        let amqp = format!("amqp://guest:guest@127.0.0.1:{}", port(&broker, 5672).await?);
        let uri = format!("http://admin:{PASSWORD}@127.0.0.1:{}", port(&couchdb, 5984).await?);
        let containers = vec![broker, couchdb];
        Ok(Self { amqp, couchdb: uri, script: None, containers, ours: true })
    }

    fn processes() -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire-servers");
        let script = Script { folder: Some(folder) };
        let output = script.run(&["up"])?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |name: &str| {
            let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(str::to_owned).with_context(|| format!("deploy/services says no {name}"))
        };
        Ok(Self {
            amqp: value("KAZOO_TEST_AMQP_URI")?,
            couchdb: value("KAZOO_TEST_COUCHDB_URI")?,
            script: Some(script),
            containers: Vec::new(),
            ours: true,
        })
    }

    /// Stops, starts or kills the broker; `false` where it is not ours to touch.
    pub(crate) fn control_broker(&self, what: &str) -> Result<bool> {
        match &self.script {
            Some(script) => script.run(&["broker", what]).map(|_| true),
            None => Ok(false),
        }
    }

    /// `rabbitmqctl` of the broker: what it printed, or `None` where this broker is not ours to
    /// configure.
    pub(crate) fn broker_ctl(&self, arguments: &[&str]) -> Result<Option<String>> {
        if let Some(script) = &self.script {
            let output = script.run(&[&["broker", "ctl"], arguments].concat())?;
            return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        let Some(broker) = self.containers.first() else { return Ok(None) };
        for engine in ["docker", "podman"] {
            let mut order = Command::new(engine);
            order.args(["exec", broker.id(), "rabbitmqctl"]).args(arguments);
            let Ok(output) = order.stdin(Stdio::null()).output() else { continue };
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "rabbitmqctl {}: {said}", arguments.join(" "));
            return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        Ok(None)
    }

    /// Whether the broker can be stopped and started.
    pub(crate) fn controls_broker(&self) -> bool {
        self.script.is_some()
    }

    /// Takes down what was brought up.
    pub(crate) async fn down(self) {
        for container in self.containers {
            if let Err(error) = container.rm().await {
                println!("wire: a container stays behind: {error}");
            }
        }
        if let (true, Some(script)) = (self.ours, &self.script)
            && let Err(error) = script.run(&["down"])
        {
            println!("wire: the servers stay behind: {error}");
        }
    }
}

async fn port(container: &ContainerAsync<GenericImage>, port: u16) -> Result<u16> {
    Ok(container.get_host_port_ipv4(ContainerPort::Tcp(port)).await?)
}

impl Script {
    /// The script behind the broker's URI, where it is the one of this working copy. Which CouchDB
    /// goes with it does not matter: no test stops that.
    fn of(amqp: &str) -> Option<Self> {
        let folder = std::env::var_os("KAZOO_SERVICES_DIR").map(PathBuf::from);
        let script = Self { folder };
        let status = script.run(&["status"]).ok()?;
        let said = String::from_utf8_lossy(&status.stderr).into_owned();
        let port = amqp.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
        let local = amqp.contains("127.0.0.1") || amqp.contains("localhost");
        let mut lines = said.lines();
        let ours = local
            && lines
                .any(|line| line.starts_with("broker:") && line.contains(&format!("port {port},")));
        ours.then_some(script)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/services");
        let mut command = Command::new(&path);
        command.args(arguments).stdin(Stdio::null());
        if let Some(folder) = &self.folder {
            command.env("KAZOO_SERVICES_DIR", folder);
        }
        let output = command.output().with_context(|| path.display().to_string())?;
        ensure!(
            output.status.success(),
            "deploy/services {}: {}\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output)
    }
}
