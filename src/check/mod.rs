//! What of an account's documents would make a call go wrong.
//!
//! [`read()`] gathers an account from wherever documents lie; [`findings`] looks at what was gathered
//! and reads nothing. Documents are understood by the code that serves calls (lists, patterns,
//! settings, what follows a node), so that no second opinion can differ from what happens.
//! `docs/check.md` explains every code.

mod actions;
mod callflows;
mod code;
mod emergency;
mod endpoints;
mod finding;
mod list_actions;
mod lists;
mod numbers;
mod patterns;
mod prompts;
mod read;
mod samples;
mod settings;
mod snapshot;
mod unknown;
mod ways;
mod whitelist;

pub use code::{Code, Severity};
pub use finding::Finding;
pub use read::{accounts, read, read_system};
pub use snapshot::{Kazoo, Snapshot, System};

use finding::Findings;

/// What the system's own documents do wrong: the settings that all accounts share.
pub fn system_findings(system: &System) -> Vec<Finding> {
    let mut findings = Findings::of_system();
    findings.extend(system.unreadable.iter().cloned());
    settings::check(system, &mut findings);
    prompts::check_system(system, &mut findings);
    findings.sorted()
}

/// What an account's documents do wrong.
pub async fn findings(system: &System, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Findings::of_account(snapshot);
    findings.extend(snapshot.unreadable.iter().cloned());
    let ways = ways::Ways::of(snapshot);
    lists::check(system, snapshot, &mut findings);
    patterns::check(system, snapshot, &mut findings);
    actions::check(system, snapshot, &ways, &mut findings);
    emergency::check(system, snapshot, &ways, &mut findings);
    callflows::check(system, snapshot, &ways, &mut findings).await;
    endpoints::check(system, snapshot, &ways, &mut findings).await;
    prompts::check_account(system, snapshot, &ways, &mut findings);
    findings.sorted()
}
