//! The command line: one file per subcommand.

pub mod bench;
pub mod call;
pub mod check;
pub mod explain;
pub mod install;
pub mod pages;
pub mod placed;
pub mod run;
pub mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::directory::{ReadError, ReadErrorClass};
use crate::explain::input::{account_id, dialled, key_presses};
use crate::install::Order;
use crate::operations::logs::{LogError, LogOutput};
use crate::settings::{self, EXIT_USAGE, GlobalArgs, LogTo, Problems, Settings};

/// What the program is for, in front of the list of subcommands.
const ABOUT: &str = "A worker that does KAZOO's dynamic_cid callflow action over AMQP";

const LONG_ABOUT: &str = "\
A worker that does KAZOO's dynamic_cid callflow action: it chooses the caller ID of outgoing calls \
from the callflow, from digits the caller presses, or from lists.

KAZOO hands it a call where a callflow's dynamic_cid node has \"remote_execution\": true. The worker \
reads the same documents as KAZOO and finds RabbitMQ and CouchDB through KAZOO's own config.ini, so \
that on a KAZOO server `run` needs no settings at all. `simulate` shows what would happen to a call \
and needs no running worker; `check` reports what in an account's documents would make a call go \
wrong; `call` places a test call through one and `bench` measures many.

Every setting can be a flag, an environment variable or a key in the [dynamic_cid] section of \
config.ini; the first of these that has it wins.";

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 64 wrong settings or arguments. `--help` says more than `-h`.";

/// What has no flag: passwords, which a command line would show to everyone, and the log filter.
fn after_long_help() -> String {
    let mut text = "Settings without a flag:\n".to_owned();
    for setting in settings::reference().iter().filter(|setting| setting.flag.is_none()) {
        let variable = setting.variable.unwrap_or(setting.name);
        text.extend([
            "  ",
            variable,
            "\n          ",
            setting.meaning,
            " [default: ",
            setting.default,
            "]\n",
        ]);
    }
    format!("{text}\nExit codes: 0 done, 1 failed, 64 wrong settings or arguments.")
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "kazoo-dynamic-cid", version, about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_help = AFTER_HELP, after_long_help = after_long_help())]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What every subcommand can be told.
    #[command(flatten)]
    pub settings: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join the KAZOO cluster and serve calls until SIGTERM
    ///
    /// Joins the cluster that config.ini describes and serves calls until SIGTERM or SIGINT; then
    /// takes no new calls, lets those in flight finish within --grace, and exits. SIGHUP empties
    /// the caches. Health is at /healthz and /readyz, metrics are at /metrics of the --listen
    /// address, the console is at /. Log lines go to standard output.
    Run(run::RunArgs),
    /// Report what in an account's documents would make a call go wrong
    ///
    /// Reads the settings, callflows, lists, entries and endpoints of one account or of all, and
    /// reports what would make a call go wrong: where it stands, what a call does, and what to do
    /// about it. docs/check.md explains every finding. RabbitMQ is not used, and nothing is
    /// written. Exit codes: 0 clean, 1 findings, 2 something could not be read, 64 wrong settings or
    /// arguments. Log lines go to standard error.
    Check(check::CheckArgs),
    /// Explain step by step what would happen to a call, without placing it
    ///
    /// Follows a call through the account's documents as the worker would and explains each step:
    /// the callflow, the pattern and its capture groups, the list and the entry, the caller ID and
    /// the destination, and what would be sent to KAZOO. RabbitMQ is not used. Log lines go to
    /// standard error.
    Simulate(simulate::SimulateArgs),
    /// Put the settings and schemas into CouchDB where they are missing
    ///
    /// Puts the settings of `dynamic_cid` and our JSON schemas into `system_config` and `system_schemas`,
    /// as far as they are missing; a value that is there is never touched. With --account or --all
    /// also the view for callflows that only workers take (KAZOO 4.3). KAZOO is told over RabbitMQ,
    /// so that it reads anew; where it cannot be told, the commands to type are printed. No database
    /// is created. Where KAZOO's config.ini has `lock_system_config`, `system_config` stays as it is
    /// and the exit code is 1, unless --even-if-locked is given. Exit codes: 0 done, 1 something
    /// could not be written, 64 wrong settings or arguments. Log lines go to standard error.
    Install(install::InstallArgs),
    /// Remove what `install` put and nobody changed
    ///
    /// Looks at the same documents as `install` with the same arguments. A value that was changed
    /// since, and what others added, stays.
    Uninstall(install::InstallArgs),
    /// Place a test call through a running worker and print every message
    ///
    /// Acts as KAZOO for one synthetic call: hands it to a running worker over RabbitMQ, answers
    /// the worker's commands, and prints every message in both directions and what became of the
    /// call. Other listeners of a cluster, such as call records and webhooks, hear the events of
    /// this call; so it is refused where other nodes are seen, unless --on-live-cluster is given.
    /// Log lines go to standard error.
    Call(call::CallArgs),
    /// Say why a finished call got its caller ID
    ///
    /// Asks a running worker for the record of a call that it finished: the action, the list and
    /// the entry, the caller ID, and how the call ended. The worker remembers its last --records
    /// calls; its log has the others.
    Explain(explain::ExplainArgs),
    /// Place many test calls at once and measure the worker beside an echo
    ///
    /// Loads an account of its own into CouchDB, starts a worker of its own, and hands over
    /// thousands of synthetic calls; the same calls go to an echo on the same broker, which answers
    /// at once. Prints throughput, latencies, time on the CPU and memory, beside the echo's. The
    /// account is removed at the end. Exits with 1 where a call was lost or got a wrong caller ID.
    /// It is refused where other nodes of a cluster would hear the calls, unless --on-live-cluster
    /// is given. Where nothing names the servers, those of `deploy/services` are used.
    Bench(bench::BenchArgs),
    /// Answer `continue` to every call, for `bench`
    #[command(name = "bench-echo", hide = true)]
    BenchEcho(bench::EchoArgs),
    /// Print the completions of a shell
    ///
    /// For bash, for example: kazoo-dynamic-cid completions bash
    /// > /usr/share/bash-completion/completions/kazoo-dynamic-cid. The packages contain them.
    Completions(pages::CompletionsArgs),
    /// Print the manual page, or write those of all subcommands
    ///
    /// Pages are in the format of man(1). The packages contain them.
    Man(pages::ManArgs),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Why a subcommand did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// The arguments cannot be used, though each alone is well-formed.
    #[error("{0}")]
    Usage(String),
    /// The log could not be set up.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It was tried and did not succeed.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// The process's exit code: 64 where the operator must change something before trying again.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Usage(_) => EXIT_USAGE,
            Self::Log(_) | Self::Failed(_) => 1,
        }
    }
}

