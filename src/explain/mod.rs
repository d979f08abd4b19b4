//! What would happen to a call, step by step, in words an operator knows.
//!
//! The same core, context and answers as in the worker, over the same documents; only the switch
//! and the caller are played ([`crate::simulation`]).

pub mod input;
mod words;

use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::callflow::Following;
use crate::directory::{AccountId, Database, Directory, ReadError};
use crate::dynamic_cid::{Effect, ListRead, Mode, Question, Routed};
use crate::kapi::ActionResult;
use crate::peer::{CallIds, EntryError, Placing, Scenario, native_scenario};
use crate::simulation::{self, Happening, Run, Script, Stuck};
use crate::worker::answer::{Answer, Changes};
use crate::worker::context::{self, Gathered, Route, Seam};
use crate::worker::hand_back::{self, Decision};

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
}

/// Why a call cannot be explained.
#[derive(Debug, thiserror::Error)]
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

/// A call explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The steps in their order.
    pub steps: Vec<Line>,
    /// Things an operator may want to change.
    pub warnings: Vec<String>,
    /// What the node does: `manual`, `static`, `list`, `lists`.
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
    /// The kind of answer KAZOO gets over the execute seam.
    pub answer: &'static str,
    /// The answer; `null` where KAZOO gets none.
    pub result: Value,
}

/// Explains a call.
pub async fn explain(
    directory: &Directory,
    request: &Request<'_>,
) -> Result<Explanation, ExplainError> {
    let rules = directory.number_rules().await;
    let language = language(directory).await;
    let placing = Placing {
        account: request.account,
        database: Database::account(request.account).encoded(),
        dialled: request.dial,
        from: request.from,
        rules: &rules,
        language: &language,
        host: "simulation",
    };
    let scenario = native_scenario(directory, &placing).await?;
    let call = Call::new(scenario.call(&CallIds::new("simulation", 0)));
    let gathered = context::gather(
        directory,
        Some(request.account),
        &call,
        scenario.node.data(),
        Seam::Execute,
    )
    .await;
    let (run, route) = run(directory, request, &call, &gathered).await?;
    let changes = changes(&run);
    let decision = Decision {
        job: &gathered.job,
        context: &gathered.context,
        outcome: &run.outcome,
        changes: &changes,
        route: route.as_ref(),
    };
    let (answer, following) =
        hand_back::choose(directory, Some(request.account), &call, &decision).await;
    Ok(tell(&scenario, &gathered, &run, route.as_ref(), &changes, &answer, following.as_ref()))
}

async fn language(directory: &Directory) -> String {
    let media = directory.config("media").await.ok();
    let stored = media.as_ref().and_then(|media| media.get("default_language"));
    let language = stored.and_then(crate::json::config::text);
    language.map_or_else(|| "en-us".to_owned(), |language| language.to_lowercase())
}

/// Runs the action; where it asks for a route, the route is looked up and the run repeated with
/// it, which is the same run up to that question.
async fn run(
    directory: &Directory,
    request: &Request<'_>,
    call: &Call,
    gathered: &Gathered,
) -> Result<(Run, Option<Route>), Stuck> {
    let again = |routed: &Routed| {
        let (job, context) = (gathered.job.clone(), gathered.context.clone());
        simulation::run(job, context, Script::typing(request.keys), |_| routed.clone())
    };
    let first = again(&Routed::NotFound)?;
    let asked = first.happenings.iter().find_map(|(_, happening)| match happening {
        Happening::Asked(Question::Route { destination, restrictions }) => {
            Some((destination.clone(), *restrictions))
        }
        _ => None,
    });
    let Some((destination, restrictions)) = asked else {
        return Ok((first, None));
    };
    let route = context::route(
        directory,
        Some(request.account),
        call.authorizing_id().as_deref(),
        &destination,
        restrictions,
        &gathered.context,
    )
    .await;
    let run = again(&route.routed)?;
    Ok((run, Some(route)))
}

fn changes(run: &Run) -> Changes {
    let mut changes = Changes::default();
    for (_, happening) in &run.happenings {
        match happening {
            Happening::Changed(change) => changes.note(&[Effect::Change(change.clone())]),
            Happening::Stored => changes.note(&[Effect::Store]),
            _ => {}
        }
    }
    changes
}

fn tell(
    scenario: &Scenario,
    gathered: &Gathered,
    run: &Run,
    route: Option<&Route>,
    changes: &Changes,
    answer: &Answer,
    following: Option<&Following<ReadError>>,
) -> Explanation {
    let Gathered { job, context, bad_departures } = gathered;
    let plain = |text: String| Line { at_ms: None, text };
    let mut steps: Vec<Line> = words::way_to_the_node(scenario).into_iter().map(plain).collect();
    steps.extend(words::mode(job).into_iter().map(plain));
    if let ListRead::Read(list) = &context.list {
        steps.push(plain(words::list(job, list, context.departures.single_document_lists)));
    }
    steps.extend(run.happenings.iter().filter_map(|(at, happening)| {
        Some(Line { at_ms: Some(*at), text: words::happening(happening, route)? })
    }));
    let selected = run.selected_key.as_deref();
    steps.push(plain(words::outcome(&run.outcome, selected, changes)));
    steps.push(plain(words::answer(answer)));
    let mut warnings: Vec<String> = bad_departures.iter().map(ToString::to_string).collect();
    warnings.extend(context.config.bad_settings().into_iter().map(|(document, key, error)| {
        format!("system_config/{document}, {key}: {error}; KAZOO's default holds")
    }));
    warnings.extend(words::not_switched_on(scenario));
    warnings.extend(following.and_then(words::not_located));
    if matches!(context.list, ListRead::Failed) && matches!(job.mode(), Mode::List | Mode::Lists) {
        warnings.push("the list could not be read; the log line above says why".to_owned());
    }
    let result = answer.result.clone().map_or(Value::Null, ActionResult::into_readable);
    Explanation {
        steps,
        warnings,
        mode: job.mode().as_str(),
        outcome: run.outcome.as_str(),
        reason: run.outcome.reason().as_str(),
        caller_id_number: changes.number.clone(),
        caller_id_name: changes.name.clone(),
        destination: changes.destination_number().map(str::to_owned),
        entry: run.selected_key.clone(),
        answer: answer.kind,
        result,
    }
}
