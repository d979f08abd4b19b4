//! Which answer carries an outcome back to KAZOO's executor.
//!
//! A result cannot change the executor's call, so the caller ID goes back as a flow: KAZOO's own
//! `dynamic_cid` with action `static` and the decided name and number, then what follows. That
//! node takes the whole capture group for the destination. Where this would be wrong, the answer
//! is another one:
//!
//! | Outcome | Answer | What KAZOO then has |
//! |---|---|---|
//! | static, manual | static node, then the node's `_` child | everything exact; but after manual entry KAZOO holds number and name for set, where its own module sets the number alone |
//! | list, destination is the whole capture group (named groups) | static node, then a `callflow` node | everything exact |
//! | list, a part of it; nothing comes after the node | static node, then the found flow with `to_did` | caller ID and DID exact; Request, To, callee keep the key |
//! | list, a part of it; the node has a `_` child or was branched to, or the found flow branches | native: the same node without `remote_execution` | everything exact |
//! | list, no destination | native | everything exact |
//! | list whose destination nobody serves, in a callflow that was branched to | as for what comes behind a list, with nothing behind it | caller ID exact for the flow that waits on KAZOO's stack; the dialled number keeps the key, unless the destination is the whole capture group |
//!
//! A `callflow` node behind a static node would keep the `_` child's place on KAZOO's stack, but
//! then callflow dials the capture group, key included: the wrong number. KAZOO's own module, run
//! on the same documents, decides the same and gets everything right, so it is asked to where a
//! static node cannot be exact. Only where we depart from KAZOO would it decide differently; then
//! the dialled number counts more than the stacked flow.
//!
//! Source: `cf_remote_action.erl` (`handle_action_return`), `cf_dynamic_cid.erl`, `cf_exe.erl`.

use crate::call::Destination;
use crate::callflow::inline::InlineLimits;
use crate::callflow::{self, Did};
use crate::dynamic_cid::{Change, Effect, ListAnswer, Mode, Outcome};
use crate::json::Object;
use crate::kapi::ActionResult;

/// The changes an action made to the call, as far as an answer needs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The caller's number.
    pub number: Option<String>,
    /// The caller's name; manual entry sets none.
    pub name: Option<String>,
    /// Where the call goes.
    pub destination: Option<Destination>,
    /// Whether the changes were stored.
    pub stored: bool,
}

impl Changes {
    /// Takes a step's effects into account.
    pub fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Change(Change::Number(number)) => self.number = Some(number.clone()),
                Effect::Change(Change::Name(name)) => self.name = Some(name.clone()),
                Effect::Change(Change::Destination(destination)) => {
                    self.destination = Some(destination.clone());
                }
                Effect::Store => self.stored = true,
                Effect::Command(_) => {}
            }
        }
    }

    /// The normalised destination.
    pub fn destination_number(&self) -> Option<&str> {
        Some(&self.destination.as_ref()?.number)
    }
}

/// Which of the effects held back are sent before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// None: KAZOO's own module does them all.
    Nothing,
    /// The commands; KAZOO's static node tells the switch of the changes.
    Commands,
    /// Commands and `set` commands: nobody else will.
    Everything,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the executor is told; `None` where a result would start a stacked flow.
    pub result: Option<ActionResult>,
    /// What is sent before.
    pub before: Before,
    /// The kind, for logs and metrics.
    pub kind: &'static str,
}

/// The node that was executed, as its document has it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The whole node.
    pub node: &'a Object,
    /// Its `_` child.
    pub child: Option<&'a Object>,
    /// Whether something may run after all that follows it: see [`callflow::Following`].
    pub branched_to: bool,
}

/// What an answer is chosen from.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    /// What the node does.
    pub mode: Mode,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What it changed.
    pub changes: &'a Changes,
    /// Whether the destination is the whole capture group.
    pub whole_group: bool,
    /// Whether KAZOO's own module would decide the same; asked only where that matters.
    pub native_agrees: &'a dyn Fn() -> bool,
    /// The flow of the callflow that serves the destination.
    pub found_flow: Option<&'a Object>,
    /// The number to dial off-net: the destination after the endpoint's dial plan.
    pub did: Option<&'a Did>,
    /// How lists are answered where a static node would do.
    pub list_answer: ListAnswer,
}

