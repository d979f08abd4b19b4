//! `bench`: many test calls at once, measured beside an echo.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::call::alone;
use super::placed::Seam;
use super::run::brokers;
use super::{CliError, OutputFormat};
use crate::amqp::{Broker, EXECUTE_QUEUE, HELD_QUEUE, JOBS_QUEUE, ROUTE_QUEUE, Stop};
use crate::bench::{self, Echo, Mix, Options, PREFIX, Report, TestAccount};
use crate::peer::{Peer, Workers};
use crate::settings::{Environment, Origin, Process, ServerUri, Settings, Sourced};

/// What is measured when nobody says otherwise.
const DEFAULT_MIXES: [&str; 3] = ["static", "lists:10", "lists:10000"];
/// How long the echo may take to close its connection.
const CLOSING: Duration = Duration::from_secs(5);

/// The arguments of `bench`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // flags
pub struct BenchArgs {
    /// Calls of a run: static, manual, list, lists, list:SIZE, lists:SIZE, with weights as in
    /// lists:100*3,static; a run for each time it is given [default: static, lists:10 and
    /// lists:10000]
    #[arg(long = "mix", value_name = "ACTIONS")]
    pub mixes: Vec<Mix>,

    /// How KAZOO hands the calls over
    #[arg(long, value_enum, default_value_t, value_name = "SEAM")]
    pub seam: Seam,

    /// When calls are placed
    #[arg(long = "loop", value_enum, value_name = "LOOP")]
    pub pacing: Option<Loop>,

    /// Calls of a run
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 12_000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000)
    )]
    pub calls: u64,

    /// Calls at once in the closed loop
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=20_000)
    )]
    pub concurrency: u16,

    /// Calls a second in the open loop [default: half of what the closed loop did]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,

    /// Workers to start
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=64)
    )]
    pub workers: u8,

    /// `running` measures the workers that are there instead of starting some
    #[arg(long, value_enum, value_name = "WHICH", conflicts_with = "workers")]
    pub worker: Option<Which>,

    /// Also let so many calls wait in manual at once and tell the memory of one; alone unless a
    /// mix is given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=20_000))]
    pub manual_waiting: Option<u16>,

    /// Let the echo compute for so long before it answers: what time spent on a call costs here
    #[arg(
        long,
        value_name = "MICROSECONDS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..=100_000)
    )]
    pub echo_work: u32,

    /// Place the calls although other nodes of a cluster would hear them
    #[arg(long)]
    pub on_live_cluster: bool,

    /// How long to wait for an answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=600)
    )]
    pub timeout: u64,

    /// Form of the figures
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// When calls are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Loop {
    /// When another is over
    Closed,
    /// At a fixed rate, whether others are over or not
    Open,
    /// First closed, then open
    #[default]
    Both,
}

/// Which workers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Those that run already
    Running,
}

/// The arguments of the echo, which `bench` starts.
#[derive(Debug, Args)]
pub struct EchoArgs {
    /// In front of the names of its exchanges and queues
    #[arg(long, value_name = "PREFIX")]
    pub prefix: String,

    /// How long it computes before it answers
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0)]
    pub work: u32,
}

