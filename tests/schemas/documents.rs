//! The tables of documents put to our schemas, and the object only we know.

use kazoo_dynamic_cid::schema::Schemas;
use serde_json::{Value, json};

use super::{Case, callflows, invalid, lists, text, valid};

/// Each document schema with its cases.
pub(crate) fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("callflows.dynamic_cid", callflows::dynamic_cid()),
        ("callflows.action", callflows::action()),
        ("callflows", callflows::callflows()),
        ("metaflows", callflows::metaflows()),
        ("metaflow", callflows::metaflow()),
        ("list_entries", lists::list_entries()),
        ("lists", lists::lists()),
        ("profile", lists::profile()),
        ("contacts", lists::contacts()),
        ("system_config.callflow.dynamic_cid", system_config()),
    ]
}

fn system_config() -> Vec<Case> {
    let mut cases = vec![
        valid("nothing", json!({})),
        valid(
            "KAZOO's six keys",
            json!({
                "accept_prompt": "tone_stream://%(250,50,440)", "default_prompt": "dynamic-cid-enter_cid",
                "max_digits": 10, "min_digits": 10, "reject_prompt": "dynamic-cid-invalid_using_default",
                "whitelist_regex": "\\d+"
            }),
        ),
        valid("a regex that is none", json!({"whitelist_regex": "("})),
        valid("unknown keys", json!({"collect_timeout": "x"})),
        valid("odd limits", json!({"min_digits": 20, "max_digits": -1})),
        invalid("no object", json!([])),
        invalid("null", json!(null)),
        invalid("text", json!("default")),
    ];
    for key in ["accept_prompt", "default_prompt", "reject_prompt", "whitelist_regex"] {
        cases.push(valid("an empty text", json!({key: ""})));
        cases.push(invalid("a number instead of text", json!({key: 5})));
        cases.push(invalid("an array instead of text", json!({key: ["a", "b"]})));
    }
    for key in ["max_digits", "min_digits"] {
        cases.push(valid("zero", json!({key: 0})));
        cases.push(invalid("text instead of an integer", json!({key: "10"})));
        cases.push(invalid("a fraction instead of an integer", json!({key: 10.6})));
        cases.push(invalid("a whole float instead of an integer", json!({key: 10.0})));
        cases.push(invalid("null instead of an integer", json!({key: null})));
    }
    cases
}

/// The member `worker`, which no schema of KAZOO mentions.
fn worker() -> Vec<Case> {
    let choices = [
        ("preset", ["recommended", "kazoo"]),
        ("list_answer", ["inline", "native"]),
        ("idx_name", ["inverted", "documented"]),
        ("invalid_regex", ["crash", "reject"]),
        ("invalid_row", ["crash", "skip"]),
        ("invalid_document", ["crash", "default"]),
        ("optional_groups", ["crash", "no_capture"]),
        ("timer_arithmetic", ["seconds_as_milliseconds", "milliseconds"]),
        ("single_document_lists", ["ignored", "read"]),
    ];
    let mut cases = vec![
        valid("nothing", json!({})),
        valid("unknown keys", json!({"colour": "blue"})),
        valid("no limit", json!({"overall_limit_ms": 0})),
        valid("a limit", json!({"overall_limit_ms": 300_000})),
        invalid("no object", json!("kazoo")),
        invalid("null", json!(null)),
        invalid("a negative limit", json!({"overall_limit_ms": -1})),
        invalid("a limit that is text", json!({"overall_limit_ms": "300000"})),
        valid("calls may be taken", json!({"route": true, "preset": "kazoo"})),
        valid("calls may not be taken", json!({"route": false})),
        invalid("text instead of a boolean", json!({"route": "true"})),
        invalid("one account", json!({"route_accounts": "c1d00000000000000000000000000001"})),
        invalid("the database of an account", json!({"route_accounts": ["account/c1/d0/01"]})),
        invalid("an account that is a number", json!({"route_accounts": [1]})),
    ];
    for (key, values) in choices {
        cases.extend(values.map(|value| valid("a known choice", json!({key: value}))));
        cases.push(invalid("an unknown choice", json!({key: "best"})));
        cases.push(invalid("a boolean instead of a choice", json!({key: true})));
    }
    cases
}

