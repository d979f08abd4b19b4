//! `run`: the service.

use std::process::ExitCode;

use clap::Args;

use super::CliError;
use crate::settings::Settings;

/// The arguments of `run`: none beyond the settings.
#[derive(Debug, Args)]
pub struct RunArgs {}

/// Serves until told to stop.
#[expect(clippy::unused_async, reason = "the service is not written yet")]
pub async fn run(_args: RunArgs, _settings: Settings) -> Result<ExitCode, CliError> {
    Err(CliError::Failed("`run` is not part of this build".to_owned()))
}
