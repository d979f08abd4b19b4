//! The nodes of the action: what their data asks for.

use serde_json::Value;

use super::finding::Findings;
use super::numbers::{self, CallerId};
use super::snapshot::ACTION;
use super::ways::{Action, Ways};
use super::whitelist::{self, Place};
use super::{Code, Kazoo, Snapshot, System, list_actions, settings, unknown};
use crate::dynamic_cid::{Departures, IdxName, Mode};
use crate::json::{self, Object};

/// Keys that are read although no schema has them.
const READ_TOO: [&str; 3] = ["ID", "doc", "value"];

/// Checks every node of the action.
pub(super) fn check(
    system: &System,
    snapshot: &Snapshot,
    ways: &Ways<'_>,
    findings: &mut Findings,
) {
    for action in &ways.actions {
        check_data(system, action, findings);
        match action.mode() {
            Mode::Manual => check_manual(system, action, findings),
            Mode::Static => check_static(system, snapshot, action, findings),
            Mode::List | Mode::Lists => {
                list_actions::check(system, snapshot, action, findings);
            }
        }
        check_idx_name(system, action, findings);
        check_destination(action, findings);
        check_capture(action, findings);
    }
}

fn check_data(system: &System, action: &Action<'_>, findings: &mut Findings) {
    let (document, path) = (action.document, format!("{}/data", action.path));
    let mut data = action.data.clone();
    data.retain(|key, _| !READ_TOO.contains(&key.as_str()));
    unknown::check(unknown::DATA, &data, document, &path, findings);
    if let Some(named) = data.get("action").map(json::to_text) {
        let named = named.unwrap_or_default();
        if !["list", "lists", "manual", "static"].contains(&&*named) {
            let problem = format!("the action is `{named}`");
            findings.add(Code::ActionUnknown, document, action.at("action"), problem);
        }
    }
    if let Some(worker) = data.get("worker").and_then(Value::as_object) {
        let (_, bad) = Departures::read(&[worker]);
        settings::check_departures(&bad, document, &format!("{path}/worker"), findings);
    }
    let takes_routes = data.get("worker").is_some_and(|worker| {
        worker == true || worker.get("route").is_some_and(json::value_is_true)
    });
    if takes_routes && system.kazoo != Kazoo::FourThree {
        let problem = "`route` is for KAZOO 4.3, where route requests are answered";
        findings.add(Code::NotOnThisKazoo, document, action.at("worker"), problem);
    }
    if action.remote && system.kazoo == Kazoo::FourThree {
        let problem = "KAZOO 4.3 has no remote actions and runs the node itself";
        let path = format!("{}/remote_execution", action.path);
        findings.add(Code::NotOnThisKazoo, document, path, problem);
    }
}

fn check_manual(system: &System, action: &Action<'_>, findings: &mut Findings) {
    let (data, path) = (&action.data, format!("{}/data", action.path));
    let place = Place { document: action.document, path: &path };
    let settings = &system.settings;
    let max = json::integer(data, "max_digits").or(settings.max_digits.clone().ok()).unwrap_or(10);
    if data.contains_key("min_digits") || data.contains_key("max_digits") {
        let min = json::integer(data, "min_digits").or(settings.min_digits.clone().ok());
        whitelist::check_digits(min.unwrap_or(10), max, place, findings);
    }
    if let Some(regex) = json::text(data, "whitelist_regex") {
        whitelist::check_regex(&regex, max, place, findings);
    }
    if let Some(timeout) = json::integer(data, "interdigit_timeout") {
        whitelist::check_timeout("interdigit_timeout", timeout, place, findings);
    }
}

fn check_static(
    system: &System,
    snapshot: &Snapshot,
    action: &Action<'_>,
    findings: &mut Findings,
) {
    let empty = Object::new();
    let members = json::object(&action.data, "caller_id").unwrap_or(&empty);
    let path = action.at("caller_id");
    let caller_id = CallerId { members, document: action.document, path: &path };
    numbers::check(system, snapshot, caller_id, findings);
}

fn check_idx_name(system: &System, action: &Action<'_>, findings: &mut Findings) {
    let Some(name) = json::text(&action.data, "idx_name") else { return };
    let mut add = |code, problem: String| {
        findings.add(code, action.document, action.at("idx_name"), problem);
    };
    if action.mode() != Mode::List {
        let action = json::text(&action.data, "action").unwrap_or_default();
        add(Code::IdxNameIgnored, format!("the action is `{action}`"));
        return;
    }
    let inverted = system.departures(&action.data).idx_name == IdxName::Inverted;
    // On 4.3 it is the route seam that makes the node the worker's, and `patterns` are those that
    // callflow answers to as well.
    let on_43 = system.kazoo == Kazoo::FourThree;
    if on_43 && !action.patterns.is_empty() {
        let problem = "calls that callflow may win are decided as KAZOO does";
        add(Code::IdxNameRefused, problem.to_owned());
    } else if inverted {
        let section = system.categories.get(ACTION).and_then(|it| it.origin("worker"));
        let place = section.map_or_else(String::new, |it| format!(" (section `{it}`)"));
        add(Code::IdxNameRefused, format!("`worker.idx_name` is `inverted`{place}"));
    } else if !(action.remote || on_43) {
        add(Code::IdxNameRefused, "the node has no `remote_execution`".to_owned());
    }
    for way in &action.patterns {
        let fills = |call: &super::ways::Dialled| json::text(&call.groups, &name).is_some();
        if !way.calls.is_empty() && !way.calls.iter().any(fills) {
            let problem = format!("`{}` has no group `{name}`", way.source);
            add(Code::IdxNameNoGroup, problem);
        }
    }
}

/// Static and manual rewrite the destination only; what follows must route it.
fn check_destination(action: &Action<'_>, findings: &mut Findings) {
    let rewrites = matches!(action.mode(), Mode::Manual | Mode::Static);
    let mut entered = action.patterns.iter().flat_map(|way| &way.calls);
    let is_entered = entered.any(|call| call.capture.is_some()) && action.entered.len() == 1;
    if rewrites && is_entered && !crate::callflow::has_wildcard_child(action.node) {
        let problem = format!("nothing follows the {} action", action.mode().as_str());
        findings.add(Code::DestinationNotRouted, action.document, action.path.clone(), problem);
    }
}

/// A pattern without groups captures the feature code as well.
fn check_capture(action: &Action<'_>, findings: &mut Findings) {
    for way in &action.patterns {
        let whole = |call: &super::ways::Dialled| call.capture.as_ref() == Some(&call.number);
        let is_code = way.calls.first().is_some_and(|call| call.number.starts_with('*'));
        if is_code && way.calls.iter().all(whole) {
            let problem = format!("`{}` has no groups", way.source);
            let (document, path) = (&way.document, way.path.clone());
            findings.add(Code::CaptureGroupIsWholeNumber, document, path, problem);
        }
    }
}