/// Measures, and prints the figures on standard output.
pub async fn run(args: BenchArgs, settings: Settings) -> Result<ExitCode, CliError> {
    let options = options(&args)?;
    let settings = with_test_servers(settings, &Process)?;
    let brokers = brokers(&settings)?;
    let Some(broker) = brokers.first() else { return Err(failed("no broker is configured")) };
    refuse(&args, &settings, broker).await?;
    let mut signals = Signals::new()?;
    let account = TestAccount::new(settings.couchdb.expose()).map_err(failed)?;
    let prefix = format!("{PREFIX}{:08x}.", rand::random::<u32>());
    let measured = tokio::select! {
        measured = Box::pin(bench::run(&options, &settings, &account, &prefix, say)) => {
            measured.map_err(failed)
        }
        () = signals.stopped() => Err(failed("stopped before the end; nothing is left behind")),
    };
    let removed = account.remove().await.map_err(failed);
    let unechoed = bench::remove_echo(broker, &settings.node.value, &prefix).await.map_err(failed);
    let report = measured?;
    print(&report, args.format)?;
    removed.and(unechoed)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The echo, a process of its own.
pub async fn echo(args: EchoArgs, settings: Settings) -> Result<ExitCode, CliError> {
    if !args.prefix.starts_with(PREFIX) {
        return Err(CliError::Usage(format!("--prefix: must begin with {PREFIX}")));
    }
    let mut signals = Signals::new()?;
    let (brokers, stop) = (brokers(&settings)?, Stop::default());
    let (node, prefetch) = (settings.node.value.clone(), settings.limits.prefetch.value);
    let stopping = stop.clone();
    let echo = Echo::new(&node, &args.prefix, Duration::from_micros(args.work.into()));
    let serving = tokio::spawn(async move { echo.serve(brokers, prefetch, stopping).await });
    signals.stopped().await;
    stop.session.cancel();
    // It closes its connection or not; either way it is over.
    let _ = tokio::time::timeout(CLOSING, serving).await;
    Ok(ExitCode::SUCCESS)
}

/// What the arguments say together.
fn options(args: &BenchArgs) -> Result<Options, CliError> {
    let usage = |reason: &str| Err(CliError::Usage(reason.to_owned()));
    if args.seam == Seam::Route && args.on_live_cluster {
        return usage(
            "--seam route does not go with --on-live-cluster: the callflow of a living KAZOO \
             would take the calls that are handed back, too. Use a broker of its own for tests",
        );
    }
    let pacing = args.pacing.unwrap_or_else(|| match args.rate {
        Some(_) => Loop::Open,
        None => Loop::default(),
    });
    if pacing == Loop::Open && args.rate.is_none() {
        return usage("--loop open needs --rate, the number of calls a second");
    }
    if pacing == Loop::Closed && args.rate.is_some() {
        return usage(
            "--rate goes with --loop open or both: in the closed loop calls set the rate",
        );
    }
    let mixes = match (args.mixes.is_empty(), args.manual_waiting) {
        (false, _) => args.mixes.clone(),
        (true, Some(_)) => Vec::new(),
        (true, None) => DEFAULT_MIXES.iter().filter_map(|mix| mix.parse().ok()).collect(),
    };
    Ok(Options {
        mixes,
        seam: args.seam.into(),
        closed: pacing != Loop::Open,
        open: pacing != Loop::Closed,
        calls: args.calls,
        concurrency: usize::from(args.concurrency),
        rate: args.rate.map(f64::from),
        workers: if args.worker.is_some() { 0 } else { usize::from(args.workers) },
        manual_waiting: args.manual_waiting.map_or(0, usize::from),
        patience: Duration::from_secs(args.timeout),
        echo_work_us: args.echo_work,
    })
}

/// Servers for tests, where nothing else names any.
fn with_test_servers(
    mut settings: Settings,
    environment: &dyn Environment,
) -> Result<Settings, CliError> {
    let named = |variable: &str| environment.var(variable).filter(|value| !value.is_empty());
    let origin = |variable: &str| Origin::Environment(variable.to_owned());
    let refused = |variable: &str, reason: &dyn std::fmt::Display| {
        Err(CliError::Usage(format!("environment {variable}: {reason}")))
    };
    let variable = "KAZOO_TEST_AMQP_URI";
    if let (Origin::Default, Some(uri)) = (&settings.amqp.origin, named(variable)) {
        match ServerUri::amqp(&uri) {
            Ok(uri) => settings.amqp = Sourced::new(vec![uri], origin(variable)),
            Err(error) => return refused(variable, &error),
        }
    }
    let variable = "KAZOO_TEST_COUCHDB_URI";
    if let (Origin::Default, Some(uri)) = (&settings.couchdb.origin, named(variable)) {
        match ServerUri::couchdb(&uri) {
            Ok(uri) => settings.couchdb = Sourced::new(uri, origin(variable)),
            Err(error) => return refused(variable, &error),
        }
    }
    Ok(settings)
}

/// Refuses where calls would be heard by others, or go to other workers than those measured.
async fn refuse(args: &BenchArgs, settings: &Settings, broker: &Broker) -> Result<(), CliError> {
    let peer = Peer::connect(broker, &settings.node.value, super::run::tls(settings))
        .await
        .map_err(failed)?;
    let outcome = async {
        if !args.on_live_cluster {
            alone(&peer, &settings.node.value, say).await?;
        }
        let (queue, further) = match args.seam {
            Seam::Execute => (EXECUTE_QUEUE, HELD_QUEUE),
            Seam::Route => (ROUTE_QUEUE, JOBS_QUEUE),
        };
        let mut there = 0;
        for queue in [further, queue] {
            let Workers::Queue { workers, waiting } = peer.workers(queue).await.map_err(failed)?
            else {
                continue;
            };
            there = workers;
            // Each would be asked after, which takes the worker's time from the calls measured.
            if args.worker.is_none() && workers == 0 && waiting > 0 {
                return Err(failed(format!(
                    "{waiting} old calls wait in queue `{queue}`, and the worker would serve them \
                     first. Purge the queue where nobody waits for them any more"
                )));
            }
        }
        match (args.worker, there) {
            (None, 1..) => Err(failed(format!(
                "workers are running already: {there} take calls from queue `{queue}` and would \
                 take some of those measured. Stop them, use another broker, or measure them with \
                 --worker running"
            ))),
            (Some(Which::Running), 0) => {
                Err(failed(format!("no worker is running: nobody takes calls from `{queue}`")))
            }
            _ => Ok(()),
        }
    };
    let outcome = outcome.await;
    peer.close().await;
    outcome
}

/// What goes on, beside the figures.
fn say(text: String) {
    // Where nobody reads, nobody needs to be told.
    let _ = writeln!(io::stderr().lock(), "bench: {}", text.trim());
}

fn print(report: &Report, format: OutputFormat) -> Result<(), CliError> {
    let text = match format {
        OutputFormat::Text => report.to_string(),
        OutputFormat::Json => serde_json::to_string_pretty(&report.json()).map_err(failed)? + "\n",
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(failed(format!("standard output: {error}")))
        }
        // Whoever read it has seen enough.
        _ => Ok(()),
    }
}

