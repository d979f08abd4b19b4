//! KAZOO's messages.

use std::path::Path;

use kazoo_dynamic_cid::schema::{self, Schemas};
use serde_json::{Value, json};

use super::published;

/// The schema of a message by its category and names; `None` for messages we have nothing to do
/// with.
pub(crate) fn schema_of(message: &Value) -> Option<&'static str> {
    let field = |name: &str| message[name].as_str().unwrap_or_default();
    let name = match (field("Event-Category"), field("Event-Name")) {
        ("call", "command") => format!("kapi.dialplan.{}", field("Application-Name")),
        ("callflow", name) => format!("kapi.callflow.{name}"),
        (
            "call_event" | "channel",
            name @ ("usurp_control" | "channel_status_req" | "channel_status_resp"),
        ) => {
            format!("kapi.call.{name}")
        }
        ("call_event", _) => "kapi.call.event".to_owned(),
        ("error", "dialplan") => "kapi.dialplan.error".to_owned(),
        ("configuration", _) => "kapi.conf.doc_update".to_owned(),
        ("dialplan", name) => format!("kapi.route.{}", name.strip_prefix("route_")?),
        ("nodes", name) => format!("kapi.nodes.{name}"),
        ("kazoo_dynamic_cid", "held_execute") => "dynamic_cid.held".to_owned(),
        ("kazoo_dynamic_cid", name) => format!("dynamic_cid.{}", name.strip_prefix("route_")?),
        _ => return None,
    };
    schema::documents().map(|(known, _)| known).find(|known| *known == name)
}

/// One payload of each file in a folder, without those that repeat it in its AMQP envelope.
fn payloads(folder: &Path) -> Vec<(String, Value)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let file: Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            (name, file.get("body").cloned().unwrap_or(file))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn fixtures() -> Vec<(String, Value)> {
    payloads(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas/messages"))
}

#[test]
fn every_message_we_read_or_write_satisfies_its_schema() {
    let schemas = Schemas::embedded();
    let mut covered = std::collections::BTreeSet::new();
    for (file, message) in fixtures() {
        let schema = schema_of(&message).unwrap_or_else(|| panic!("{file} has no schema"));
        assert_eq!(schemas.validate(schema, &message), [], "{file}");
        covered.insert(schema);
    }
    let is_message = |name: &str| {
        (name.starts_with("kapi.") && name != "kapi.headers")
            || (name.starts_with("dynamic_cid.") && name != "dynamic_cid.worker")
    };
    let names = schema::documents().map(|(name, _)| name);
    for name in names.filter(|name| is_message(name)) {
        assert!(covered.contains(name), "{name} has no example");
    }
}

#[test]
fn the_examples_of_the_specification_satisfy_their_schemas() {
    let Some(shared) = published::shared() else { return };
    let schemas = Schemas::embedded();
    for (file, message) in payloads(&shared.join("spec/examples")) {
        if let Some(schema) = schema_of(&message) {
            assert_eq!(schemas.validate(schema, &message), [], "{file}");
        }
    }
}

#[test]
fn a_message_without_a_required_header_is_refused() {
    let schemas = Schemas::embedded();
    for (file, message) in fixtures() {
        let schema = schema_of(&message).unwrap();
        let text = schema::documents().find(|(name, _)| *name == schema).unwrap().1;
        let own: Value = serde_json::from_str(text).unwrap();
        let own = own["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let common = ["App-Name", "App-Version", "Event-Category", "Event-Name", "Msg-ID"];
        for header in own.chain(common) {
            let mut message = message.clone();
            message.as_object_mut().unwrap().remove(header).unwrap();
            let violations = schemas.validate(schema, &message);
            let told = violations
                .iter()
                .any(|violation| violation.message == format!("\"{header}\" is missing"));
            assert!(told, "{file} without {header}: {violations:?}");
        }
    }
}

fn example(file: &str) -> Value {
    let file = format!("{file}.json");
    fixtures().into_iter().find(|(name, _)| *name == file).unwrap().1
}

/// Wrong values in the messages of the route seam: file, place, value.
fn wrong_on_the_route_seam() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("callflow_resume", "/Call", json!("a call")),
        ("callflow_resume", "/Call/Call-ID", json!("")),
        ("callflow_resume", "/Call/Account-ID", json!(null)),
        ("callflow_resume", "/Call/Key-Value-Store", json!([])),
        ("callflow_resume", "/Flow", json!("resources")),
        ("callflow_resume", "/Flow", json!({"flow": {"module": "resources"}})),
        ("callflow_resume", "/Flow/children", json!([])),
        ("route_req", "/From", json!("1001")),
        ("route_req", "/To", json!(2001)),
        ("route_req", "/Resource-Type", json!("fax")),
        ("route_req", "/Media", json!("auto")),
        ("route_req", "/Caller-ID-Number", json!(1001)),
        ("route_req", "/Custom-Channel-Vars", json!([])),
        ("route_req", "/Custom-Channel-Vars/Account-ID", json!(5)),
        ("route_req", "/Cost-Parameters", json!({"Cost": 1})),
        ("route_resp", "/Method", json!("hold")),
        ("route_resp", "/Pre-Park", json!("ring")),
        ("route_resp", "/Routes", json!({})),
        ("route_resp", "/Custom-Channel-Vars", json!(null)),
        ("route_win", "/Control-Queue", json!("")),
        ("route_win", "/Call-ID", json!(5)),
        ("nodes_advertise", "/Expires", json!("soon")),
        ("nodes_advertise", "/WhApps", json!("callflow")),
        ("route_offer", "/Call", json!([])),
        ("route_offer", "/Child", json!([])),
        ("route_offer", "/Version", json!(0)),
        ("route_offer", "/Way", json!("both")),
        ("route_offer", "/Offered-At", json!(-1)),
        ("route_job", "/Won-At", json!(-1)),
        ("route_job", "/Control-Queue", json!(null)),
        ("route_job", "/Won-At", json!("now")),
        ("held_execute", "/Version", json!(0)),
        ("held_execute", "/Execute", json!("an execute")),
        ("held_execute", "/Execute/Call", json!("a call")),
    ]
}

