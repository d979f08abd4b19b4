//! What an answer means for the call.
//!
//! Source: `cf_remote_action.erl` (`handle_action_return`), `cf_exe.erl` (`handle_cast`),
//! `cf_dynamic_cid.erl` (`handle_static`), `cf_resources.erl` (`get_to_did`), `cf_set_cid.erl`.

use super::drive::End;
use super::scenario::{CallerId, MODULE, Scenario};
use crate::call::Call;
use crate::json::{self, Object};
use crate::kapi::ActionResult;
use crate::kapi::result::RESULT_TERM;
use crate::numbers::{OnBadRule, Rules};

/// A flow longer than this is told no further.
const MOST_NODES: usize = 20;

/// What becomes of a call, in words and as far as it can be told without KAZOO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The answer.
    pub answer: String,
    /// The caller ID the call goes on with; `None` where it does not, or where KAZOO chooses.
    pub caller_id: Option<CallerId>,
    /// Whether the answer sets the caller ID; otherwise it is the call's from before.
    pub sets_caller_id: bool,
    /// The number it goes on to, under the same rule.
    pub destination: Option<String>,
    /// What KAZOO does next.
    pub next: String,
}

impl Meaning {
    /// What the end of a call means. `rules` are the system's number rules.
    pub fn of(scenario: &Scenario, end: &End, rules: &Rules) -> Self {
        let over = |answer: String, next: &str| Self {
            answer,
            caller_id: None,
            sets_caller_id: false,
            destination: None,
            next: next.to_owned(),
        };
        match end {
            End::Answered { result, .. } => match result.get(RESULT_TERM) {
                Some(readable) => match ActionResult::from_readable(readable) {
                    Some(result) => Self::of_result(scenario, &result, rules),
                    None => over(
                        format!("a result that KAZOO does not know: {readable}"),
                        "KAZOO logs a warning and goes on with the node's branch `_`.",
                    ),
                },
                None => over(
                    "a result told as an Erlang term only, which is not read here".to_owned(),
                    "That cannot be told from here.",
                ),
            },
            End::Resumed { resume, .. } => Self::of_resume(scenario, resume, rules),
            End::LeftToCallflow => over(
                "none: no worker took the call".to_owned(),
                "KAZOO's callflow, which answers route requests as well, runs its own module.",
            ),
            End::HungUp { cause, .. } => over(
                format!("none: the worker had the call hung up ({cause})"),
                "KAZOO's executor hears of the hang-up and ends. Nothing follows.",
            ),
            End::Returned(_) | End::Unanswered => over(
                "none".to_owned(),
                "A living KAZOO waits until the caller hangs up: it has no limit of its own.",
            ),
        }
    }

    fn of_result(scenario: &Scenario, result: &ActionResult, rules: &Rules) -> Self {
        let stacked = scenario.node.stacked.last();
        match result {
            ActionResult::Continue => Self::branch(
                scenario,
                "continue: the call goes on with the node's branch `_`, caller ID unchanged",
                "_",
                rules,
            ),
            ActionResult::ContinueKey(key) => {
                let answer = format!(
                    "continue: the call goes on with the node's branch `{key}`, caller ID unchanged"
                );
                Self::branch(scenario, &answer, key, rules)
            }
            ActionResult::ContinueWithFlow(flow) => {
                let walk = Walk::start(scenario, rules).along(Some(flow));
                let answer = "continue_with_flow: KAZOO runs a flow of the worker's in the node's \
                              place";
                walk.meaning(answer.to_owned())
            }
            ActionResult::Stop | ActionResult::StopCause(_) if stacked.is_some() => {
                let walk = Walk::start(scenario, rules).along(None);
                walk.meaning("stop: this callflow ends here".to_owned())
            }
            ActionResult::Stop => Self {
                answer: "stop: the call ends here".to_owned(),
                caller_id: None,
                sets_caller_id: false,
                destination: None,
                next: "KAZOO hangs up, after what it still has to play.".to_owned(),
            },
            ActionResult::StopCause(cause) => Self {
                answer: format!("stop: the call ends here with {cause}"),
                caller_id: None,
                sets_caller_id: false,
                destination: None,
                next: format!("KAZOO hangs up with {cause}."),
            },
            ActionResult::Transfer | ActionResult::Usurp => Self {
                answer: format!("{}: somebody else has the call now", result.word()),
                caller_id: None,
                sets_caller_id: false,
                destination: None,
                next: "KAZOO's executor ends and leaves the call alone.".to_owned(),
            },
        }
    }

    /// A call that goes back with what follows the node.
    fn of_resume(scenario: &Scenario, resume: &Object, rules: &Rules) -> Self {
        let call = Call::new(json::object(resume, "Call").cloned().unwrap_or_default());
        let mut walk = Walk::start(scenario, rules);
        walk.caller_id = Some(CallerId {
            name: call.text("Caller-ID-Name").unwrap_or_default(),
            number: call.text("Caller-ID-Number").unwrap_or_default(),
        });
        walk.sets_caller_id = call.kvs("dynamic_cid").is_some();
        walk.destination = Some(call.request_user());
        let answer = "resume: callflow takes the call back, changed, and runs what follows";
        walk.along(json::object(resume, "Flow")).meaning(answer.to_owned())
    }

