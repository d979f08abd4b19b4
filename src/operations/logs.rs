//! Log lines.
//!
//! A subcommand that prints a result keeps standard output for it and logs to standard error; the
//! service logs to standard output, where journald and containers look.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::LogFormat;

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOutput {
    /// For the service.
    StandardOutput,
    /// For a subcommand with a result of its own.
    StandardError,
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

/// Sets up the process's log; once per process.
///
/// `filter` is in the syntax of `RUST_LOG`. Colours appear only in text on a terminal, and not
/// where the environment asks for none with `NO_COLOR`.
pub fn initialise(format: LogFormat, filter: &str, output: LogOutput) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(format!("{QUIET},{filter}"))?;
    let (writer, terminal) = match output {
        LogOutput::StandardOutput => (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal()),
        LogOutput::StandardError => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(colours).finish();
            lines.with(filter_fn(is_presentable)).try_init()?;
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_ansi(false).finish();
            lines.with(filter_fn(is_presentable)).try_init()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let refused = initialise(LogFormat::Text, "a=loud", LogOutput::StandardError);
        assert!(matches!(refused, Err(LogError::Filter(_))));
    }

    #[test]
    fn the_log_is_set_up_once() {
        initialise(LogFormat::Json, "off", LogOutput::StandardError).unwrap();
        let again = initialise(LogFormat::Text, "off", LogOutput::StandardOutput);
        assert!(matches!(again, Err(LogError::Taken(_))));
    }
}
