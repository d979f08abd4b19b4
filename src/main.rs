//! The program `kazoo-dynamic-cid`: reads the command line and the settings, starts the log and the
//! runtime, and hands over to the subcommand.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
#[cfg(feature = "otel")]
use kazoo_dynamic_cid::cli::Command;
use kazoo_dynamic_cid::cli::{Cli, CliError};
use kazoo_dynamic_cid::operations::logs;
#[cfg(feature = "otel")]
use kazoo_dynamic_cid::operations::traces::Traces;
use kazoo_dynamic_cid::settings::{EXIT_USAGE, Process, Settings};

/// Calls come and go in bursts, on several threads. The system's allocator then keeps half as much
/// again of what it once took; this one gives it back, as `.cargo/config.toml` tells it to.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version arrive here too. A closed terminal is no reason to fail.
            let _ = answer.print();
            return if answer.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    start(cli).unwrap_or_else(|error| {
        eprintln!("kazoo-dynamic-cid: {error:#}");
        error.downcast_ref::<CliError>().map_or(1, CliError::exit_code).into()
    })
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(outcome) = cli.command.without_settings() {
        return Ok(outcome?);
    }
    let settings = Settings::load(&cli.settings, &Process).map_err(CliError::from)?;
    let output = cli.command.log_output(settings.operations.log_to.value);
    // Several libraries ask rustls for the process's provider and none of them chooses one. It
    // fails only where one is installed already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[cfg(feature = "otel")]
    let traces = traces(&cli, &settings)?;
    #[cfg(feature = "otel")]
    let layer = traces.as_ref().map(Traces::layer);
    #[cfg(not(feature = "otel"))]
    let layer = None;
    logs::initialise(settings.log_format.value, &settings.log_filter, output, layer)
        .map_err(CliError::from)?;
    let runtime = runtime().context("the runtime does not start")?;
    let outcome = runtime.block_on(cli.command.execute(settings));
    #[cfg(feature = "otel")]
    if let Some(traces) = traces {
        traces.end();
    }
    Ok(outcome?)
}

/// One thread less than there are cores, unless `TOKIO_WORKER_THREADS` says how many: the AMQP
/// library has one of its own, and a thread without a core only wakes others in vain.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        builder.worker_threads(cores.saturating_sub(1).max(1));
    }
    builder.enable_all().build()
}

/// Only the service is traced.
#[cfg(feature = "otel")]
fn traces(cli: &Cli, settings: &Settings) -> anyhow::Result<Option<Traces>> {
    let endpoint = settings.operations.otel_endpoint.value.as_ref();
    let endpoint = endpoint.filter(|_| matches!(cli.command, Command::Run(_)));
    let traces = endpoint.map(|url| Traces::to(url, &settings.node.value, &settings.zone.value));
    traces.transpose().context("otel-endpoint: no traces can be sent")
}