    fn branch(scenario: &Scenario, answer: &str, key: &str, rules: &Rules) -> Self {
        let children = json::object(&scenario.node.node, "children");
        let child = |key: &str| json::object(children?, key).filter(|child| !child.is_empty());
        let walk = Walk::start(scenario, rules);
        walk.along(child(key).or_else(|| child("_"))).meaning(answer.to_owned())
    }
}

/// A way through a flow, told node by node.
struct Walk<'a> {
    scenario: &'a Scenario,
    rules: &'a Rules,
    caller_id: Option<CallerId>,
    sets_caller_id: bool,
    destination: Option<String>,
    steps: Vec<String>,
}

impl<'a> Walk<'a> {
    fn start(scenario: &'a Scenario, rules: &'a Rules) -> Self {
        Self {
            scenario,
            rules,
            caller_id: Some(scenario.caller.caller_id.clone()),
            sets_caller_id: false,
            destination: Some(scenario.request_user.clone()),
            steps: Vec::new(),
        }
    }

    /// Goes along a flow's branches `_`, then on with the flow that waits on the stack.
    fn along(mut self, flow: Option<&Object>) -> Self {
        let mut next = flow.filter(|flow| !flow.is_empty());
        for _ in 0..MOST_NODES {
            let Some(node) = next else { break };
            self.step(node);
            next = json::object(node, "children")
                .and_then(|children| json::object(children, "_"))
                .filter(|child| !child.is_empty());
        }
        let waiting = self.scenario.node.stacked.last();
        match waiting.and_then(|flow| json::text(flow, "module")) {
            Some(module) => {
                self.steps.push(format!("goes on with `{module}`, which waited on its stack"));
            }
            None if self.steps.is_empty() => self.steps.push("hangs up".to_owned()),
            None => {}
        }
        self
    }

    fn step(&mut self, node: &Object) {
        let module = json::text(node, "module").unwrap_or_default();
        let empty = Object::new();
        let data = json::object(node, "data").unwrap_or(&empty);
        let skipped = json::is_true(data, "skip_module", false);
        let remote = json::is_true(node, "remote_execution", false);
        let told = match module.as_str() {
            _ if skipped => format!("passes `{module}` over"),
            _ if remote => format!("hands the call to a worker of `{module}`"),
            MODULE => self.own_module(data),
            "set_cid" => self.set_cid(data),
            "callflow" => {
                format!("runs callflow `{}`", json::text(data, "id").unwrap_or_default())
            }
            "resources" | "offnet" => {
                if let Some(did) = json::text(data, "to_did") {
                    self.destination = Some(did);
                }
                let to = self.destination.as_deref().unwrap_or("the number dialled");
                format!("dials {to} off-net (`{module}`)")
            }
            _ => match json::text(data, "id") {
                Some(id) => format!("runs `{module}` with `{id}`"),
                None => format!("runs `{module}`"),
            },
        };
        self.steps.push(told);
    }

    /// KAZOO's own `dynamic_cid`, in the mode that carries our answer or in its own.
    fn own_module(&mut self, data: &Object) -> String {
        let action = json::text(data, "action").unwrap_or_else(|| "manual".to_owned());
        let own = json::object(data, "caller_id");
        let number = own.and_then(|own| json::text(own, "number"));
        let (Some(number), "static") = (number, action.as_str()) else {
            (self.caller_id, self.destination) = (None, None);
            return format!("runs its own `{MODULE}` ({action}), which chooses the caller ID");
        };
        let name = own.and_then(|own| json::text(own, "name"));
        let name = name.unwrap_or_else(|| self.scenario.caller.caller_id.name.clone());
        let caller_id = CallerId { name, number };
        let mut told = format!("sets the caller ID to {caller_id}");
        if let Some(group) = self.scenario.callflow.capture_group.as_deref() {
            let number = self.rules.normalise(group, OnBadRule::Skip);
            let number = number.unwrap_or_else(|_| group.to_owned());
            told = format!("{told} and the destination to {number}");
            self.destination = Some(number);
        }
        self.caller_id = Some(caller_id);
        self.sets_caller_id = true;
        told
    }

    fn set_cid(&mut self, data: &Object) -> String {
        let Some(caller_id) = &mut self.caller_id else { return "runs `set_cid`".to_owned() };
        self.sets_caller_id = true;
        if let Some(name) = json::text(data, "caller_id_name") {
            caller_id.name = name;
        }
        if let Some(number) = json::text(data, "caller_id_number") {
            caller_id.number = number;
        }
        format!("overrides the caller ID with {caller_id}")
    }

    fn meaning(self, answer: String) -> Meaning {
        Meaning {
            answer,
            caller_id: self.caller_id,
            sets_caller_id: self.sets_caller_id,
            destination: self.destination,
            next: format!("KAZOO {}.", self.steps.join(", then ")),
        }
    }
}

#[cfg(test)]
#[path = "meaning_tests.rs"]
mod tests;
