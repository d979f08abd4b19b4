//! `check`: what in the documents would make a call go wrong.

mod print;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::{CliError, OutputFormat, account_id};
use crate::check::{self, Finding, Kazoo, Severity, System};
use crate::directory::{AccountId, Catalogue, Folder, FolderError, ReadError};
use crate::pattern;
use crate::settings::{Seams, Settings};

/// Nothing at or above `--min-severity` was found.
const CLEAN: u8 = 0;
/// Something was.
const FINDINGS: u8 = 1;
/// The documents, or those of a whole account, could not be read.
const NOT_READ: u8 = 2;

/// How long one read may take at least. Nobody waits on a phone here, and CouchDB builds a view when it
/// is first asked for: seconds for each ten thousand documents.
const PATIENCE: Duration = Duration::from_secs(60);

/// From so many accounts on, progress is worth showing.
const MANY_ACCOUNTS: usize = 5;

/// The arguments of `check`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["account", "all", "settings_only"])))]
pub struct CheckArgs {
    /// Account to check
    #[arg(long, value_name = "ID", value_parser = account_id)]
    pub account: Option<String>,

    /// Check every account
    #[arg(long)]
    pub all: bool,

    /// Check the settings of this program and read nothing
    ///
    /// For `ExecStartPre` of the systemd unit: what stands in CouchDB must not keep a worker from
    /// starting. Exit codes: 0 they can be used, 64 they cannot.
    #[arg(long)]
    pub settings_only: bool,

    /// Folder of documents to read instead of CouchDB
    ///
    /// It holds one folder per database, named like the database with %2F for each slash; in it,
    /// every *.json file is one document or an array of documents.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Form of the report
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,

    /// Findings from this severity on make the exit code 1; all are shown
    #[arg(long, value_enum, default_value = "warning", value_name = "SEVERITY")]
    pub min_severity: Least,

    /// Line of KAZOO the documents are for [default: 4.3 with `--seams route`, else master]
    #[arg(long, value_enum, value_name = "LINE")]
    pub kazoo: Option<Line>,
}

/// The severity from which on the exit code is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Least {
    /// Everything that was found
    Note,
    /// What makes some calls go wrong
    Warning,
    /// What makes calls fail
    Error,
}

/// A line of KAZOO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Line {
    /// 2600hz's master
    Master,
    /// The published applications of 5
    #[value(name = "5")]
    Five,
    /// The released 4.3
    #[value(name = "4.3")]
    FourThree,
}

impl Line {
    /// The line that a worker with these seams serves; both together are for an upgrade to master.
    fn of(seams: Seams) -> Self {
        if seams.execute { Self::Master } else { Self::FourThree }
    }
}

impl From<Least> for Severity {
    fn from(least: Least) -> Self {
        match least {
            Least::Note => Self::Note,
            Least::Warning => Self::Warning,
            Least::Error => Self::Error,
        }
    }
}

impl From<Line> for Kazoo {
    fn from(line: Line) -> Self {
        match line {
            Line::Master => Self::Master,
            Line::Five => Self::Five,
            Line::FourThree => Self::FourThree,
        }
    }
}

/// What a run found.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
    /// How many accounts were read.
    accounts: usize,
    /// What was not, with why.
    not_read: Vec<String>,
}

/// Checks and reports on standard output.
pub async fn run(args: CheckArgs, settings: Settings) -> Result<ExitCode, CliError> {
    if args.settings_only {
        return check_settings(&settings);
    }
    // What is slow is measured by the limit that calls have.
    let steps = u32::try_from(settings.limits.match_limit.value).unwrap_or(u32::MAX);
    pattern::limit_matches(steps, |pattern| tracing::debug!(pattern, "a match was given up"));
    let report = match open(&args, &settings) {
        Ok((source, damage)) => {
            let mut report = look(&args, &settings, &*source).await;
            let damage = damage.iter().map(Finding::of_folder);
            report.findings.splice(0..0, damage);
            report
        }
        Err(OpenError::Folder(error)) => {
            Report { not_read: vec![error.to_string()], ..Report::default() }
        }
        Err(OpenError::Settings(error)) => return Err(error),
    };
    let text = match args.format {
        OutputFormat::Text => print::text(&report),
        OutputFormat::Json => print::json(&report),
    };
    // A closed pipe is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let least = Severity::from(args.min_severity);
    Ok(report.exit_code(least).into())
}