#[test]
fn a_message_with_a_wrong_value_is_refused() {
    let schemas = Schemas::embedded();
    let others = [
        ("callflow_action_execute", "/Call", json!("a call")),
        ("callflow_action_execute", "/Call/Caller-ID-Number", json!(1001)),
        ("callflow_action_execute", "/Call/Custom-Channel-Vars", json!([])),
        ("callflow_action_execute", "/Call/Key-Value-Store", json!("kvs")),
        ("callflow_action_execute", "/Call-ID", json!("")),
        ("callflow_action_execute", "/Data", json!("{}")),
        ("callflow_action_execute", "/Event-Name", json!("action.Execute")),
        ("callflow_action_execute", "/Msg-ID", json!(5)),
        ("callflow_action_accepted", "/Msg-ID", json!("")),
        ("callflow_action_result_continue", "/Result", json!("continue")),
        ("callflow_action_result_continue", "/Result", json!({"continue": true})),
        ("callflow_action_result_continue", "/Event-Category", json!("call")),
        ("call_event_DTMF", "/DTMF-Digit", json!(5)),
        ("call_event_CHANNEL_REPLACED", "/Replaced-By", json!(null)),
        ("call_event_CHANNEL_DESTROY", "/Custom-Channel-Vars", json!("ccvs")),
        ("call_event_CHANNEL_DESTROY", "/Event-Name", json!("")),
        ("call_event_CHANNEL_DIRECT", "/Connecting-Leg-B-UUID", json!({})),
        ("call_event_CHANNEL_EXECUTE_COMPLETE_noop", "/Application-Response", json!(1)),
        ("call_event_usurp_control", "/Fetch-ID", json!(null)),
        ("channel_status_req", "/Active-Only", json!("true")),
        ("channel_status_req", "/Server-ID", json!("")),
        ("channel_status_resp", "/Status", json!("gone")),
        ("error_dialplan", "/Request", json!("noop")),
        ("error_dialplan", "/Error-Message", json!(["oops"])),
        ("command_answer", "/Insert-At", json!("later")),
        ("command_answer", "/Application-Name", json!("play")),
        ("command_hangup_queued", "/Hangup-Cause", json!(21)),
        ("command_play", "/Media-Name", json!(null)),
        ("command_play", "/Terminators", json!(["10"])),
        ("command_play", "/Terminators", json!("#")),
        ("command_play", "/Endless-Playback", json!("false")),
        ("command_queue_play", "/Commands", json!({})),
        ("command_queue_play", "/Commands/0", json!("noop")),
        ("command_queue_play", "/Commands/0", json!({"Msg-ID": "1"})),
        ("command_queue_play", "/Commands/0", json!({"Application-Name": "play"})),
        (
            "command_queue_play",
            "/Commands/0",
            json!({"Application-Name": "set", "Custom-Call-Vars": {}}),
        ),
        ("command_queue_play", "/Commands/0", json!({"Application-Name": "respond"})),
        ("command_queue_play", "/Commands/0/Insert-At", json!("next")),
        ("command_set", "/Custom-Call-Vars", json!([])),
        ("command_set", "/Custom-Channel-Vars", json!(null)),
        ("command_set", "/Export-All", json!("true")),
        ("conf_doc_edited", "/Database", json!("")),
        ("conf_doc_edited", "/Event-Name", json!("doc_moved")),
        ("conf_doc_edited", "/Is-Soft-Deleted", json!("yes")),
        ("conf_doc_edited", "/ID", json!(5)),
    ];
    for (file, pointer, value) in others.into_iter().chain(wrong_on_the_route_seam()) {
        let mut message = example(file);
        let schema = schema_of(&message).unwrap();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = message.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[key] = value.clone(),
        }
        let violations = schemas.validate(schema, &message);
        assert!(!violations.is_empty(), "{file} with {value} at {pointer} passes");
        assert!(
            violations
                .iter()
                .any(|found| pointer.starts_with(&found.path) || found.path.starts_with(pointer)),
            "{file} {pointer}: {violations:?}"
        );
    }
}