fn failed(reason: impl ToString) -> CliError {
    CliError::Failed(reason.to_string())
}

/// What ends it early.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        let listen =
            |kind| signal(kind).map_err(|error| failed(format!("no signal handler: {error}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn read(line: &[&str]) -> Result<Options, CliError> {
        let line = ["kazoo-dynamic-cid", "bench"].iter().chain(line);
        let Command::Bench(args) = Cli::try_parse_from(line).unwrap().command else { panic!() };
        options(&args)
    }

    #[test]
    fn without_arguments_the_three_mixes_of_the_targets_are_measured() {
        let options = read(&[]).unwrap();
        let mixes: Vec<String> = options.mixes.iter().map(ToString::to_string).collect();
        assert_eq!(mixes, DEFAULT_MIXES);
        assert_eq!((options.closed, options.open, options.rate), (true, true, None));
        assert_eq!((options.workers, options.manual_waiting), (1, 0));
        assert_eq!(options.seam, crate::peer::Seam::Execute);
    }

    #[test]
    fn a_rate_opens_the_loop() {
        let options = read(&["--rate", "50"]).unwrap();
        assert_eq!((options.closed, options.open, options.rate), (false, true, Some(50.0)));
        let options = read(&["--rate", "50", "--loop", "both"]).unwrap();
        assert!(options.closed && options.open);
    }

    #[test]
    fn waiting_calls_come_alone_unless_a_mix_is_given() {
        let options = read(&["--manual-waiting", "7"]).unwrap();
        assert_eq!((options.mixes.len(), options.manual_waiting), (0, 7));
        assert_eq!(read(&["--manual-waiting", "7", "--mix", "static"]).unwrap().mixes.len(), 1);
        assert_eq!(read(&["--worker", "running"]).unwrap().workers, 0);
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_64() {
        for line in [
            &["--loop", "open"][..],
            &["--loop", "closed", "--rate", "3"],
            &["--seam", "route", "--on-live-cluster"],
        ] {
            let error = read(line).unwrap_err();
            assert_eq!(error.exit_code(), 64, "{line:?}: {error}");
        }
    }
}
