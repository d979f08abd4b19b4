//! A call whose node is handed over for remote execution: KAZOO master and 5.

use serde_json::Value;

use super::acted::act;
use super::{ExplainError, Explanation, Line, Request, words};
use crate::call::Call;
use crate::directory::Directory;
use crate::kapi::ActionResult;
use crate::peer::{CallIds, Placing, native_scenario};
use crate::worker::context::{self, Seam};
use crate::worker::hand_back::{self, Decision};

pub(super) async fn explain(
    directory: &Directory,
    request: &Request<'_>,
    placing: &Placing<'_>,
) -> Result<Explanation, ExplainError> {
    let account = Some(request.account);
    let scenario = native_scenario(directory, placing).await?;
    let call = Call::new(scenario.call(&CallIds::new("simulation", 0)));
    let data = scenario.node.data();
    let gathered = context::gather(directory, account, &call, data, Seam::Execute).await;
    let acted = act(directory, request, &call, gathered).await?;
    let decision = Decision {
        job: &acted.gathered.job,
        context: &acted.gathered.context,
        outcome: &acted.run.outcome,
        changes: &acted.changes,
        route: acted.route.as_ref(),
    };
    let (answer, following) = hand_back::choose(directory, account, &call, &decision).await;
    let steps = words::way_to_the_node(&scenario).into_iter().map(Line::plain).collect();
    let not_located = following.as_ref().and_then(words::not_located);
    let warnings = words::not_switched_on(&scenario).into_iter().chain(not_located).collect();
    let sentence = words::answer(answer.kind);
    let result = answer.result.map_or(Value::Null, ActionResult::into_readable);
    Ok(acted.tell(steps, warnings, answer.kind, sentence, result))
}
