//! Callflows: what follows the action, and where its destinations go.

use serde_json::Value;

use super::finding::Findings;
use super::ways::{Action, DEPTH, MODULE, Ways};
use super::{Code, Kazoo, Snapshot, System};
use crate::callflow::{
    Following, NO_MATCH, Nodes, branches_to, following, has_wildcard_child, runs, wildcard_child,
};
use crate::json::{self, Object};

/// Modules that read the capture group.
const READS_CAPTURE: [&str; 5] =
    [MODULE, "branch_bnumber", "call_forward", "privacy", "group_pickup_feature"];

/// Checks the callflows of the account.
pub(super) async fn check(
    system: &System,
    snapshot: &Snapshot,
    ways: &Ways<'_>,
    findings: &mut Findings,
) {
    for (id, document) in snapshot.of_type("callflow") {
        let value = Value::Object(document.clone());
        for violation in system.schemas.validate_callflow(&value) {
            findings.add(Code::SchemaViolation, id, violation.path, violation.message);
        }
        if system.kazoo != Kazoo::FourThree && document.contains_key("kazoo_dynamic_cid") {
            let problem = "only the worker answers to these numbers, on KAZOO 4.3";
            findings.add(Code::NotOnThisKazoo, id, "/kazoo_dynamic_cid", problem);
        }
        check_branches(snapshot, id, findings);
    }
    check_no_match(snapshot, ways, findings);
    for action in &ways.actions {
        if action.remote && system.kazoo != Kazoo::FourThree {
            check_following(snapshot, action, findings).await;
        }
        if action.is_list() && has_wildcard_child(action.node) {
            let path = format!("{}/children/_", action.path);
            let problem = "something follows the action";
            findings.add(Code::BranchResumes, action.document, path, problem);
        }
        check_pivot(snapshot, action, findings);
    }
}

fn check_branches(snapshot: &Snapshot, id: &str, findings: &mut Findings) {
    let Some(flow) = snapshot.flow(id) else { return };
    let nodes = Nodes::of(flow, DEPTH);
    for (index, node) in nodes.iter() {
        let Some(target) = branches_to(node) else { continue };
        if !snapshot.documents.contains_key(&target) {
            let problem = format!("the callflow `{target}` does not exist");
            let path = format!("{}/data/id", nodes.path(index));
            findings.add(Code::CallflowMissing, id, path, problem);
        }
    }
}

/// List actions send their destinations to `no_match`, unless a callflow has the number.
fn check_no_match(snapshot: &Snapshot, ways: &Ways<'_>, findings: &mut Findings) {
    let flows: Vec<(&str, &Object)> = snapshot.callflows_with(NO_MATCH).collect();
    for (id, _) in flows.iter().skip(1) {
        let problem = format!("callflow `{}` has `{NO_MATCH}`, too", flows[0].0);
        findings.add(Code::RouteTwice, id, "/numbers", problem);
    }
    let Some(first) = ways.lists().next() else { return };
    let Some((id, _)) = flows.first() else {
        let custom =
            |action: &&Action<'_>| json::is_true(&action.data, "permit_custom_callflow", false);
        for action in ways.lists().filter(|action| !custom(action)) {
            let problem = format!("no callflow has the number `{NO_MATCH}`");
            findings.add(Code::RouteMissing, action.document, action.path.clone(), problem);
        }
        return;
    };
    let Some(flow) = snapshot.flow(id) else { return };
    let nodes = Nodes::of(flow, DEPTH);
    for (index, node) in nodes.iter() {
        if let Some(module) = READS_CAPTURE.into_iter().find(|module| runs(node, module)) {
            let problem =
                format!("`{module}` runs behind the list action of callflow `{}`", first.document);
            findings.add(Code::StaleCaptureGroup, id, nodes.path(index), problem);
        }
    }
}

/// KAZOO does not tell a worker which node it runs; we must find it as calls do.
async fn check_following(snapshot: &Snapshot, action: &Action<'_>, findings: &mut Findings) {
    // Calls enter by what has a number or a pattern; the others are branched to.
    let is_entrance = |id: &&&str| {
        let has = |pointer| {
            let items = snapshot.documents.get(**id).and_then(|it| it.pointer(pointer)?.as_array());
            items.is_some_and(|items| !items.is_empty())
        };
        has("/numbers") || has("/patterns")
    };
    for entered in action.entered.iter().filter(is_entrance) {
        let account = &snapshot.account;
        let found = following(snapshot, account, Some(entered), &action.data, MODULE).await;
        let (code, problem) = match found {
            Following::Found { .. } => continue,
            Following::Ambiguous { candidates } => {
                let places: Vec<String> = candidates.iter().map(ToString::to_string).collect();
                (Code::FollowingAmbiguous, format!("they are {}", places.join("; ")))
            }
            Following::Edited { place, .. } => {
                (Code::FollowingNotFound, format!("the one in {place} has other data"))
            }
            Following::NotFound(why) => (Code::FollowingNotFound, why.to_string()),
            Following::Unreadable { error, .. } => match error {},
        };
        let problem = format!("for calls that enter callflow `{entered}`: {problem}");
        findings.add(code, action.document, action.path.clone(), problem);
    }
}

fn check_pivot(snapshot: &Snapshot, action: &Action<'_>, findings: &mut Findings) {
    use crate::dynamic_cid::Mode;
    // What was typed is handed back with a static node, which stores it as the static action does.
    let behind = match action.mode() {
        Mode::Manual if !action.remote => None,
        Mode::Static | Mode::Manual => {
            wildcard_child(action.node).map(|child| (action.document, child))
        }
        Mode::List | Mode::Lists => {
            let flow = snapshot.callflows_with(NO_MATCH).next().map(|(id, _)| id);
            flow.and_then(|id| Some((id, snapshot.flow(id)?)))
        }
    };
    let Some((id, flow)) = behind else { return };
    let nodes = Nodes::of(flow, DEPTH);
    let pivot = nodes.iter().find(|(_, node)| runs(node, "pivot"));
    if pivot.is_some() {
        let problem = format!("callflow `{id}` comes to a `pivot` node");
        findings.add(Code::PivotFollows, action.document, action.path.clone(), problem);
    }
}
