//! Lists with their rows, and the other documents an operator writes.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use kazoo_dynamic_cid::callflow::{self, Did, dial_plan, did_for, inline, inline_with_did};
use kazoo_dynamic_cid::dynamic_cid::{
    self, Departures, InvalidRow, List, Mode, Row, Selection, SingleDocumentLists, SystemConfig,
};
use kazoo_dynamic_cid::json::{self, Object};
use kazoo_dynamic_cid::numbers::{AccountRules, OnBadRule, Rules};
use kazoo_dynamic_cid::schema::Schemas;

use super::source::rules;

/// The dialled number is the first line, the documents are one JSON object behind it: `rows` and
/// `document` of a list, `config` (category, then key), `account`, `endpoint`, `dialplans`, `flow`.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((dialled, documents)) = text.split_once('\n') else { return };
    let Ok(Value::Object(documents)) = serde_json::from_str(documents) else { return };
    let nothing = Object::new();
    let part = |key| json::object(&documents, key).unwrap_or(&nothing);
    list(dialled, &documents);
    let system = numbers(dialled, part("config"), documents.get("account"));
    restrictions(dialled, documents.get("endpoint"), &system);
    dial_plans(dialled, part("endpoint"), part("dialplans"));
    flow(part("flow"), dialled);
    departures(part("config"), part("account"));
    merged(part("account"), part("endpoint"));
    schemas(&documents);
}

fn list(dialled: &str, documents: &Object) {
    let rows = documents.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    let list = List::from_rows(rows.iter().cloned(), documents.get("document"));
    assert_eq!(list.len(), rows.len());
    assert!(list.document_length() > 0);
    for inside in [SingleDocumentLists::Ignored, SingleDocumentLists::Read] {
        let rows = list.rows(inside);
        for invalid in [InvalidRow::Crash, InvalidRow::Skip] {
            let found = list.by_first_digits(dialled, invalid, inside);
            assert_eq!(found, walk(rows, dialled, invalid), "{dialled:?} in {rows:?}");
        }
        for key in [None, Some(dialled)] {
            let first = rows.iter().find(|row| row.key.as_deref() == key);
            assert_eq!(list.by_key(key, inside), first, "{key:?} in {rows:?}");
        }
    }
}

/// KAZOO's walk, row by row, which the index must answer like.
fn walk<'a>(rows: &'a [Row], dialled: &str, invalid: InvalidRow) -> Selection<'a> {
    for row in rows {
        let Ok(length) = usize::try_from(row.length) else {
            if invalid == InvalidRow::Crash {
                return Selection::InvalidRow;
            }
            continue;
        };
        if dialled.len() < length {
            return Selection::TooShort;
        }
        if let Some(key) = &row.key
            && dialled.get(..length) == Some(key.as_str())
        {
            return Selection::Row(row, dialled[length..].to_owned());
        }
    }
    Selection::NotFound
}

/// Numbers are converted alike each time, and what is E.164 stays.
fn numbers(dialled: &str, config: &Object, account: Option<&Value>) -> Arc<Rules> {
    let stored = |key| json::at(config, &["number_manager", key]);
    let rules = rules(stored("e164_converters"), stored("classifiers"));
    let account = account.map_or_else(AccountRules::default, AccountRules::from_account);
    let normalised = rules.normalise(dialled, OnBadRule::Skip).expect("bad rules are skipped");
    if dialled.starts_with('+') {
        assert_eq!(normalised, dialled);
    }
    if let Ok(strict) = rules.normalise(dialled, OnBadRule::Raise) {
        assert_eq!(strict, normalised, "a rule that raises is one that is skipped");
    }
    let for_account = rules.normalise_for_account(dialled, &account, OnBadRule::Skip);
    assert!(for_account.is_ok());
    let class = rules.classify(dialled, OnBadRule::Skip).expect("bad rules are skipped");
    assert!(class.is_none_or(|class| rules.classifier_names().any(|name| name == class)));
    for bad in rules.bad_rules().chain(account.dial_plan.bad_rules()) {
        assert!(!bad.path.is_empty() && !bad.reason.is_empty(), "{bad}");
    }
    rules
}

