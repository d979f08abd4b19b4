//! `run`: the service.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::CliError;
use crate::amqp::{Broker, SessionConfig, SessionState, Stop, Tls, Topology, supervise};
use crate::directory::{CouchDb, Directory, DirectoryOptions, Observer};
use crate::kapi::conf;
use crate::kapi::inbound::DecodeLimits;
use crate::operations::advertisement::Advertiser;
use crate::operations::health::{self, Health};
use crate::operations::http::Pages;
use crate::operations::http::console::{Console, Zone};
use crate::operations::inspection::Inspected;
use crate::operations::limits::{Limit, Limits};
use crate::operations::records::Records;
use crate::operations::{Metrics, http, log_level, service};
use crate::pattern;
use crate::settings::{Listen, RemoteZone, Seams, ServerUri, Settings};
use crate::worker::zones::ZoneListener;
use crate::worker::{Worker, WorkerOptions};

/// How long the connection may take to close once nothing runs any more.
const CLOSING: Duration = Duration::from_secs(5);

/// How long to wait at most between two attempts to reach another zone, as KAZOO does
/// (`kz_amqp_connection.erl`).
const FAR_AWAY: Duration = Duration::from_secs(60);

/// The arguments of `run`: none beyond the settings.
#[derive(Debug, Args)]
pub struct RunArgs {}