/// Loading has refused what cannot be used; what is left is what `run` makes of it before it
/// connects.
fn check_settings(settings: &Settings) -> Result<ExitCode, CliError> {
    super::run::brokers(settings)?;
    super::run::couchdb(settings)?;
    let _ = writeln!(std::io::stdout(), "The settings can be used.");
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn exit_code(&self, least: Severity) -> u8 {
        if !self.not_read.is_empty() {
            NOT_READ
        } else if self.findings.iter().any(|finding| finding.severity <= least) {
            FINDINGS
        } else {
            CLEAN
        }
    }
}

enum OpenError {
    Folder(FolderError),
    Settings(CliError),
}

fn open(
    args: &CheckArgs,
    settings: &Settings,
) -> Result<(Box<dyn Catalogue>, Vec<FolderError>), OpenError> {
    if let Some(path) = &args.data {
        let (folder, damage) = Folder::open_damaged(path).map_err(OpenError::Folder)?;
        Ok((Box::new(folder), damage))
    } else {
        let timeout = settings.couchdb_timeout.value.max(PATIENCE);
        let couchdb = super::run::couchdb_with(settings, timeout).map_err(OpenError::Settings)?;
        Ok((Box::new(couchdb), Vec::new()))
    }
}

/// Reads and checks; what cannot be read is told, and the rest goes on.
async fn look(args: &CheckArgs, settings: &Settings, source: &dyn Catalogue) -> Report {
    let mut report = Report::default();
    let (node, zone) = (settings.config_node.value.as_deref(), &settings.zone.value);
    let line = args.kazoo.unwrap_or_else(|| Line::of(settings.seams.value));
    let system = match check::read_system(source, line.into(), node, zone).await {
        Ok(system) => system,
        Err(error) => {
            report.not_read.push(with_cure(&error));
            return report;
        }
    };
    report.findings = check::system_findings(&system);
    let accounts = match &args.account {
        // The parser of the argument has checked it by the same rule.
        Some(id) => Ok(AccountId::new(id).into_iter().collect()),
        None => check::accounts(source).await,
    };
    match accounts {
        Ok(accounts) => {
            let mut progress = Progress::of(accounts.len());
            for account in &accounts {
                progress.step();
                report.look_at(source, &system, account).await;
            }
            progress.end();
        }
        Err(error) => report.not_read.push(super::accounts_unknown(&error)),
    }
    report
}

/// Why what all accounts share or a whole account could not be read, with what to do about it.
fn with_cure(error: &ReadError) -> String {
    let cure = "Correct the credentials of the CouchDB address, or let its user read the database: \
                docs/security.md";
    super::if_denied(error, cure)
}

impl Report {
    async fn look_at(&mut self, source: &dyn Catalogue, system: &System, account: &AccountId) {
        match check::read(source, account).await {
            Ok(snapshot) => {
                self.accounts += 1;
                self.findings.extend(check::findings(system, &snapshot).await);
            }
            Err(error) => self.not_read.push(with_cure(&error)),
        }
    }
}

/// A line on standard error that counts accounts, where somebody can see it.
struct Progress {
    done: usize,
    of: usize,
    shown: bool,
}

impl Progress {
    fn of(accounts: usize) -> Self {
        let shown = accounts >= MANY_ACCOUNTS && std::io::stderr().is_terminal();
        Self { done: 0, of: accounts, shown }
    }

    fn step(&mut self) {
        self.done += 1;
        if self.shown {
            eprint!("\r{}", bar(self.done, self.of));
        }
    }

    fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}

/// A bar of 30 characters.
fn bar(done: usize, of: usize) -> String {
    let filled = done * 30 / of.max(1);
    format!("[{:<30}] {done} of {of} accounts", "#".repeat(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(bar(0, 2), format!("[{}] 0 of 2 accounts", " ".repeat(30)));
        assert_eq!(bar(1, 2), format!("[{}{}] 1 of 2 accounts", "#".repeat(15), " ".repeat(15)));
        assert_eq!(bar(2, 2), format!("[{}] 2 of 2 accounts", "#".repeat(30)));
    }
}
