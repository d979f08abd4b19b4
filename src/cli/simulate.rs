//! `simulate`: what would happen to a call.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{CliError, OutputFormat, account_id, dialled, key_presses};
use crate::settings::Settings;

/// The arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Account in which the call is placed
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub account: String,

    /// What the caller dials
    #[arg(long, value_name = "NUMBER", value_parser = dialled)]
    pub dial: String,

    /// Id of the device or user who calls; without it, no call restrictions apply
    #[arg(long, value_name = "ENDPOINT")]
    pub from: Option<String>,

    /// Keys the caller presses when asked for digits
    #[arg(long, value_name = "DIGITS", value_parser = key_presses, allow_hyphen_values = true)]
    pub dtmf: Option<String>,

    /// Folder of documents to read instead of CouchDB
    ///
    /// It holds one folder per database, named like the database with %2F for each slash; in it,
    /// every *.json file is one document or an array of documents.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Form of the explanation
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// Explains a call on standard output.
#[expect(clippy::unused_async, reason = "the explanation is not written yet")]
pub async fn run(_args: SimulateArgs, _settings: Settings) -> Result<ExitCode, CliError> {
    Err(CliError::Failed("`simulate` is not part of this build".to_owned()))
}
