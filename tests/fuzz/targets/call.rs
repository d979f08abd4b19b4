//! The Call JSON: kept whole, whatever it is.

use serde_json::Value;

use kazoo_dynamic_cid::call::{Call, Destination, Packed};
use kazoo_dynamic_cid::json::{self, LazyObject, Object};
use kazoo_dynamic_cid::kapi::ActionResult;
use kazoo_dynamic_cid::kapi::inbound::DecodeLimits;

/// One JSON object is the call; where it has members `Request` and `Win`, these are the two
/// messages that a call of KAZOO 4.3 begins with.
pub fn run(data: &[u8]) {
    // As deep as a message may be of which it is a part.
    let deepest = DecodeLimits::default().max_depth;
    let Ok(Value::Object(object)) = serde_json::from_slice(data) else { return };
    if depth(&Value::Object(object.clone())) > deepest {
        return;
    }
    let unread: LazyObject = serde_json::from_slice(data).expect("an object is one, read or not");
    // As it comes from KAZOO, and as somebody has changed it.
    for call in [Call::new(unread), Call::new(object.clone())] {
        assert!(object.iter().all(|(key, value)| call.get(key) == Some(value)));
        assert_eq!(text(&call), Value::Object(object.clone()).to_string());
        packed(&call);
        accessors(&call);
        changed(&call);
    }
    routed(&object);
    let result = ActionResult::ContinueWithFlow(object);
    assert_eq!(ActionResult::from_readable(&result.clone().into_readable()), Some(result.clone()));
    assert!(!result.term().as_bytes().is_empty());
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The object as text, which tells the order of members and the spelling of numbers.
fn text(call: &Call) -> String {
    Value::Object(call.to_object().into_owned()).to_string()
}

/// A call that was put away comes back as it was, in the same order.
fn packed(call: &Call) {
    let mut away = call.clone();
    let parcel = Packed::new(&mut away);
    assert!(away.to_object().is_empty());
    parcel.restore(&mut away);
    assert_eq!(&away, call);
    assert_eq!(text(&away), text(call));
}

/// What is read is never empty where emptiness means absence.
fn accessors(call: &Call) {
    let found = [
        call.call_id(),
        call.account_id(),
        call.fetch_id(),
        call.authorizing_id(),
        call.dialling_endpoint_id(),
        call.authorizing_type(),
        call.inception(),
        call.capture_group().map(str::to_owned),
        Some(call.request_realm()),
        Some(call.to_realm()),
    ];
    let _ = call.request_user();
    // The realm behind the last `@` may be empty, as it is to KAZOO.
    assert!(found.iter().take(8).flatten().all(|text| !text.is_empty()), "{found:?}");
}

/// A change is there afterwards, and everything that it does not concern is as before.
fn changed(call: &Call) {
    const CHANGED: [&str; 11] = [
        "Caller-ID-Number",
        "Caller-ID-Name",
        "Key-Value-Store",
        "Request",
        "Request-User",
        "Request-Realm",
        "To",
        "To-User",
        "To-Realm",
        "Callee-ID-Number",
        "Call-ID",
    ];
    let mut after = call.clone();
    let realms = (call.request_realm(), call.to_realm());
    after.set_caller_id_number("15551234567");
    after.set_caller_id_name("Name");
    after.set_destination(&Destination { number: "5551".into(), request_user: "+1514".into() });
    after.set_call_id("call@host");
    let others = |call: &Call| -> Vec<(String, Value)> {
        let members = call.to_object().into_owned().into_iter();
        members.filter(|(key, _)| !CHANGED.contains(&key.as_str())).collect()
    };
    assert_eq!(others(&after), others(call));
    assert_eq!(after.text("Caller-ID-Number").as_deref(), Some("15551234567"));
    assert_eq!(after.kvs("dynamic_cid"), Some(&Value::from("15551234567")));
    assert_eq!(after.request_user(), "+1514");
    assert_eq!(after.call_id().as_deref(), Some("call@host"));
    // An empty realm is written as the end of the address, and read as none from its field.
    let kept = |realm: &str, found: String| realm.is_empty() || realm == found;
    assert!(kept(&realms.0, after.request_realm()) && kept(&realms.1, after.to_realm()));

    let store_before = call.get("Key-Value-Store").and_then(Value::as_object).cloned();
    after.remove_kvs("dynamic_cid");
    let mut store_before = store_before.unwrap_or_default();
    store_before.shift_remove("dynamic_cid");
    let store_after = after.get("Key-Value-Store").and_then(Value::as_object).cloned();
    assert_eq!(store_after.unwrap_or_default(), store_before);

    let variables = call.channel_variables().cloned().unwrap_or_default();
    let mut same = call.clone();
    let sent = same.set_channel_variables(&variables);
    // KAZOO repeats the privacy flags in any case.
    assert!(sent.keys().all(|key| key.starts_with("Privacy-Hide-")), "{sent:?}");
}

/// A route request begins a call, or is one that KAZOO dies of; a win adds to it.
fn routed(object: &Object) {
    let nothing = Object::new();
    let request = json::object(object, "Request").unwrap_or(object);
    let win = json::object(object, "Win").unwrap_or(&nothing);
    let Ok(mut call) = Call::from_route_req(request, |number| format!("+{number}")) else { return };
    assert!(!call.request_user().is_empty());
    call.apply_route_win(win);
    // What meets a value of another kind is taken as it stands, and tidied when it meets itself.
    call.apply_route_win(win);
    let again = call.clone();
    call.apply_route_win(win);
    assert_eq!(text(&call), text(&again), "the same win once more");
    packed(&call);
}