/// Both readers of restrictions, the action's and the callflow's, say the same.
fn restrictions(dialled: &str, endpoint: Option<&Value>, rules: &Rules) {
    let endpoint = endpoint.unwrap_or(&Value::Null);
    let class = rules.classify(dialled, OnBadRule::Skip).expect("bad rules are skipped");
    let Some(class) = class else { return };
    let ours = match dynamic_cid::verdict(endpoint, Some(class)) {
        dynamic_cid::Verdict::Allowed => "allowed",
        dynamic_cid::Verdict::Denied => "denied",
        dynamic_cid::Verdict::Broken(_) => "broken",
    };
    let found = match callflow::verdict(endpoint, Some(class)) {
        callflow::Verdict::Allowed => "allowed",
        callflow::Verdict::Denied => "denied",
        callflow::Verdict::Broken(_) => "broken",
    };
    assert_eq!(ours, found, "{class} of {endpoint}");
}

/// A dial plan ends, with a number or with the rule that is wrong.
fn dial_plans(dialled: &str, endpoint: &Object, system: &Object) {
    let plan = json::object(endpoint, "dial_plan");
    if let Some(plan) = plan
        && let Err(error) = dial_plan::apply(dialled, plan, system)
    {
        assert!(!error.reason.is_empty(), "{error}");
    }
    let did = did_for(dialled, plan, system, str::to_owned);
    assert!(did.is_err() || did.is_ok_and(|did| did.verbatim == dialled));
}

/// A flow with the destination in it differs by the destinations alone.
fn flow(flow: &Object, dialled: &str) {
    let limits = inline::InlineLimits { depth: 20, nodes: 200 };
    let Ok(inlined) = inline_with_did(flow, &Did::from(dialled), limits) else { return };
    if inlined.placed == 0 {
        assert_eq!(&inlined.flow, flow);
    }
    let again = inline_with_did(&inlined.flow, &Did::from(dialled), limits).expect("as large");
    if !dialled.is_empty() {
        assert_eq!((again.placed, &again.flow), (0, &inlined.flow), "the same destination twice");
    }
    assert_eq!(again.branches_to, inlined.branches_to);
}

fn departures(config: &Object, data: &Object) {
    let read = SystemConfig::read(|category, key| json::at(config, &[category, key]));
    for (document, key, error) in read.bad_settings() {
        assert!(config.contains_key(document) && !key.is_empty(), "{error}");
    }
    let layers = [data, config];
    let (_, bad) = Departures::read(&layers);
    for bad in bad {
        assert!(layers.iter().any(|layer| layer.contains_key(&bad.key)), "{bad}");
    }
    for captured in [true, false] {
        let _ = Mode::choose(data, captured);
    }
}

/// What the right object says goes before the left one, and `null` says that there is nothing.
fn merged(left: &Object, right: &Object) {
    let merged = json::merge(left, right);
    for (key, value) in &merged {
        assert!(!value.is_null(), "{key} is null");
        assert!(left.contains_key(key) || right.contains_key(key), "{key} comes from nowhere");
    }
    for (key, value) in right {
        match value {
            Value::Null => assert_eq!(merged.get(key), None),
            Value::Object(_) => assert!(merged.get(key).is_some_and(Value::is_object)),
            other => assert_eq!(merged.get(key), Some(other)),
        }
    }
    let keys: Vec<&String> = merged.keys().rev().collect();
    assert!(keys.is_sorted(), "{keys:?}");
}

/// A violation names a place that the document has, or one just inside it.
fn schemas(documents: &Object) {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(Schemas::embedded);
    let whole = Value::Object(documents.clone());
    let rows = documents.get("rows").and_then(Value::as_array);
    let list = documents.get("document").map(|document| ("lists", document));
    let rows = rows.into_iter().flatten().map(|row| ("list_entries", row));
    for (schema, document) in list.into_iter().chain(rows) {
        for violation in schemas.validate(schema, document) {
            assert!(violation.path.is_empty() || violation.path.starts_with('/'), "{violation:?}");
            assert!(!violation.message.is_empty());
        }
    }
    let _ = schemas.validate_callflow(&whole);
    if let Some(config) = documents.get("config") {
        let _ = schemas.validate_config("callflow.dynamic_cid", config);
    }
}