/// What is valid in one of the places for `worker` only: in a section, in a node.
fn worker_by_place() -> [(&'static str, Vec<Case>); 2] {
    let accounts = json!({"route_accounts": ["c1d00000000000000000000000000001"]});
    let none = json!({"route_accounts": []});
    let case = |allowed: bool| if allowed { valid } else { invalid };
    [("system_config.callflow.dynamic_cid", true), ("callflows.dynamic_cid", false)].map(
        |(schema, section)| {
            let cases = vec![
                case(section)("accounts", accounts.clone()),
                case(section)("no accounts", none.clone()),
                case(!section)("just true", json!(true)),
                case(!section)("just false", json!(false)),
            ];
            (schema, cases)
        },
    )
}

/// The member `kazoo_dynamic_cid` of callflows, which no schema of KAZOO mentions.
fn exclusive() -> Vec<Case> {
    vec![
        valid("nothing", json!({})),
        valid("numbers", json!({"numbers": ["1", text(36), "+14155550100"]})),
        valid("patterns", json!({"numbers": [], "patterns": ["^\\*2([0-9]+)$", "("]})),
        invalid("no object", json!(["2001"])),
        invalid("text", json!("2001")),
        invalid("null", json!(null)),
        invalid("another key", json!({"pattern": ["^2"]})),
        invalid("numbers that are text", json!({"numbers": "2001"})),
        invalid("a number that is a number", json!({"numbers": [2001]})),
        invalid("an empty number", json!({"numbers": [""]})),
        invalid("a number of 37 characters", json!({"numbers": [text(37)]})),
        invalid("a number twice", json!({"numbers": ["1", "1"]})),
        invalid("a pattern that is null", json!({"patterns": [null]})),
        invalid("an empty pattern", json!({"patterns": [""]})),
        invalid("patterns by name", json!({"patterns": {"a": "^2"}})),
    ]
}

/// Our schemas, and those with a cluster's in place of the ones that may be replaced.
fn with_and_without_the_clusters() -> [Schemas; 2] {
    let names = ["callflows", "callflows.dynamic_cid", "system_config.callflow.dynamic_cid"];
    let anything = json!({"description": "accepts everything"});
    let cluster = names.map(|name| (name.to_owned(), anything.clone()));
    [Schemas::embedded(), Schemas::with_overrides(cluster.into_iter())]
}

fn agrees(schemas: &Schemas, schema: &str, case: &Case, document: &Value) {
    let violations = schemas.validate(schema, document);
    let verdict = violations.is_empty();
    assert_eq!(verdict, case.valid, "{schema}, {}: {document} {violations:?}", case.name);
}

#[test]
fn our_schemas_accept_and_refuse_what_they_should() {
    let schemas = Schemas::embedded();
    for (schema, cases) in all() {
        assert!(cases.len() >= 15, "{schema} has {} cases only", cases.len());
        for case in &cases {
            agrees(&schemas, schema, case, &case.document);
        }
    }
}

#[test]
fn the_worker_member_is_checked_alone_in_a_section_and_in_a_node() {
    for schemas in with_and_without_the_clusters() {
        for case in worker() {
            agrees(&schemas, "dynamic_cid.worker", &case, &case.document);
            let holder = json!({"worker": case.document});
            for schema in ["callflows.dynamic_cid", "system_config.callflow.dynamic_cid"] {
                agrees(&schemas, schema, &case, &holder);
            }
        }
        for (schema, cases) in worker_by_place() {
            for case in cases {
                agrees(&schemas, schema, &case, &json!({"worker": case.document}));
            }
        }
    }
}

#[test]
fn the_numbers_only_we_answer_to_are_checked_whoever_knows_the_rest() {
    for schemas in with_and_without_the_clusters() {
        for case in exclusive() {
            agrees(&schemas, "callflows", &case, &json!({"kazoo_dynamic_cid": case.document}));
        }
    }
}

#[test]
fn the_document_we_install_satisfies_our_schema_and_repeats_its_defaults() {
    let document: Value =
        serde_json::from_str(include_str!("../../system_configs/callflow.dynamic_cid.json"))
            .unwrap();
    let schemas = Schemas::embedded();
    assert_eq!(schemas.validate_config("callflow.dynamic_cid", &document), []);
    assert_eq!(document["_id"], "callflow.dynamic_cid");
    assert_eq!(document["default"]["worker"], json!({"preset": "recommended"}));
    let schema: Value =
        serde_json::from_str(include_str!("../../schemas/system_config.callflow.dynamic_cid.json"))
            .unwrap();
    for (key, property) in schema["properties"].as_object().unwrap() {
        if key != "worker" {
            assert_eq!(document["default"][key], property["default"], "{key}");
        }
    }
}
