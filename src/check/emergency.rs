//! What can be dialled through the action that should not be.

use super::finding::Findings;
use super::ways::{Action, DEPTH, Way, Ways};
use super::{Code, Snapshot, System};
use crate::callflow::{NO_MATCH, Nodes, branches_to, runs, wildcard_child};
use crate::json::{self, Object};

/// Shorter numbers in E.164 are none that carriers deliver.
const SHORTEST_PUBLIC: usize = 9;

/// Modules through which somebody who called in can dial.
const HUNTING: [&str; 3] = ["branch_bnumber", "disa", "menu"];

/// Checks emergency numbers, and callers from outside.
pub(super) fn check(
    system: &System,
    snapshot: &Snapshot,
    ways: &Ways<'_>,
    findings: &mut Findings,
) {
    for action in &ways.actions {
        if leads_out(snapshot, action)
            && let Some((way, number)) = action
                .patterns
                .iter()
                .find_map(|way| Some((way, emergency_through(system, snapshot, action, way)?)))
        {
            let problem = format!("`{number}` passes `{}`", way.source);
            findings.add(Code::EmergencyCallerId, action.document, action.path.clone(), problem);
        }
        if action.is_list() && snapshot.callflows_with(NO_MATCH).next().is_some() {
            check_outsiders(snapshot, action, findings);
        }
    }
}

/// Whether the destination of the action can leave the account.
fn leads_out(snapshot: &Snapshot, action: &Action<'_>) -> bool {
    if action.is_list() {
        let flows = snapshot.callflows_with(NO_MATCH);
        return flows
            .into_iter()
            .any(|(id, _)| snapshot.flow(id).is_some_and(|flow| has_resources(snapshot, flow)));
    }
    wildcard_child(action.node).is_some_and(|child| has_resources(snapshot, child))
}

/// Whether a tree hands calls to carriers, itself or through a callflow it branches to.
fn has_resources(snapshot: &Snapshot, flow: &Object) -> bool {
    let out = |node: &Object| runs(node, "resources") || runs(node, "offnet");
    Nodes::of(flow, DEPTH).iter().any(|(_, node)| {
        out(node)
            || branches_to(node)
                .and_then(|id| snapshot.flow(&id))
                .is_some_and(|flow| Nodes::of(flow, DEPTH).iter().any(|(_, node)| out(node)))
    })
}

/// A dialled number whose destination is an emergency number.
fn emergency_through(
    system: &System,
    snapshot: &Snapshot,
    action: &Action<'_>,
    way: &Way,
) -> Option<String> {
    let keys: Vec<String> = if action.is_list() && action.idx_name().is_none() {
        let id = action.mode().list_id(&action.data)?;
        let entries = snapshot.entries.get(&id)?;
        let keys = entries
            .iter()
            .filter_map(|entry| json::text(entry.value.as_object()?, "capture_group_key"));
        keys.take(20).collect()
    } else {
        vec![String::new()]
    };
    way.calls.iter().find_map(|call| {
        keys.iter().find_map(|key| {
            system.emergency.iter().find_map(|number| {
                let dialled = way.with_capture(call, &format!("{key}{number}"))?;
                Some(dialled.number)
            })
        })
    })
}

/// Whether callers without an endpoint come here with a capture group.
fn check_outsiders(snapshot: &Snapshot, action: &Action<'_>, findings: &mut Findings) {
    let mut add = |problem: String| {
        findings.add(Code::OpenToOutsiders, action.document, action.path.clone(), problem);
    };
    for way in &action.patterns {
        let from_outside = way.calls.iter().find(|call| {
            let is_public = call.number.starts_with('+') && call.number.len() >= SHORTEST_PUBLIC;
            is_public && call.capture.is_some()
        });
        if let Some(call) = from_outside {
            add(format!("`{}` takes `{}`, which carriers deliver", way.source, call.number));
        }
    }
    if action.patterns.is_empty() {
        return;
    }
    for (id, document) in snapshot.of_type("callflow") {
        let numbers = document.get("numbers").and_then(|it| it.as_array());
        let mut numbers = numbers.into_iter().flatten().filter_map(|it| it.as_str());
        let Some(number) = numbers.find(|number| number.starts_with('+')) else { continue };
        let Some(flow) = snapshot.flow(id) else { continue };
        let nodes = Nodes::of(flow, DEPTH);
        let hunting = nodes.iter().find_map(|(_, node)| hunts(snapshot, node));
        if let Some(module) = hunting {
            add(format!("`{number}` leads to a `{module}` node, which dials patterns, too"));
        }
    }
}

/// The module of a node in which a caller can dial what patterns take.
fn hunts(snapshot: &Snapshot, node: &Object) -> Option<&'static str> {
    let module = HUNTING.into_iter().find(|module| runs(node, module))?;
    let data = crate::callflow::data(node);
    let hunts = match module {
        "branch_bnumber" => data.is_some_and(|data| json::is_true(data, "hunt", false)),
        "menu" => {
            let id = data.and_then(|data| json::text(data, "id"));
            let menu = id.and_then(|id| snapshot.object(&id));
            menu.is_some_and(|menu| json::is_true(menu, "hunt", true))
        }
        _ => true,
    };
    hunts.then_some(module)
}