#[test]
fn a_message_may_hold_what_lines_of_kazoo_write_differently() {
    let schemas = Schemas::embedded();
    for (file, key, value) in [
        ("callflow_action_execute", "Something-New", json!(5)),
        ("call_event_DTMF", "DTMF-Duration", json!(2000)),
        ("call_event_DTMF", "DTMF-Duration", json!("2000")),
        ("call_event_DTMF", "Timestamp", json!("63893456789")),
        ("channel_status_resp", "Event-Category", json!("channel")),
        ("conf_doc_edited", "Is-Soft-Deleted", json!("false")),
        ("conf_doc_edited", "Event-Name", json!("db_views_updated")),
        ("command_play", "Terminators", json!("none")),
        ("command_play", "Server-ID", json!("")),
        ("command_set", "Custom-Channel-Vars", json!({})),
        ("route_req", "From", json!("")),
        ("route_req", "Server-ID", json!("pid://<0.4111.0>/ecallmgr")),
        ("nodes_advertise", "WhApps", json!(["callflow"])),
        ("route_job", "Something-New", json!({"a": 1})),
    ] {
        let mut message = example(file);
        let schema = schema_of(&message).unwrap();
        message[key] = value;
        assert_eq!(schemas.validate(schema, &message), [], "{file} {key}");
    }
    let mut bare = example("error_dialplan");
    for key in ["Dialplan-Error", "Channel-State", "Channel-Call-State", "Request"] {
        bare.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(schemas.validate("kapi.dialplan.error", &bare), []);
}