impl Command {
    /// Where this subcommand's log lines belong; those of the service where the setting says.
    pub fn log_output(&self, service: LogTo) -> LogOutput {
        match self {
            Self::Run(_) => service.into(),
            Self::Simulate(_)
            | Self::Call(_)
            | Self::Check(_)
            | Self::Explain(_)
            | Self::Install(_)
            | Self::Uninstall(_)
            | Self::Bench(_)
            | Self::BenchEcho(_)
            | Self::Completions(_)
            | Self::Man(_) => LogOutput::StandardError,
        }
    }

    /// Does what needs neither settings nor servers, and so works where those are wrong or missing.
    /// `None` for every other subcommand.
    pub fn without_settings(&self) -> Option<Result<ExitCode, CliError>> {
        match self {
            Self::Completions(args) => Some(pages::completions(args)),
            Self::Man(args) => Some(pages::man(args)),
            _ => None,
        }
    }

    /// Does it.
    pub async fn execute(self, settings: Settings) -> Result<ExitCode, CliError> {
        for notice in &settings.notices {
            tracing::warn!("{notice}");
        }
        match self {
            Self::Run(args) => run::run(args, settings).await,
            Self::Simulate(args) => simulate::run(args, settings).await,
            Self::Check(args) => check::run(args, settings).await,
            Self::Call(args) => call::run(args, settings).await,
            Self::Explain(args) => explain::run(args, settings).await,
            Self::Bench(args) => bench::run(args, settings).await,
            Self::BenchEcho(args) => bench::echo(args, settings).await,
            Self::Install(args) => install::run(Order::Install, args, settings).await,
            Self::Uninstall(args) => install::run(Order::Uninstall, args, settings).await,
            Self::Completions(args) => pages::completions(&args),
            Self::Man(args) => pages::man(&args),
        }
    }
}

/// Why the accounts are not known, with what to do about it.
fn accounts_unknown(error: &ReadError) -> String {
    let cure = "CouchDB lists its databases to server administrators only: name an account with \
                --account, or give the credentials of one in the CouchDB address";
    if_denied(error, cure)
}

/// The error, and the cure where CouchDB does not let us read.
fn if_denied(error: &ReadError, cure: &str) -> String {
    let text = error.to_string();
    match error.class() {
        // Most of CouchDB's reasons are sentences.
        ReadErrorClass::Denied => format!("{}. {cure}", text.trim_end_matches('.')),
        _ => text,
    }
}

#[cfg(test)]
mod tests;
