//! The sentences.

use serde_json::Value;

use super::LEFT;
use crate::call::Call;
use crate::callflow::Following;
use crate::directory::ReadError;
use crate::dynamic_cid::{
    Change, Command, Event, Job, List, Mode, Outcome, Question, Routed, SingleDocumentLists,
};
use crate::json;
use crate::kapi::handover::Way;
use crate::peer::Scenario;
use crate::simulation::Happening;
use crate::worker::answer::Changes;
use crate::worker::context::Route;
use crate::worker::route::ours::Leave;

pub(super) fn way_to_the_node(scenario: &Scenario) -> Vec<String> {
    let callflow = &scenario.callflow;
    let mut steps = Vec::new();
    if scenario.request_user != scenario.dialled {
        steps.push(format!(
            "{} is {} by the account's number rules.",
            scenario.dialled, scenario.request_user
        ));
    }
    steps.push(format!(
        "{} leads to callflow `{}` ({}) by {}.",
        scenario.request_user, callflow.name, callflow.id, callflow.found_by
    ));
    steps.push(match &callflow.capture_group {
        None => "Nothing was captured from the number.".to_owned(),
        Some(group) if callflow.capture_groups.is_empty() => {
            format!("The capture group is `{group}`.")
        }
        Some(group) => format!(
            "The capture group is `{group}`, the named groups are {}.",
            Value::Object(callflow.capture_groups.clone())
        ),
    });
    steps.push(format!(
        "The dynamic_cid node stands in callflow {} at {}.",
        scenario.node.document, scenario.node.path
    ));
    steps
}

pub(super) fn not_switched_on(scenario: &Scenario) -> Option<String> {
    let remote = json::is_true(&scenario.node.node, "remote_execution", false);
    (!remote).then(|| {
        format!(
            "the node has no `\"remote_execution\": true` beside `module` (callflow {} at {}): KAZOO \
             runs its own module, and what follows is what the worker would do",
            scenario.node.document, scenario.node.path
        )
    })
}

pub(super) fn mode(job: &Job) -> Vec<String> {
    let asked = json::text(&job.data, "action");
    let asked = asked.as_deref().unwrap_or("none");
    let mode = job.mode();
    if asked == mode.as_str() {
        return vec![format!("Its action is `{asked}`: {}.", purpose(mode))];
    }
    let why = if matches!(asked, "list" | "lists") {
        "needs a capture group, and without one KAZOO asks the caller for a number"
    } else {
        "is none KAZOO knows, so the caller is asked for a number"
    };
    vec![format!("Its action `{asked}` {why}.")]
}

fn purpose(mode: Mode) -> &'static str {
    match mode {
        Mode::Manual => "the caller types the number",
        Mode::Static => "name and number stand in the node",
        Mode::List => "an entry of a list, by its first digits or by a named group",
        Mode::Lists => "an entry of a list, by its first digits",
    }
}

pub(super) fn list(job: &Job, list: &List, inside: SingleDocumentLists) -> String {
    let id = job.list_id().unwrap_or_default();
    let rows = list.rows(inside);
    let keys: Vec<&str> = rows.iter().take(10).filter_map(|row| row.key.as_deref()).collect();
    let more = if rows.len() > keys.len() { ", …" } else { "" };
    match rows.len() {
        0 => format!("List {id} has no entries."),
        count => format!(
            "List {id} has {count} entries; keys in their order: {}{more}.",
            keys.join(", ")
        ),
    }
}

/// A happening in words; what only matters to the machine has none.
pub(super) fn happening(happening: &Happening, route: Option<&Route>) -> Option<String> {
    match happening {
        Happening::Sent(Command::Play { media, .. }) => Some(format!("Plays {media}.")),
        Happening::Sent(Command::Flush { .. }) => {
            Some("Stops the prompt at the first key.".to_owned())
        }
        Happening::Sent(Command::Answer) => Some("Answers the call.".to_owned()),
        Happening::Sent(Command::Hangup) => Some("Hangs up behind what plays.".to_owned()),
        Happening::Changed(Change::Number(number)) => {
            Some(format!("The caller's number becomes `{number}`."))
        }
        Happening::Changed(Change::Name(name)) => {
            Some(format!("The caller's name becomes `{name}`."))
        }
        Happening::Changed(Change::Destination(destination)) => {
            Some(format!("The call's destination becomes `{}`.", destination.number))
        }
        Happening::Event(Event::Dtmf(key)) => Some(format!("The caller presses {key}.")),
        Happening::Event(Event::Hangup) => Some("The channel ends.".to_owned()),
        Happening::Asked(Question::Route { destination, restrictions }) => {
            Some(routed(destination, *restrictions, route))
        }
        Happening::Event(_) | Happening::Stored => None,
    }
}

