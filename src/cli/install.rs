//! `install` and `uninstall`: our documents in a cluster's CouchDB.

mod print;

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::{CliError, account_id};
use crate::amqp::SendError;
use crate::check;
use crate::directory::{AccountId, Database};
use crate::install::{self, Change, Done, Item, Order, Store, StoreErrorKind, announce, material};
use crate::kapi::{Identity, Message};
use crate::settings::Settings;

/// The arguments of `install` and `uninstall`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct InstallArgs {
    /// Account that also gets the view for callflows only workers take; may be repeated
    #[arg(long, value_name = "ID", value_parser = account_id, conflicts_with = "all")]
    pub account: Vec<String>,

    /// The same for every account
    #[arg(long)]
    pub all: bool,

    /// Write nothing, and print what would be written
    #[arg(long)]
    pub dry_run: bool,

    /// Do not tell KAZOO of what was written
    #[arg(long)]
    pub no_announce: bool,

    /// Write `system_config` although `lock_system_config` is set in KAZOO's config.ini
    #[arg(long)]
    pub even_if_locked: bool,
}

/// What became of everything.
#[derive(Debug, Default)]
struct Outcome {
    done: Vec<(Item, Done)>,
    /// The `config.ini` that locks `system_config`, where that counts.
    lock: Option<String>,
    /// Why some documents could not be read or written.
    failed: Vec<String>,
}

impl Outcome {
    /// Whether a document must stay as it is because of the lock.
    fn is_locked(&self, item: &Item) -> bool {
        self.lock.is_some() && item.database == Database::system_config()
    }

    /// Whether it is only the lock that keeps a document as it is.
    fn is_held_back(&self, item: &Item, done: &Done) -> bool {
        self.is_locked(item) && done.edit.document.is_some()
    }
}

/// Puts or removes, tells KAZOO, and reports on standard output.
pub async fn run(
    order: Order,
    args: InstallArgs,
    settings: Settings,
) -> Result<ExitCode, CliError> {
    let store = Store::new(settings.couchdb.value.expose())
        .map_err(|error| CliError::Failed(error.to_string()))?;
    let mut items = material::shared();
    items.extend(accounts(&args, &settings).await?.iter().filter_map(material::view));
    let mut outcome = Outcome { lock: lock(&args, &settings), ..Outcome::default() };
    let mut closed: Vec<Database> = Vec::new();
    for item in items {
        if closed.contains(&item.database) {
            continue;
        }
        let rehearse = args.dry_run || outcome.is_locked(&item);
        match install::carry_out(&store, order, &item, rehearse).await {
            Ok(done) => outcome.done.push((item, done)),
            Err(error) => {
                outcome.failed.push(error.to_string());
                // What one document came to, the others of the same database or server would, too.
                match error.kind() {
                    StoreErrorKind::Unreachable | StoreErrorKind::Stranger => break,
                    StoreErrorKind::Denied | StoreErrorKind::MissingDatabase => {
                        closed.push(item.database);
                    }
                    StoreErrorKind::Conflict | StoreErrorKind::Refused => {}
                }
            }
        }
    }
    let mut text = print::text(order, &outcome, args.dry_run);
    if !args.dry_run {
        text.push_str(&tell(&outcome, &args, &settings).await?);
    }
    // A closed pipe is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
    for failure in &outcome.failed {
        eprintln!("kazoo-dynamic-cid: {failure}");
    }
    let stuck = outcome.done.iter().any(|(item, done)| {
        matches!(done.edit.change, Change::Blocked(_)) || outcome.is_held_back(item, done)
    });
    Ok(if outcome.failed.is_empty() && !stuck { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file that locks `system_config`, unless the operator asks for the writes all the same.
fn lock(args: &InstallArgs, settings: &Settings) -> Option<String> {
    let path = settings.config_file.as_ref()?;
    let counts = settings.system_config_locked && !args.even_if_locked;
    counts.then(|| path.display().to_string())
}

/// The accounts that are named.
async fn accounts(args: &InstallArgs, settings: &Settings) -> Result<Vec<AccountId>, CliError> {
    if !args.all {
        // The parser of the argument has checked them by the same rule.
        return Ok(args.account.iter().filter_map(|id| AccountId::new(id)).collect());
    }
    let couchdb = super::run::couchdb(settings)?;
    check::accounts(&couchdb)
        .await
        .map_err(|error| CliError::Failed(super::accounts_unknown(&error)))
}

/// Tells KAZOO of what was written; says what came of it.
async fn tell(
    outcome: &Outcome,
    args: &InstallArgs,
    settings: &Settings,
) -> Result<String, CliError> {
    let identity = Identity::new(settings.node.value.as_str(), "");
    let notices: Vec<Message> = outcome
        .done
        .iter()
        .filter_map(|(item, done)| announce::notice(item, done, &identity))
        .collect();
    if notices.is_empty() {
        return Ok(String::new());
    }
    let why = if args.no_announce {
        "KAZOO was not told, as --no-announce says.".to_owned()
    } else {
        let brokers = super::run::brokers(settings)?;
        let tls = super::run::tls(settings);
        match announce::send(&brokers, &tls, &settings.node.value, &notices).await {
            Ok(()) => return Ok(format!("KAZOO was told: {} notices.\n", notices.len())),
            Err(error @ SendError::NoExchange { .. }) => {
                return Ok(format!("Nobody to tell: {error}.\n"));
            }
            Err(error) => format!("KAZOO could not be told: {error}"),
        }
    };
    let written = outcome.done.iter().filter(|(_, done)| done.revision.is_some());
    let commands = announce::commands(written.map(|(item, _)| item));
    Ok(print::commands(&why, &commands))
}

#[cfg(test)]
#[path = "install/print_tests.rs"]
mod tests;
