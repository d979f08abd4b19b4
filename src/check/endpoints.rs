//! Devices, users and the account: restrictions, dial plans, caller IDs.

use serde_json::Value;

use super::finding::Findings;
use super::ways::{Action, Ways};
use super::{Code, Snapshot, System};
use crate::callflow::{Verdict, restrictions};
use crate::dynamic_cid::Mode;
use crate::json::{self, Object};
use crate::numbers::AccountRules;

/// Checks the endpoints that calls come from.
pub(super) async fn check(
    system: &System,
    snapshot: &Snapshot,
    ways: &Ways<'_>,
    findings: &mut Findings,
) {
    let classifiers: Vec<&str> = system.rules.classifier_names().collect();
    for kind in ["account", "device", "user"] {
        for (id, document) in snapshot.of_type(kind) {
            let endpoint = restrictions(snapshot, &snapshot.account, Some(id), &classifiers).await;
            // What is inherited is told where it stands.
            let is_own =
                document.contains_key("call_restriction") || document.contains_key("dial_plan");
            let broken = classifiers.iter().find_map(|class| match endpoint.verdict(Some(class)) {
                Verdict::Broken(reason) => Some(reason),
                _ => None,
            });
            if let Some(reason) = broken.filter(|_| is_own) {
                findings.add(Code::RestrictionUnusable, id, "/call_restriction", reason);
            }
            let plan = json::object(document, "dial_plan").filter(|plan| has_rules(plan));
            if plan.is_some() {
                check_plan(kind, id, ways, findings);
            }
            check_caller_id(id, document, ways, findings);
        }
    }
    if let Some(account) = snapshot.documents.get(snapshot.account.as_str()) {
        for rule in AccountRules::from_account(account).dial_plan.bad_rules() {
            let id = snapshot.account.as_str();
            findings.add(Code::NumberRuleUnusable, id, "/dial_plan", rule.to_string());
        }
    }
}

/// `system` names plans of the system, which is no rule of one's own.
fn has_rules(plan: &Object) -> bool {
    plan.keys().any(|key| key != "system")
}

fn check_plan(kind: &str, id: &str, ways: &Ways<'_>, findings: &mut Findings) {
    let enforces =
        |action: &&Action<'_>| json::is_true(&action.data, "enforce_call_restriction", true);
    if kind == "account" {
        if let Some(action) = ways.actions.iter().find(|action| !action.patterns.is_empty()) {
            let problem = format!("the action of callflow `{}` has a destination", action.document);
            findings.add(Code::TwoNumberRules, id, "/dial_plan", problem);
        }
    } else if let Some(action) = ways.lists().find(enforces) {
        let problem = format!("callflow `{}` enforces restrictions", action.document);
        findings.add(Code::DialPlanNotClassified, id, "/dial_plan", problem);
    }
}

/// A rejected number replaces the configured one.
fn check_caller_id(id: &str, document: &Object, ways: &Ways<'_>, findings: &mut Findings) {
    let external = json::at(document, &["caller_id", "external", "number"]);
    let external = external.and_then(Value::as_str).filter(|number| !number.is_empty());
    let manual = ways.actions.iter().find(|action| action.mode() == Mode::Manual);
    if let (Some(number), Some(action)) = (external, manual) {
        let problem = format!(
            "callflow `{}` asks for a number, and `{number}` is lost when it is rejected",
            action.document
        );
        let path = "/caller_id/external/number";
        findings.add(Code::ExternalCallerIdLost, id, path, problem);
    }
}
