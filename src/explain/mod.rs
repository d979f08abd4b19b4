//! What would happen to a call, step by step, in words an operator knows.
//!
//! The same core, context and answers as in the worker, over the same documents; only the switch
//! and the caller are played ([`crate::simulation`]).

mod acted;
mod execute;
pub mod input;
mod route;
mod words;

use serde::Serialize;
use serde_json::Value;

use crate::directory::{AccountId, Database, Directory};
use crate::numbers::Rules;
use crate::peer::{EntryError, Placing, Seam};
use crate::simulation::Stuck;

/// A call to explain.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// In which account.
    pub account: &'a AccountId,
    /// What the caller dials.
    pub dial: &'a str,
    /// The device or user who calls.
    pub from: Option<&'a str>,
    /// The keys the caller presses when asked for a number.
    pub keys: &'a str,
    /// How KAZOO hands the call over.
    pub seam: Seam,
}

/// Why a call cannot be explained.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExplainError {
    /// KAZOO would not come to such a node.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The action waits for something that does not happen.
    #[error(transparent)]
    Stuck(#[from] Stuck),
}

/// One step of the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Milliseconds since the action started; absent for what is known before and after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// What happens, and why.
    pub text: String,
}

impl Line {
    /// What is known without a time.
    fn plain(text: String) -> Self {
        Self { at_ms: None, text }
    }
}

/// A call explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The steps in their order.
    pub steps: Vec<Line>,
    /// Things an operator may want to change.
    pub warnings: Vec<String>,
    /// What the node does: `manual`, `static`, `list`, `lists`; `unknown` where the call ends before.
    pub mode: &'static str,
    /// How the action ends: `continue`, `branch`, `stop`, `refused`, `died`.
    pub outcome: &'static str,
    /// The reason code.
    pub reason: &'static str,
    /// The caller's number from then on; absent where nothing is changed.
    pub caller_id_number: Option<String>,
    /// The caller's name from then on; absent where nothing is changed.
    pub caller_id_name: Option<String>,
    /// Where the call goes; absent where it is not changed.
    pub destination: Option<String>,
    /// The key of the list entry that was selected.
    pub entry: Option<String>,
    /// The kind of answer KAZOO gets: a word of `docs/reasons.md`, or [`LEFT`].
    pub answer: &'static str,
    /// The answer: over the execute seam the result, over the route seam the flow that is resumed;
    /// `null` where KAZOO gets none.
    pub result: Value,
}

/// The kind of answer where no worker takes the call.
pub const LEFT: &str = "left_to_callflow";

/// Explains a call.
pub async fn explain(
    directory: &Directory,
    request: &Request<'_>,
) -> Result<Explanation, ExplainError> {
    let rules = directory.number_rules().await;
    let language = language(directory).await;
    let placing = placing(request, &rules, &language);
    match request.seam {
        Seam::Execute => execute::explain(directory, request, &placing).await,
        Seam::Route => route::explain(directory, request, &placing).await,
    }
}

fn placing<'a>(request: &Request<'a>, rules: &'a Rules, language: &'a str) -> Placing<'a> {
    Placing {
        account: request.account,
        database: Database::account(request.account).encoded(),
        dialled: request.dial,
        from: request.from,
        rules,
        language,
        host: "simulation",
    }
}

async fn language(directory: &Directory) -> String {
    let media = directory.config("media").await.ok();
    let stored = media.as_ref().and_then(|media| media.get("default_language"));
    let language = stored.and_then(crate::json::config::text);
    language.map_or_else(|| "en-us".to_owned(), |language| language.to_lowercase())
}
