//! Log lines.
//!
//! A subcommand that prints a result keeps standard output for it and logs to standard error; the
//! service logs to standard output, where journald and containers look, or to journald or syslog
//! itself. What is logged can be changed while it runs.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::OnceLock;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::journal::{self, Journal};
use super::syslog::Syslog;
use crate::settings::{LogFormat, LogTo};

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOutput {
    /// For the service.
    StandardOutput,
    /// For a subcommand with a result of its own.
    StandardError,
    /// Journald's socket.
    Journald,
    /// The machine's syslog.
    Syslog,
}

impl From<LogTo> for LogOutput {
    fn from(to: LogTo) -> Self {
        match to {
            LogTo::Stdout => Self::StandardOutput,
            LogTo::Journald => Self::Journald,
            LogTo::Syslog => Self::Syslog,
        }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one; the settings check this before.
    #[error("the log filter cannot be used")]
    Filter(#[from] ParseError),
    /// Something else logs already.
    #[error("the log is already set up")]
    Taken(#[from] TryInitError),
    /// There is no such log on this machine.
    #[error("log-to: {output} cannot be reached ({source}); use `stdout`, or start it")]
    Unreachable {
        /// What was to take the lines.
        output: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The AMQP library logs as errors what we ask it to find out, and a returned message with its
/// whole payload, which holds a caller's data. What matters of it is logged by us; a filter that
/// names it has it back.
const QUIET: &str = "lapin=off";

/// Whether a line can hold no password. At this level the AMQP library prints what it sends, the
/// login among it, as numbers of bytes that are easily overlooked. No filter has that back.
fn is_presentable(metadata: &Metadata<'_>) -> bool {
    let wire = ["lapin", "amq_protocol"].iter().any(|name| metadata.target().starts_with(name));
    !(wire && *metadata.level() == Level::TRACE)
}

/// The filter in force, and the one the process started with.
struct Control {
    handle: reload::Handle<EnvFilter, Registry>,
    start: String,
}

/// One log for a process, so one filter.
static CONTROL: OnceLock<Control> = OnceLock::new();

fn parsed(filter: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(format!("{QUIET},{filter}"))
}

/// Changes what the worker itself logs, on top of the filter it started with; with `None` that
/// alone counts again. Whether there is a log to change.
pub fn set_level(level: Option<Level>) -> bool {
    let Some(control) = CONTROL.get() else { return false };
    let ours = level.map_or_else(String::new, |level| format!(",kazoo_dynamic_cid={level}"));
    let filter = parsed(&format!("{}{ours}", control.start));
    filter.is_ok_and(|filter| control.handle.reload(filter).is_ok())
}

/// Sets up the process's log; once per process.
///
/// `filter` is in the syntax of `RUST_LOG`. Colours appear only in text on a terminal, and not
/// where the environment asks for none with `NO_COLOR`; `traces` hears everything, too. Journald has
/// fields of its own, so that `format` says nothing there.
pub fn initialise(
    format: LogFormat,
    filter: &str,
    output: LogOutput,
    traces: Option<Lines>,
) -> Result<(), LogError> {
    let (reloaded, handle) = reload::Layer::new(parsed(filter)?);
    let lines = lines(format, output)?;
    let lines = lines.with_filter(reloaded.and(filter_fn(is_presentable))).boxed();
    let layers: Vec<Lines> = traces.into_iter().chain([lines]).collect();
    tracing_subscriber::registry().with(layers).try_init()?;
    // Nobody else gets past the line above.
    let _ = CONTROL.set(Control { handle, start: filter.to_owned() });
    Ok(())
}

/// What hears spans and events.
pub type Lines = Box<dyn Layer<Registry> + Send + Sync>;

fn lines(format: LogFormat, output: LogOutput) -> Result<Lines, LogError> {
    let unreachable = |output| move |source| LogError::Unreachable { output, source };
    let (writer, terminal) = match output {
        LogOutput::StandardOutput => (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal()),
        LogOutput::StandardError => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
        LogOutput::Syslog => {
            let syslog = Syslog::at(Path::new("/dev/log")).map_err(unreachable("syslog"))?;
            return Ok(to_syslog(format, syslog));
        }
        LogOutput::Journald => {
            let journal =
                Journal::at(Path::new(journal::SOCKET)).map_err(unreachable("journald"))?;
            return Ok(journal.boxed());
        }
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(match format {
        LogFormat::Text => fmt::layer().with_ansi(colours).with_writer(writer).boxed(),
        LogFormat::Json => as_json(writer),
    })
}

fn as_json(writer: BoxMakeWriter) -> Lines {
    fmt::layer().json().flatten_event(true).with_ansi(false).with_writer(writer).boxed()
}

/// Syslog has time and severity of its own.
fn to_syslog(format: LogFormat, syslog: Syslog) -> Lines {
    match format {
        LogFormat::Text => fmt::layer()
            .without_time()
            .with_level(false)
            .with_ansi(false)
            .with_writer(syslog)
            .boxed(),
        LogFormat::Json => as_json(BoxMakeWriter::new(syslog)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let refused = initialise(LogFormat::Text, "a=loud", LogOutput::StandardError, None);
        assert!(matches!(refused, Err(LogError::Filter(_))));
    }

    #[test]
    fn the_log_is_set_up_once() {
        initialise(LogFormat::Json, "off", LogOutput::StandardError, None).unwrap();
        let again = initialise(LogFormat::Text, "off", LogOutput::StandardOutput, None);
        assert!(matches!(again, Err(LogError::Taken(_))));
    }

    /// Logs one line of a call with this layer and filter.
    fn log_a_call(lines: Lines, filter: &str) {
        let lines = lines.with_filter(parsed(filter).unwrap());
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::error_span!("call", call_id = "7c1e@10.0.0.5");
            let _inside = span.enter();
            tracing::warn!(reason = "entry", "decided\nnothing");
        });
    }

    #[test]
    fn syslog_has_the_call_id_on_every_line_whatever_the_form_and_the_level() {
        for (format, filter) in
            [(LogFormat::Text, "info"), (LogFormat::Text, "warn"), (LogFormat::Json, "warn")]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let server = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
            log_a_call(to_syslog(format, Syslog::at(&path).unwrap()), filter);
            let mut line = [0; 2048];
            let length = server.recv(&mut line).unwrap();
            let line = String::from_utf8_lossy(&line[..length]);
            // local0 and warning, as KAZOO's own lines go to local0.
            let head = format!("<132>kazoo-dynamic-cid[{}]: ", std::process::id());
            assert!(line.starts_with(&head), "{line}");
            assert!(line.contains("7c1e@10.0.0.5") && line.contains("decided"), "{line}");
            assert!(!line.contains('\n'), "{line:?}");
        }
    }
}