fn routed(destination: &str, restrictions: bool, route: Option<&Route>) -> String {
    let checked = if restrictions {
        "The caller's endpoint is asked whether it may call it."
    } else {
        "Call restrictions are not enforced by this node."
    };
    match route.map(|route| &route.routed) {
        Some(Routed::Found { target, .. }) if target.no_match => format!(
            "No callflow has {destination}, so `no_match` ({}) takes it. {checked}",
            target.callflow_id
        ),
        Some(Routed::Found { target, .. }) => format!(
            "Callflow {} has {destination}; the node must allow that with `permit_custom_callflow`. \
             {checked}",
            target.callflow_id
        ),
        Some(Routed::Crashed) => format!(
            "The lookup of {destination} meets a pattern of which KAZOO's lookup dies (D31)."
        ),
        Some(Routed::NotFound) | None => format!("No callflow takes {destination}."),
    }
}

pub(super) fn outcome(outcome: &Outcome, selected: Option<&str>, changes: &Changes) -> String {
    let reason = outcome.reason();
    let entry = selected.map_or_else(String::new, |key| format!(" (entry {key})"));
    let caller = match (&changes.name, &changes.number) {
        (Some(name), Some(number)) => format!(" Caller ID: `{name}` `{number}`."),
        (None, Some(number)) => format!(" Caller ID: `{number}`, name unchanged."),
        _ => " The caller ID is not changed.".to_owned(),
    };
    let end = match outcome {
        Outcome::Continue(_) => "the flow goes on with the node's `_` child".to_owned(),
        Outcome::Died(_) => "the flow goes on with the node's `_` child, unchanged".to_owned(),
        Outcome::Branch { target, .. } => {
            format!("the call goes to callflow {}", target.callflow_id)
        }
        Outcome::Stop(_) => "the call ends, or the flow it came from goes on".to_owned(),
        Outcome::Refused => "the caller is told so and hung up".to_owned(),
    };
    format!("[{reason}] {}{entry}: {end}.{caller}", capitalised(reason.explanation()))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// Who answers the route request.
pub(super) fn way(way: Way) -> String {
    match way {
        Way::Shared => {
            "Callflow and the workers both answer for it; the first one has the call, and \
                        either decides as KAZOO's own module does."
                .to_owned()
        }
        Way::Exclusive => "Only the workers know the number.".to_owned(),
    }
}

/// The caller ID that the call has when it comes to the action.
pub(super) fn caller(call: &Call) -> Option<String> {
    let number = call.text("Caller-ID-Number")?;
    let name = call.text("Caller-ID-Name").unwrap_or_default();
    Some(format!("When the call is won, its caller ID is `{name}` `{number}`."))
}

/// Why no worker takes a call.
pub(super) fn left(leave: Leave) -> String {
    format!(
        "no worker takes this call (`{}`): {}. Callflow has it, and KAZOO's own module decides",
        leave.as_str(),
        leave.explanation()
    )
}

/// An answer by its kind.
pub(super) fn answer(kind: &str) -> String {
    let what = match kind {
        "static" => "KAZOO's own static node with this caller ID, then the node's `_` child",
        "static_callflow" => "a static node with this caller ID, then the callflow",
        "static_inline" => {
            "a static node with this caller ID, then the callflow's flow with the number to dial; \
             Request and To keep the key digits"
        }
        "static_callflow_inexact" => {
            "a static node with this caller ID, then the callflow; the dialled number keeps the key \
             digits"
        }
        "native" => "the same node for KAZOO's own module, which decides the same",
        "set_cid" => "a set_cid node with this caller ID, then the node's `_` child",
        "stop" => "stop",
        "continue" => "continue",
        "continue_unlocated" => {
            "continue, with the caller's own caller ID: what follows the node could not be found out"
        }
        "refused" => "nothing: the end of the channel ends the flow",
        "resume" => {
            "callflow takes the call back with this caller ID, and goes on with the node's `_` child"
        }
        "resume_callflow" => {
            "callflow takes the call back with this caller ID, and goes on with the callflow of the \
             destination"
        }
        "hang_up" => "nothing: no node follows, so the call is hung up, as callflow would",
        "destroyed" => "nothing: the caller hung up",
        "unresumable" => {
            "nothing: KAZOO would die of a document when it takes the call back, so the caller hears \
             the fault prompt and is hung up"
        }
        LEFT => "none: callflow has the call",
        other => other,
    };
    format!("Answer to KAZOO: {what}.")
}

pub(super) fn not_located(following: &Following<ReadError>) -> Option<String> {
    match following {
        Following::Found { complete: true, .. } => None,
        Following::Found { .. } => Some(
            "not everything in reach of the callflow was searched for the node; another one like \
             it may exist"
                .to_owned(),
        ),
        Following::Edited { place, .. } => Some(format!(
            "the node in {place} has other data than the call; it is taken for the same, edited"
        )),
        Following::NotFound(reason) => Some(reason.to_string()),
        Following::Ambiguous { candidates } => {
            let places: Vec<_> = candidates.iter().map(ToString::to_string).collect();
            Some(format!(
                "the node may be any of {}; give them the same `_` child, or put the node alone in \
                 a callflow of its own",
                places.join("; ")
            ))
        }
        Following::Unreadable { document_id, error } => {
            Some(format!("callflow {document_id} cannot be read: {error}"))
        }
    }
}
