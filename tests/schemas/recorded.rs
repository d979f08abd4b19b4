//! Documents and messages recorded on a living KAZOO.

use std::collections::BTreeSet;

use kazoo_dynamic_cid::schema::Schemas;
use serde_json::Value;

use super::{messages, published};

/// Callflows, lists and list entries of the account on which KAZOO's behaviour was recorded. Some
/// are odd on purpose.
fn documents() -> Vec<Value> {
    serde_json::from_str(include_str!("../fixtures/schemas/recorded_documents.json")).unwrap()
}

fn schema_of(document: &Value) -> &'static str {
    match document["pvt_type"].as_str().unwrap() {
        "callflow" => "callflows",
        "list" => "lists",
        "list_entry" => "list_entries",
        other => panic!("no schema for {other}"),
    }
}

#[test]
fn recorded_documents_are_valid_but_for_the_odd_ones() {
    let schemas = Schemas::embedded();
    let mut odd = Vec::new();
    for document in documents() {
        let id = document["_id"].as_str().unwrap();
        let violations = match schema_of(&document) {
            "callflows" => schemas.validate_callflow(&document),
            schema => schemas.validate(schema, &document),
        };
        odd.extend(violations.into_iter().map(|violation| format!("{id} {violation}")));
    }
    assert_eq!(
        odd,
        [
            r#"cf_action_unknown /flow/data/action: must be one of "list", "lists", "manual", "static", is the string "foo""#,
            r#"cf_action_unknown /flow/data/min_digits: must be an integer, is the string "4""#,
            r#"cf_action_unknown /flow/data/max_digits: must be an integer, is the string "4""#,
            r#"cf_lists_permit_str /flow/data/permit_custom_callflow: must be a boolean, is the string "true""#,
            r#"cf_static_badcid /flow/data/caller_id: must be an object, is the string "+14155550100""#,
            "cf_static_intnumber /flow/data/caller_id/number: must be a string, is 4155550100",
            r#"e7 /capture_group_length: must be an integer, is the string "2""#,
            "e8 /number: must be a string, is 4155550208",
        ]
    );
}

#[test]
fn published_schemas_say_the_same_of_recorded_documents() {
    let Some(shared) = published::shared() else { return };
    let ours = Schemas::embedded();
    for line in published::lines(&shared) {
        for document in documents() {
            let schema = schema_of(&document);
            let theirs = line.validator(schema).unwrap().is_valid(&document);
            let same = ours.validate(schema, &document).is_empty() == theirs;
            // 4.3 does not know the length of an entry's key, and "2" passes there.
            let known = line.name == "4.3" && document["_id"] == "e7";
            assert!(same != known, "{} of {}", document["_id"], line.name);
        }
    }
}

/// The data of every `dynamic_cid` node, wherever in a document it stands.
fn node_data(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            if value["module"] == "dynamic_cid" {
                into.push(value["data"].clone());
            }
            members.values().for_each(|member| node_data(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| node_data(item, into)),
        _ => {}
    }
}

#[test]
fn published_schemas_say_the_same_of_the_data_of_recorded_nodes() {
    let Some(shared) = published::shared() else { return };
    let ours = Schemas::embedded();
    let mut data = Vec::new();
    for document in documents() {
        node_data(&document, &mut data);
    }
    assert!(data.len() > 30, "{}", data.len());
    for line in published::lines(&shared) {
        let theirs = line.validator("callflows.dynamic_cid").unwrap();
        for data in &data {
            let valid = ours.validate("callflows.dynamic_cid", data).is_empty();
            assert_eq!(valid, theirs.is_valid(data), "{}: {data}", line.name);
        }
    }
}

/// Resumes that were sent to see how 4.3 fails: by all that is missing or misshapen in them.
const UNUSABLE_RESUMES: [&str; 11] = [
    "resume_flow_doc",
    "resume_flow_empty",
    "resume_flow_nomodule",
    "resume_flow_string",
    "resume_noapp",
    "resume_nocallid_top",
    "resume_noflow",
    "resume_nomsgid",
    "resume_without_Account-ID",
    "resume_without_Call-ID",
    "resume_without_Control-Queue",
];

#[test]
fn recorded_messages_satisfy_our_schemas() {
    let Some(shared) = published::shared() else { return };
    let schemas = Schemas::embedded();
    let (mut checked, mut unusable) = (0, BTreeSet::new());
    for line in ["master", "4.3"] {
        for entry in std::fs::read_dir(shared.join("transcripts").join(line)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let transcript: Value = serde_json::from_str(&text).unwrap();
            for message in transcript["messages"].as_array().into_iter().flatten() {
                let payload = &message["payload"];
                // One recording sends an answer that KAZOO cannot use, to see what becomes of it.
                let is_unusable = payload["Event-Name"] == "action.result"
                    && message["from"] == "driver"
                    && path.ends_with("remote_badresult.json");
                let Some(schema) = messages::schema_of(payload).filter(|_| !is_unusable) else {
                    continue;
                };
                let violations = schemas.validate(schema, payload);
                if schema == "kapi.callflow.resume" && !violations.is_empty() {
                    unusable.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
                    continue;
                }
                assert_eq!(violations, [], "{} {payload}", path.display());
                checked += 1;
            }
        }
    }
    println!("{checked} recorded messages satisfy our schemas");
    let unusable: Vec<_> = unusable.iter().map(String::as_str).collect();
    assert_eq!(unusable, UNUSABLE_RESUMES);
    assert!(checked > 1000);
}