/// Whether the flow behind the node has to be known to answer.
pub fn needs_following(outcome: &Outcome, changes: &Changes) -> bool {
    match outcome {
        Outcome::Continue(_) | Outcome::Branch { .. } => true,
        // A flow that waits on KAZOO's stack goes on with the changed call.
        Outcome::Died(_) | Outcome::Stop(_) => changes.stored,
        Outcome::Refused => false,
    }
}

/// Chooses the answer; `node` is `None` where the executed node was not found, and the call goes
/// on with KAZOO's own caller ID.
pub fn choose(decided: &Decided<'_>, node: Option<Node<'_>>) -> Answer {
    match decided.outcome {
        Outcome::Refused => Answer { result: None, before: Before::Everything, kind: "refused" },
        // KAZOO's own module cannot be asked to: its caller has heard the prompt.
        Outcome::Stop(_) if decided.changes.stored && node.is_some_and(|node| node.branched_to) => {
            if decided.whole_group {
                with_static_node(decided, None, "static")
            } else {
                with_caller_id_alone(decided, None)
            }
        }
        Outcome::Stop(_) => answer(ActionResult::Stop, Before::Everything, "stop"),
        Outcome::Died(_) if !decided.changes.stored => {
            answer(ActionResult::Continue, Before::Commands, "continue")
        }
        Outcome::Died(_) | Outcome::Continue(_) | Outcome::Branch { .. } => match node {
            None => answer(ActionResult::Continue, Before::Commands, "continue_unlocated"),
            Some(node) => carry(decided, node),
        },
    }
}

/// Carries a changed caller ID back to a node that is known.
fn carry(decided: &Decided<'_>, node: Node<'_>) -> Answer {
    let child = node.child;
    match decided.outcome {
        Outcome::Branch { target, .. } if decided.whole_group => {
            let next = callflow::callflow_node(&target.callflow_id, child.cloned());
            with_static_node(decided, Some(next), "static_callflow")
        }
        Outcome::Branch { target, .. } => {
            let inlined = inlined_flow(decided);
            let nothing_comes_after = child.is_none() && !node.branched_to;
            let static_is_exact = nothing_comes_after && inlined.is_some();
            let native_wanted = decided.list_answer == ListAnswer::Native || !static_is_exact;
            if native_wanted && (decided.native_agrees)() {
                return native(node);
            }
            if let Some(flow) = inlined {
                return with_static_node(decided, Some(flow), "static_inline");
            }
            let next = callflow::callflow_node(&target.callflow_id, child.cloned());
            with_static_node(decided, Some(next), "static_callflow_inexact")
        }
        Outcome::Died(_) => native(node),
        _ if is_list(decided.mode) && (decided.native_agrees)() => native(node),
        // A static node would take the key for the destination.
        _ if is_list(decided.mode) => with_caller_id_alone(decided, child.cloned()),
        _ => with_static_node(decided, child.cloned(), "static"),
    }
}

fn is_list(mode: Mode) -> bool {
    matches!(mode, Mode::List | Mode::Lists)
}

/// The found flow with the number to dial in its off-net nodes; `None` where it goes on through
/// other callflows, which would dial the capture group.
fn inlined_flow(decided: &Decided<'_>) -> Option<Object> {
    let (flow, did) = (decided.found_flow?, decided.did?);
    let inlined = callflow::inline_with_did(flow, did, InlineLimits::default()).ok()?;
    inlined.branches_to.is_empty().then_some(inlined.flow)
}

fn with_static_node(decided: &Decided<'_>, next: Option<Object>, kind: &'static str) -> Answer {
    let number = decided.changes.number.as_deref().unwrap_or_default();
    let flow = callflow::static_node(number, decided.changes.name.as_deref(), next);
    answer(ActionResult::ContinueWithFlow(flow), Before::Commands, kind)
}

fn with_caller_id_alone(decided: &Decided<'_>, next: Option<Object>) -> Answer {
    let number = decided.changes.number.as_deref().unwrap_or_default();
    let flow = callflow::set_cid_node(number, decided.changes.name.as_deref(), next);
    answer(ActionResult::ContinueWithFlow(flow), Before::Everything, "set_cid")
}

fn native(node: Node<'_>) -> Answer {
    let flow = callflow::without_remote_execution(node.node);
    answer(ActionResult::ContinueWithFlow(flow), Before::Nothing, "native")
}

fn answer(result: ActionResult, before: Before, kind: &'static str) -> Answer {
    Answer { result: Some(result), before, kind }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
