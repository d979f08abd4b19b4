//! `simulate`: what would happen to a call.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::placed::Placed;
use super::{CliError, OutputFormat};
use crate::directory::{AccountId, Directory, Folder, Source};
use crate::explain::{Explanation, Request, explain};
use crate::settings::Settings;

/// The arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The call.
    #[command(flatten)]
    pub placed: Placed,

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
pub async fn run(args: SimulateArgs, settings: Settings) -> Result<ExitCode, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    let source: Arc<dyn Source> = match &args.data {
        Some(folder) => Arc::new(Folder::open(folder).map_err(|error| failed(&error))?),
        None => Arc::new(super::run::couchdb(&settings)?),
    };
    let directory = Directory::new(source, super::run::directory_options(&settings));
    let account = AccountId::new(&args.placed.account)
        .ok_or_else(|| failed(&"--account takes 32 letters and digits"))?;
    let request = Request {
        account: &account,
        dial: &args.placed.dial,
        from: args.placed.from.as_deref(),
        keys: args.placed.keys(),
        seam: args.placed.seam(&settings),
    };
    let explanation = explain(&directory, &request).await.map_err(|error| failed(&error))?;
    match args.format {
        OutputFormat::Json => print(&format!("{:#}\n", serde_json::json!(explanation))),
        OutputFormat::Text => print(&text(&explanation)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A closed pipe is no reason to fail.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn text(explanation: &Explanation) -> String {
    let steps = explanation.steps.iter().zip(1..).map(|(line, number)| {
        let at = line.at_ms.map_or_else(String::new, |at| format!("{at} ms"));
        format!("{number:>3}. {at:>9}  {}\n", line.text)
    });
    let result =
        (!explanation.result.is_null()).then(|| format!("\nResult: {:#}\n", explanation.result));
    let warnings = explanation.warnings.iter().map(|warning| format!("\nWarning: {warning}\n"));
    steps.chain(result).chain(warnings).collect()
}
