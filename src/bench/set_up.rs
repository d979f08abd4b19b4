//! What a measurement stands on: account, workers, echo, and a connection to each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::account::{TestAccount, actions, calls_of};
use super::call::{Answerer, Prepared};
use super::line::Line;
use super::load::{Calls, Pacing, Way};
use super::mix::{Action, Mix};
use super::process::{Process, Usage, host};
use super::{BenchError, LineError, Options};
use crate::amqp::Broker;
use crate::directory::{CouchDb, Database, Directory, DirectoryOptions};
use crate::json;
use crate::peer::{self, Placing, Seam};
use crate::settings::Settings;

/// How long the echo may take until it echoes.
const READY: Duration = Duration::from_secs(10);
/// How long one of its first answers may take.
const TRY: Duration = Duration::from_millis(500);

/// All of it. Processes end when it is dropped.
pub(super) struct Bench {
    pub(super) echo: Way,
    pub(super) workers: Way,
    prepared: BTreeMap<Action, Vec<Arc<Prepared>>>,
    children: Vec<Process>,
    echo_child: Process,
}

impl Bench {
    pub(super) async fn set_up(
        options: &Options,
        settings: &Settings,
        account: &TestAccount,
        prefix: &str,
        tell: &mut impl FnMut(String),
    ) -> Result<Self, BenchError> {
        let mut mixes = options.mixes.clone();
        if options.manual_waiting > 0 {
            mixes.push(Mix::manual());
        }
        let actions = actions(&mixes);
        tell(format!("loading account {}", account.id().as_str()));
        account.create(&actions).await?;
        let prepared = prepare(options.seam, settings, account, &actions).await?;

        tell(format!(
            "starting {}",
            if options.workers == 0 { "the echo" } else { "workers and the echo" }
        ));
        let seams = match options.seam {
            Seam::Execute => "execute",
            Seam::Route => "route",
        };
        let mut children = Vec::new();
        for number in 1..=options.workers {
            children.push(Process::worker(number, seams, settings).await?);
        }
        let prefetch = settings.limits.prefetch.value.to_string();
        let node = format!("bench_echo@{}", host(&settings.node.value));
        let work = options.echo_work_us.to_string();
        let arguments = ["bench-echo", "--prefix", prefix, "--node", &node, "--work", &work];
        let arguments = [&arguments[..], &["--prefetch", &prefetch]].concat();
        let echo_child = Process::start("the echo", &arguments, settings)?;
        let way = async |prefix: &str, answerer, resumes| {
            let node = format!("bench@{}", host(&settings.node.value));
            let line = Line::connect(brokers(settings), &node, prefix, resumes).await?;
            let line = Arc::new(line);
            let numbers = Arc::new(AtomicU64::new(0));
            Ok::<_, LineError>(Way { line, numbers, answerer, patience: options.patience })
        };
        let mut bench = Self {
            echo: way(prefix, Answerer::Echo, false).await?,
            workers: way("", Answerer::Worker, options.seam == Seam::Route).await?,
            prepared,
            children,
            echo_child,
        };
        bench.until_echoed().await?;
        Ok(bench)
    }

    /// Waits until the echo has declared its queue and answers.
    async fn until_echoed(&mut self) -> Result<(), BenchError> {
        let Some(action) = self.prepared.keys().next() else { return Ok(()) };
        let calls = self.calls(&Mix::from(*action));
        let hasty = Way { patience: TRY, ..self.echo.clone() };
        let deadline = Instant::now() + READY;
        loop {
            let tried = hasty.place(&calls, 1, Pacing::Closed { concurrency: 1 }).await;
            self.echo_child.check()?;
            if tried.lost == 0 || Instant::now() > deadline {
                return Ok(());
            }
        }
    }

    pub(super) fn calls(&self, mix: &Mix) -> Calls {
        Calls { mix: mix.clone(), prepared: self.prepared.clone() }
    }

    /// What the workers have used, all together; the memory of the largest. `None` where we have
    /// not started them.
    pub(super) fn usage(&self) -> Option<Usage> {
        let mut all = Usage::default();
        for child in &self.children {
            let usage = child.usage()?;
            all.cpu += usage.cpu;
            all.rss_kib = all.rss_kib.max(usage.rss_kib);
        }
        (!self.children.is_empty()).then_some(all)
    }

    /// An error where something has ended that must not.
    pub(super) fn check(&mut self) -> Result<(), BenchError> {
        self.echo_child.check()?;
        for child in &mut self.children {
            child.check()?;
        }
        self.echo.check()?;
        self.workers.check()
    }

    pub(super) async fn close(self) {
        let Self { echo, workers, .. } = self;
        for way in [echo, workers] {
            if let Ok(line) = Arc::try_unwrap(way.line) {
                line.close().await;
            }
        }
    }
}

/// The settings have checked the addresses.
fn brokers(settings: &Settings) -> Vec<Broker> {
    let parse = |uri: &crate::settings::ServerUri| uri.expose().as_str().parse().ok();
    settings.amqp.value.iter().filter_map(parse).collect()
}

async fn prepare(
    seam: Seam,
    settings: &Settings,
    account: &TestAccount,
    actions: &[Action],
) -> Result<BTreeMap<Action, Vec<Arc<Prepared>>>, BenchError> {
    let couchdb = CouchDb::new(settings.couchdb.expose(), settings.couchdb_timeout.value)
        .map_err(|error| super::AccountError::Unreachable(error.to_string()))?;
    let options = DirectoryOptions { zone: settings.zone.value.clone(), ..Default::default() };
    let directory = Directory::new(Arc::new(couchdb), options);
    let rules = directory.number_rules().await;
    // A system that says nothing of it speaks English.
    let media = directory.config("media").await.ok();
    let language =
        media.and_then(|media| media.get("default_language").and_then(json::non_empty_text));
    let mut prepared = BTreeMap::new();
    for (index, action) in actions.iter().enumerate() {
        let mut calls = Vec::new();
        for dialled in calls_of(index, *action) {
            let placing = Placing {
                account: account.id(),
                database: Database::account(account.id()).encoded(),
                dialled: &dialled.number,
                from: Some(account.device()),
                rules: &rules,
                language: language.as_deref().unwrap_or("en-us"),
                host: host(&settings.node.value),
            };
            let scenario = match seam {
                Seam::Execute => peer::scenario(&directory, &placing).await?,
                Seam::Route => peer::route_scenario(&directory, &placing).await?,
            };
            calls.push(Arc::new(Prepared::new(scenario, dialled, seam)));
        }
        prepared.insert(*action, calls);
    }
    Ok(prepared)
}
