//! `call`: a test call through a running worker.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{CliError, OutputFormat, account_id, dialled, key_presses};
use crate::settings::Settings;

/// The arguments of `call`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Account in which the call is placed
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub account: String,

    /// What the caller dials
    #[arg(long, value_name = "NUMBER", value_parser = dialled)]
    pub dial: String,

    /// Id of the device or user who calls
    #[arg(long, value_name = "ENDPOINT")]
    pub from: Option<String>,

    /// Keys the caller presses when asked for digits
    #[arg(long, value_name = "DIGITS", value_parser = key_presses, allow_hyphen_values = true)]
    pub dtmf: Option<String>,

    /// How KAZOO hands the call over
    #[arg(long, value_enum, default_value_t, value_name = "SEAM")]
    pub seam: Seam,

    /// Place the call although other nodes of a cluster would hear it
    #[arg(long)]
    pub on_live_cluster: bool,

    /// How long to wait for the worker
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub timeout: u64,

    /// Form of the transcript
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// How a call is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Seam {
    /// By a callflow node for remote execution, as KAZOO master and 5 do
    #[default]
    Execute,
    /// By a route request, as KAZOO 4.3 does
    Route,
}

/// Places the call and prints its transcript on standard output.
#[expect(clippy::unused_async, reason = "the transcript is not written yet")]
pub async fn run(args: CallArgs, _settings: Settings) -> Result<ExitCode, CliError> {
    if args.seam == Seam::Route {
        let reason = "--seam route: the route seam, which KAZOO 4.3 needs, is not in this version";
        return Err(CliError::Usage(reason.to_owned()));
    }
    Err(CliError::Failed("`call` is not part of this build".to_owned()))
}
