use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;

fn with(overrides: Vec<(&str, Value)>) -> Schemas {
    Schemas::with_overrides(overrides.into_iter().map(|(name, schema)| (name.to_owned(), schema)))
}

fn told(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn every_embedded_schema_compiles() {
    let schemas = Schemas::embedded();
    assert_eq!(schemas.refused(), []);
    for (name, _) in documents() {
        assert_eq!(schemas.origin(name), Some(Origin::Embedded), "{name}");
    }
}

#[test]
fn a_violation_says_where_and_what() {
    let schemas = Schemas::embedded();
    for (name, document, expected) in [
        ("lists", json!({}), r#"/: "name" is missing"#),
        ("lists", json!([]), "/: must be an object, is an array"),
        (
            "lists",
            json!({"name": ""}),
            r#"/name: must have at least 1 character, is the string """#,
        ),
        (
            "callflows.dynamic_cid",
            json!({"max_digits": "seven"}),
            r#"/max_digits: must be an integer, is the string "seven""#,
        ),
        (
            "callflows.dynamic_cid",
            json!({"action": "statics"}),
            r#"/action: must be one of "list", "lists", "manual", "static", is the string "statics""#,
        ),
        (
            "callflows.dynamic_cid",
            json!({"worker": {"overall_limit_ms": -1}}),
            "/worker/overall_limit_ms: must be at least 0, is -1",
        ),
        (
            "callflows.dynamic_cid",
            json!({"worker": {"route_accounts": []}}),
            "/worker/route_accounts: has no place here",
        ),
        ("callflows", json!({"numbers": ["1", "1"]}), "/numbers: holds an element twice"),
        (
            "profile",
            json!({"addresses": [{"types": ["work", 5]}]}),
            concat!(
                r#"/addresses/0/types/1: must be one of "dom", "postal", "intl", "parcel", "home", "#,
                r#""work", "pref", is 5"#
            ),
        ),
        ("no_such_schema", json!({}), "/: there is no schema no_such_schema"),
    ] {
        assert_eq!(told(&schemas.validate(name, &document)), [expected], "{document}");
    }
}

#[test]
fn long_values_are_not_repeated_in_full() {
    let schemas = Schemas::embedded();
    let violations = schemas.validate("lists", &json!({"name": "ä".repeat(100_000)}));
    assert_eq!(violations.len(), 1);
    assert!(violations[0].message.chars().count() < 150, "{}", violations[0].message);
    assert!(violations[0].message.ends_with("(100000 characters)"), "{}", violations[0].message);
}

#[test]
fn violations_are_bounded_in_number() {
    let numbers: Vec<Value> = (0..1000).map(Value::from).collect();
    let schemas = Schemas::embedded();
    assert_eq!(schemas.validate("callflows", &json!({"numbers": numbers})).len(), MOST_VIOLATIONS);
    let bad = json!({"module": "dynamic_cid", "data": {"action": 5, "max_digits": "x"}});
    let children: serde_json::Map<_, _> = (0..50).map(|n| (n.to_string(), bad.clone())).collect();
    let flow = json!({"module": "menu", "data": {}, "children": children});
    assert_eq!(schemas.validate_callflow(&json!({"flow": flow})).len(), MOST_VIOLATIONS);
}

#[test]
fn a_document_nested_without_end_is_not_followed() {
    let mut node = json!({"module": "dynamic_cid", "data": {"action": 5}});
    for _ in 0..200 {
        node = json!({"module": "menu", "data": {}, "children": {"_": node}});
    }
    let schemas = Schemas::embedded();
    let document = json!({"flow": node});
    let violations = schemas.validate_callflow(&document);
    assert_eq!(told(&violations), ["/: is nested more than 128 levels deep and was not checked"]);
}

#[test]
fn a_document_of_very_many_values_is_not_checked() {
    let schemas = Schemas::embedded();
    let numbers = |count: u32| json!({"numbers": (0..count).collect::<Vec<_>>()});
    assert_eq!(schemas.validate_callflow(&numbers(100_000)).len(), MOST_VIOLATIONS);
    assert_eq!(
        told(&schemas.validate_callflow(&numbers(200_000))),
        ["/: holds more than 200000 values and was not checked"]
    );
}

#[test]
fn the_deepest_document_that_can_be_read_is_checked() {
    let mut node = json!({"module": "dynamic_cid", "data": {"action": 5}});
    for _ in 0..60 {
        node = json!({"module": "menu", "data": {}, "children": {"_": node}});
    }
    let document = json!({"flow": node}).to_string();
    let document: Value = serde_json::from_str(&document).unwrap();
    let violations = Schemas::embedded().validate_callflow(&document);
    let path = format!("/flow{}/data/action", "/children/_".repeat(60));
    assert_eq!(violations.iter().map(|v| v.path.as_str()).collect::<Vec<_>>(), [path.as_str(); 2]);
}

#[test]
fn every_dynamic_cid_node_of_a_callflow_is_checked_and_no_other() {
    let document = json!({
        "numbers": ["1"],
        "flow": {
            "module": "menu",
            "data": {"action": 5, "max_digits": "x"},
            "children": {
                "a/b~c": {"module": "dynamic_cid", "data": {"id": 7}, "children": {
                    "_": {"module": "dynamic_cid", "data": {"worker": {"preset": "best"}}}
                }},
                "_": {"module": "dynamic_cid", "data": {"caller_id": {"number": 1}}},
                "1": {"module": "dynamic_cid", "data": "nothing"}
            }
        }
    });
    assert_eq!(
        told(&Schemas::embedded().validate_callflow(&document)),
        [
            r#"/flow/children/1/data: must be an object, is the string "nothing""#,
            "/flow/children/a~1b~0c/data/id: must be a string, is 7",
            concat!(
                "/flow/children/a~1b~0c/children/_/data/worker/preset: ",
                r#"must be one of "recommended", "kazoo", is the string "best""#
            ),
            "/flow/children/_/data/caller_id/number: must be a string, is 1",
        ]
    );
}

#[test]
fn each_section_of_a_configuration_is_checked() {
    let document = json!({
        "_id": "callflow.dynamic_cid",
        "pvt_type": "config",
        "default": {"max_digits": 10, "worker": {"list_answer": "native"}},
        "east": {"max_digits": "ten"},
        "kazoo_apps@a/b": {"worker": {"idx_name": "broken"}},
        "west": 5
    });
    assert_eq!(
        told(&Schemas::embedded().validate_config("callflow.dynamic_cid", &document)),
        [
            r#"/east/max_digits: must be an integer, is the string "ten""#,
            concat!(
                "/kazoo_apps@a~1b/worker/idx_name: ",
                r#"must be one of "inverted", "documented", is the string "broken""#
            ),
            "/west: must be an object, is 5",
        ]
    );
}

#[test]
fn lenient_validation_takes_what_kazoo_converts() {
    let schemas = Schemas::embedded();
    for (document, expected) in [
        (json!({"max_digits": "7", "enforce_call_restriction": "false"}), vec![]),
        (json!({"max_digits": 7.5}), vec![]),
        (json!({"worker": {"overall_limit_ms": "10"}}), vec![]),
        (
            json!({"worker": {"overall_limit_ms": "-10"}}),
            vec!["/worker/overall_limit_ms: must be at least 0, is -10"],
        ),
        (
            json!({"max_digits": "7", "skip_module": "yes"}),
            vec![r#"/skip_module: must be a boolean, is the string "yes""#],
        ),
        (json!({"id": 7}), vec!["/id: must be a string, is 7"]),
    ] {
        let violations =
            schemas.validate_as("callflows.dynamic_cid", &document, Strictness::Lenient);
        assert_eq!(told(&violations), expected, "{document}");
    }
    assert_eq!(schemas.validate("callflows.dynamic_cid", &json!({"max_digits": "7"})).len(), 1);
}

#[test]
fn a_usable_schema_of_the_cluster_wins() {
    let schemas = with(vec![
        (
            "lists",
            json!({
                "_id": "lists", "_rev": "1-a", "id": "lists", "pvt_type": "schema",
                "$schema": "http://json-schema.org/draft-04/schema#",
                "properties": {"owner": {"$ref": "./people"}}
            }),
        ),
        (
            "people",
            json!({"properties": {"boss": {"$ref": "file://people"}, "age": {"type": "integer"}}}),
        ),
        ("unrelated", json!({"type": 5})),
    ]);
    assert_eq!(schemas.refused(), []);
    assert_eq!(schemas.origin("lists"), Some(Origin::Cluster));
    assert_eq!(schemas.origin("callflows"), Some(Origin::Embedded));
    assert_eq!(schemas.origin("people"), None);
    assert_eq!(schemas.validate("lists", &json!({})), []);
    let violations = schemas.validate("lists", &json!({"owner": {"boss": {"age": "old"}}}));
    assert_eq!(violations[0].path, "/owner/boss/age");
}

#[test]
fn an_unusable_schema_of_the_cluster_is_told_and_ours_stays() {
    for (name, schema) in [
        ("lists", json!("a text")),
        ("lists", json!({"type": "unheard-of"})),
        ("lists", json!({"pvt_deleted": true, "type": "object"})),
        ("lists", json!({"$schema": "http://json-schema.org/draft-07/schema#"})),
        ("lists", json!({"properties": {"name": {"$ref": "nowhere"}}})),
        ("lists", json!({"properties": {"name": {"pattern": "("}}})),
        ("lists", json!({"properties": {"name": {"$ref": "https://example.com/name"}}})),
    ] {
        let schemas = with(vec![(name, schema.clone())]);
        let refused: Vec<_> = schemas.refused().iter().map(|one| one.name.as_str()).collect();
        assert_eq!(refused, [name], "{schema}");
        assert_eq!(schemas.origin("lists"), Some(Origin::Embedded), "{schema}");
        assert_eq!(schemas.validate("lists", &json!({})).len(), 1, "{schema}");
    }
}

#[test]
fn a_broken_schema_takes_along_only_what_cannot_do_without_it() {
    let schemas = with(vec![
        ("list_entries", json!({"properties": {"profile": {"$ref": "profile"}}})),
        ("profile", json!({"type": 5})),
        ("lists", json!({"properties": {"org": {"$ref": "organisation"}}})),
        ("organisation", json!({"properties": {"name": {"$ref": "nowhere"}}})),
    ]);
    let mut refused: Vec<_> = schemas.refused().iter().map(|one| one.name.as_str()).collect();
    refused.sort_unstable();
    assert_eq!(refused, ["lists", "organisation", "profile"]);
    assert_eq!(schemas.origin("list_entries"), Some(Origin::Cluster));
    assert_eq!(schemas.origin("lists"), Some(Origin::Embedded));
    assert_eq!(schemas.validate("list_entries", &json!({"profile": {"role": 5}})).len(), 1);
}

#[test]
fn messages_and_the_worker_object_know_only_our_schemas() {
    let anything = json!({"description": "accepts everything"});
    let schemas = with(vec![
        ("kapi.dialplan.play", anything.clone()),
        ("kapi.headers", anything.clone()),
        ("dynamic_cid.worker", anything.clone()),
        ("callflows.dynamic_cid", anything.clone()),
        ("system_config.callflow.dynamic_cid", anything),
    ]);
    assert_eq!(schemas.refused(), []);
    assert!(!schemas.validate("kapi.dialplan.play", &json!({})).is_empty());
    for name in ["callflows.dynamic_cid", "system_config.callflow.dynamic_cid"] {
        assert_eq!(schemas.origin(name), Some(Origin::Cluster));
        assert_eq!(schemas.validate(name, &json!({"max_digits": "x"})), []);
        let violations = schemas.validate(name, &json!({"worker": {"preset": "best"}}));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].path, "/worker/preset");
    }
}

const LIST: Subject<'_> =
    Subject { database: "account/1", document: "list", revision: Some("1-a"), schema: "lists" };

fn counting(capacity: usize) -> (Reporter, Arc<AtomicUsize>) {
    let counted = Arc::new(AtomicUsize::new(0));
    let total = Arc::clone(&counted);
    let reporter = Reporter::new(capacity, move |_, violations| {
        total.fetch_add(violations, Ordering::Relaxed);
    });
    (reporter, counted)
}

#[test]
fn a_revision_is_reported_once() {
    let (reporter, counted) = counting(Reporter::CAPACITY);
    let violations = || vec![Violation::new("/name", "is missing")];
    assert!(reporter.report(&LIST, violations()));
    assert!(!reporter.report(&LIST, violations()));
    assert_eq!(counted.load(Ordering::Relaxed), 1);
    for other in [
        Subject { revision: Some("2-b"), ..LIST },
        Subject { revision: None, ..LIST },
        Subject { document: "other", ..LIST },
        Subject { database: "account/2", ..LIST },
    ] {
        assert!(reporter.report(&other, violations()), "{other:?}");
        assert!(!reporter.report(&other, violations()), "{other:?}");
    }
    assert_eq!(counted.load(Ordering::Relaxed), 5);
    reporter.forget_everything();
    assert!(reporter.report(&LIST, violations()));
}

#[test]
fn a_valid_revision_is_validated_once_and_not_counted() {
    let (reporter, counted) = counting(10);
    assert!(reporter.check(&LIST, Vec::new));
    assert!(!reporter.check(&LIST, || panic!("was validated before")));
    assert_eq!(counted.load(Ordering::Relaxed), 0);
}

#[test]
fn the_reporter_forgets_the_oldest_when_it_is_full() {
    let (reporter, _) = counting(2);
    let revision = |revision| Subject { revision: Some(revision), ..LIST };
    for new in ["1-a", "2-b", "3-c"] {
        assert!(reporter.check(&revision(new), Vec::new));
    }
    assert!(!reporter.check(&revision("3-c"), Vec::new));
    assert!(!reporter.check(&revision("2-b"), Vec::new));
    assert!(reporter.check(&revision("1-a"), Vec::new));
}

#[test]
fn a_report_names_document_path_and_reason() {
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        counting(1).0.report(&LIST, vec![Violation::new("/name", "is odd")]);
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for part in ["WARN", "account/1", "\"list\"", "1-a", "lists", "/name", "is odd"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