/// Serves until told to stop.
pub async fn run(_args: RunArgs, settings: Settings) -> Result<ExitCode, CliError> {
    let mut signals = Signals::new()?;
    let series = whole(settings.operations.metric_series.value);
    let metrics = Arc::new(Metrics::with_series(series));
    let couchdb = Arc::new(couchdb(&settings)?);
    let masking = settings.masking.value;
    let source = Arc::new(Inspected::new(couchdb, Arc::clone(&metrics), masking));
    let limits = Arc::new(Limits::new(Arc::clone(&metrics)));
    limit_patterns(&settings, &limits);
    let options = DirectoryOptions {
        observer: Some(Arc::new(Counting { metrics: Arc::clone(&metrics), limits })),
        ..directory_options(&settings)
    };
    let directory = Directory::new(Arc::clone(&source) as _, options);
    let node = settings.node.value.clone();
    let seams = settings.seams.value;
    let options = worker_options(&settings);
    let records = Arc::new(Records::new(whole(settings.records.value), masking));
    let worker =
        Worker::new(options, directory.clone(), Arc::clone(&metrics), Arc::clone(&records));
    let advertise = settings.operations.advertise.value;
    let advertiser = advertise.then(|| Advertiser::new(&settings.zone.value));
    let worker = worker.inspecting(Arc::clone(&source)).advertising(advertiser);
    let worker = Arc::new(worker);
    announce(&settings);

    let stop = Stop::default();
    tokio::spawn(source.keep_schemas(stop.session.clone()));
    tokio::spawn(Arc::clone(&worker).tidy_up(stop.session.clone()));
    let (state, states) = watch::channel(SessionState::default());
    tokio::spawn(log_level::follow(directory.clone(), stop.session.clone()));
    let database = health::watch_database(directory.clone(), stop.session.clone());
    let gauges = health::count(states.clone(), database.clone(), Arc::clone(&metrics));
    tokio::spawn(gauges);
    let (kept, stop_counting) = (directory.clone(), stop.session.clone());
    let counting = (Arc::clone(&records), Arc::clone(&metrics));
    tokio::spawn(health::count_kept(kept, counting.0, counting.1, stop_counting));
    let health = Arc::new(Health::new(states, database));
    let zones = settings.remote_zones.iter();
    let zones = zones.map(|zone| listen_to(zone, &settings, &worker, &stop));
    let zones = zones.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    if let Listen::On(address) = settings.listen.value {
        let stop = stop.session.clone();
        let hosts = &settings.http_hosts.value;
        let console = Console::new(&settings, Arc::clone(&health), zones, directory);
        let pages = Pages { metrics, readiness: health, records, console };
        let (bound, server) = http::listen(address, hosts, pages, stop)
            .await
            .map_err(|error| CliError::Failed(error.to_string()))?;
        tracing::info!(
            address = %bound,
            console = %settings.console.value,
            "answering /healthz, /readyz, /metrics, /calls, and the console at /"
        );
        tokio::spawn(server);
    }
    let topology = topology(seams, &node);
    let topology = if advertise { topology.with_advertising() } else { topology };
    let mut config = SessionConfig::new(brokers(&settings)?, node, topology);
    config.prefetch = prefetch(&settings);
    config.tls = tls(&settings);
    tokio::spawn(service::keep_informed(state.subscribe(), stop.session.clone()));
    let session = tokio::spawn(supervise(config, Arc::clone(&worker) as _, stop.clone(), state));
    service::started();

    signals.until_stopped(&worker).await;
    tracing::info!(
        grace_s = settings.grace.value.as_secs(),
        "stopping: no more calls are taken, those in flight may finish; stop again to exit at once"
    );
    service::stopping(settings.grace.value);
    stop.intake.cancel();
    tokio::select! {
        left = worker.drain(settings.grace.value) => {
            if left > 0 {
                tracing::warn!(calls = left, "still in flight; the broker hands them out again");
            }
        }
        () = signals.until_stopped(&worker) => {
            tracing::warn!("stopped again; the broker hands out again what is in flight");
            return Ok(ExitCode::FAILURE);
        }
    }
    stop.session.cancel();
    if tokio::time::timeout(CLOSING, session).await.is_err() {
        tracing::warn!("the connection to the broker does not close; leaving it");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn announce(settings: &Settings) {
    let config_file = settings.config_file.value.as_ref().map(|path| path.display().to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        node = settings.node.value,
        zone = settings.zone.value,
        config_file = config_file.as_deref().unwrap_or("none"),
        amqp = ?settings.amqp.value,
        couchdb = %settings.couchdb.value,
        seams = %settings.seams.value,
        "kazoo-dynamic-cid"
    );
    if settings.seams.value.execute {
        tracing::info!("seam execute: dynamic_cid nodes with remote_execution, KAZOO master and 5");
    }
    if settings.seams.value.route {
        tracing::info!(
            "seam route: calls whose callflow begins with an opted-in dynamic_cid node, KAZOO 4.3; \
             on master and 5 calls cannot be handed back, so none are taken there"
        );
    }
}

/// Hears the change notices of another zone until stopped, where it has a broker.
fn listen_to(
    zone: &RemoteZone<ServerUri>,
    settings: &Settings,
    worker: &Arc<Worker>,
    stop: &Stop,
) -> Result<Option<Zone>, CliError> {
    let brokers = zone.brokers.iter().map(broker).collect::<Result<Vec<_>, _>>()?;
    if brokers.is_empty() {
        return Ok(None);
    }
    let topology = Topology::listening(conf::binding_keys());
    let mut config = SessionConfig::new(brokers, settings.node.value.as_str(), topology);
    config.tls = tls(settings);
    config.timing.backoff.longest = FAR_AWAY;
    let listener = Arc::new(ZoneListener::new(Arc::clone(worker), zone.name.clone()));
    let (state, states) = watch::channel(SessionState::default());
    tokio::spawn(supervise(config, listener as _, stop.clone(), state));
    Ok(Some((zone.name.clone(), states)))
}

/// What the seams need of the broker. The random part tells this process from those before it.
fn topology(seams: Seams, node: &str) -> Topology {
    let topology = Topology::new(conf::binding_keys());
    let topology = if seams.execute { topology.with_execute() } else { topology };
    let process = format!("{:016x}", rand::random::<u64>());
    if seams.route { topology.with_route(node, &process) } else { topology }
}

/// The settings have checked the addresses; their order is the order of preference.
pub(super) fn brokers(settings: &Settings) -> Result<Vec<Broker>, CliError> {
    settings.amqp.value.iter().map(broker).collect()
}

fn broker(uri: &ServerUri) -> Result<Broker, CliError> {
    uri.expose().as_str().parse().map_err(|error| CliError::Failed(format!("{uri}: {error}")))
}

/// What the settings say of `amqps`.
pub(super) fn tls(settings: &Settings) -> Tls {
    let identity = settings.tls.identity.as_deref();
    Tls {
        roots: settings.tls.roots.clone(),
        identity: identity
            .map(|identity| Arc::new((identity.chain.clone(), identity.key.clone_key()))),
    }
}

/// The CouchDB that the settings name.
pub(super) fn couchdb(settings: &Settings) -> Result<CouchDb, CliError> {
    couchdb_with(settings, settings.couchdb_timeout.value)
}

/// CouchDB, with so much time for each read.
pub(super) fn couchdb_with(settings: &Settings, timeout: Duration) -> Result<CouchDb, CliError> {
    CouchDb::new(settings.couchdb.expose(), timeout)
        .map_err(|error| CliError::Failed(error.to_string()))
}

/// The settings, as far as they concern reading.
pub(super) fn directory_options(settings: &Settings) -> DirectoryOptions {
    DirectoryOptions {
        node: settings.config_node.value.clone(),
        zone: settings.zone.value.clone(),
        ttl: settings.cache_ttl.value,
        stale_for: settings.limits.cache_stale.value,
        capacity: settings.cache_capacity.value,
        max_list_rows: whole(settings.limits.max_list_rows.value),
        max_patterns: whole(settings.limits.max_patterns.value),
        ..DirectoryOptions::default()
    }
}

/// Numbers of settings are bounded far below what the machine can count to.
fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn worker_options(settings: &Settings) -> WorkerOptions {
    let limits = &settings.limits;
    WorkerOptions {
        node: settings.node.value.clone(),
        seams: settings.seams.value,
        calls: limits.prefetch.value,
        account_rate: u32::try_from(limits.account_rate.value).unwrap_or(u32::MAX),
        messages: DecodeLimits {
            max_bytes: whole(limits.max_message.value),
            max_depth: whole(limits.max_depth.value),
        },
        read_deadline: limits.read_deadline.value,
    }
}

/// A few more than calls may be in flight: those beyond are told to go on, which takes a moment.
fn prefetch(settings: &Settings) -> u16 {
    let calls = settings.limits.prefetch.value;
    calls.saturating_add((calls / 10).max(100))
}

/// The limit of every regular expression in this process, and what is said of those that reach it.
fn limit_patterns(settings: &Settings, limits: &Arc<Limits>) {
    let steps = u32::try_from(settings.limits.match_limit.value).unwrap_or(u32::MAX);
    let limits = Arc::clone(limits);
    pattern::limit_matches(steps, move |pattern| {
        limits.reached(Limit::Match, &format!("pattern `{pattern}`"));
    });
}

struct Counting {
    metrics: Arc<Metrics>,
    limits: Arc<Limits>,
}

impl Observer for Counting {
    fn read(&self, what: &'static str, outcome: &'static str) {
        self.metrics.read(what, outcome);
        let limit = match (what, outcome) {
            ("list", "too_large") => Limit::ListRows,
            ("patterns" | "exclusive_patterns", "too_large") => Limit::Patterns,
            (_, "deadline") => Limit::ReadDeadline,
            _ => return,
        };
        self.limits.reached(limit, what);
    }

    fn evicted(&self) {
        self.limits.reached(Limit::Cache, "something was kept for something else");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| CliError::Failed(format!("no signal handler: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT; SIGHUP empties the caches.
    async fn until_stopped(&mut self, worker: &Worker) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    tracing::info!("SIGHUP: the caches are emptied");
                    service::reloading(|| worker.forget_everything());
                }
            }
        }
    }
}
