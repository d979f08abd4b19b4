//! A call that is taken by answering its route request: KAZOO 4.3.

use serde_json::{Value, json};

use super::acted::act;
use super::{ExplainError, Explanation, LEFT, Line, Request, words};
use crate::call::Call;
use crate::callflow;
use crate::callflow::bootstrap::{Bootstrapped, Restriction};
use crate::directory::{Directory, ReadError};
use crate::kapi::handover::Way;
use crate::kapi::header;
use crate::peer::{CallIds, Events, Placing, Scenario, route_scenario};
use crate::worker::context::{self, Seam};
use crate::worker::route::hand_back::{self, Becomes};
use crate::worker::route::ours::{Leave, Ours, ours};

pub(super) async fn explain(
    directory: &Directory,
    request: &Request<'_>,
    placing: &Placing<'_>,
) -> Result<Explanation, ExplainError> {
    let scenario = route_scenario(directory, placing).await?;
    let ids = CallIds::new("simulation", 0);
    let events = Events { scenario: &scenario, ids: &ids };
    let steps = words::way_to_the_node(&scenario).into_iter().map(Line::plain).collect();
    let asks = events.route_request().body;
    match ours(directory, Some(&scenario.account.id), &asks).await {
        Err(leave) => left(directory, request, &scenario, steps, leave).await,
        Ok(mut ours) => {
            ours.enter(directory).await;
            won(&mut ours.call, &events);
            taken(directory, request, ours, steps).await
        }
    }
}

/// What callflow would know of a call that was won.
fn won(call: &mut Call, events: &Events<'_>) {
    let answer = json!({header::SERVER_ID: "simulation", header::CUSTOM_CHANNEL_VARS: {}});
    let win = answer.as_object().and_then(|answer| events.route_win(answer));
    if let Some(win) = win {
        call.apply_route_win(&win.body);
    }
}

/// No worker takes the call; KAZOO's own module runs the node.
async fn left(
    directory: &Directory,
    request: &Request<'_>,
    scenario: &Scenario,
    steps: Vec<Line>,
    leave: Leave,
) -> Result<Explanation, ExplainError> {
    let call = Call::new(scenario.call(&CallIds::new("simulation", 0)));
    let (account, data) = (Some(request.account), scenario.node.data());
    // As KAZOO decides.
    let seam = Seam::Route(Way::Shared);
    let gathered = context::gather(directory, account, &call, data, seam).await;
    let acted = act(directory, request, &call, gathered).await?;
    let warnings = vec![words::left(leave)];
    Ok(acted.tell(steps, warnings, LEFT, words::answer(LEFT), Value::Null))
}

/// A worker takes the call, if callflow is not quicker.
async fn taken(
    directory: &Directory,
    request: &Request<'_>,
    ours: Ours,
    mut steps: Vec<Line>,
) -> Result<Explanation, ExplainError> {
    steps.push(Line::plain(words::way(ours.way)));
    let data = ours.data();
    let child = callflow::wildcard_child(ours.found.flow()).cloned();
    match Box::pin(context::bootstrap(directory, &ours.account, ours.call)).await {
        Bootstrapped::Restricted(restriction) => Ok(refused(restriction, steps)),
        Bootstrapped::Ready { call, remarks, fatal_again, .. } => {
            let warnings: Vec<String> = remarks.iter().map(ToString::to_string).collect();
            if fatal_again.is_some() {
                return Ok(ended_before("unresumable", "stop", "unresumable", steps, warnings));
            }
            steps.extend(words::caller(&call).map(Line::plain));
            let account = Some(request.account);
            let seam = Seam::Route(ours.way);
            let gathered = context::gather(directory, account, &call, data, seam).await;
            let acted = act(directory, request, &call, gathered).await?;
            let becomes =
                hand_back::choose(&acted.run.outcome, &acted.changes, child.as_ref(), &call);
            let end = becomes.end();
            let result = match becomes {
                Becomes::Resumed { flow, .. } => Value::Object(flow),
                Becomes::Gone | Becomes::Refused | Becomes::HungUp => Value::Null,
            };
            Ok(acted.tell(steps, warnings, end, words::answer(end), result))
        }
    }
}

/// KAZOO's check at the route win refuses the call.
fn refused(restriction: Restriction<ReadError>, mut steps: Vec<Line>) -> Explanation {
    let Restriction { reason, remarks, .. } = restriction;
    let refused = format!("Refused before the callflow's first node, as KAZOO does: {reason}.");
    steps.push(Line::plain(refused));
    let warnings = remarks.iter().map(ToString::to_string).collect();
    ended_before("refused", "refused", "restricted", steps, warnings)
}

/// The explanation of a call that does not come to the action.
fn ended_before(
    end: &'static str,
    outcome: &'static str,
    reason: &'static str,
    mut steps: Vec<Line>,
    warnings: Vec<String>,
) -> Explanation {
    steps.push(Line::plain(words::answer(end)));
    Explanation {
        steps,
        warnings,
        mode: "unknown",
        outcome,
        reason,
        caller_id_number: None,
        caller_id_name: None,
        destination: None,
        entry: None,
        answer: end,
        result: Value::Null,
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
