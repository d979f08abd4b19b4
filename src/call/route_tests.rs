use serde_json::json;

use super::*;

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

/// A request with everything the call takes, and members that it does not.
fn request() -> Object {
    object(json!({
        "Event-Category": "dialplan", "Event-Name": "route_req", "Msg-ID": "m", "Server-ID": "q",
        "Call-ID": "c@h", "From": "dev1@a.b", "To": "5551234@c.d", "Request": "5551234@e.f",
        "Caller-ID-Name": "Name", "Caller-ID-Number": "+1514", "Callee-ID-Name": "",
        "Context": "context_2", "Resource-Type": "audio", "Call-Direction": "outbound",
        "From-Tag": "ft", "To-Tag": "tt", "Origination-Call-ID": "o@h", "Prepend-CID-Name": "PRE ",
        "Switch-Hostname": "fs1", "Switch-Nodename": "freeswitch@fs1", "Switch-URI": "sip:1",
        "Switch-URL": "sip:mod_sofia@1", "App-Name": "ecallmgr", "App-Version": "9", "Node": "e@h",
        "Custom-Channel-Vars": {"Account-ID": "12345678901234567890123456789012",
            "Authorizing-ID": "dev1", "Authorizing-Type": "device", "Bridge-ID": "b",
            "Fetch-ID": "f", "Inception": "i", "Owner-ID": "o", "Call-Forward": "true", "Null": null},
        "Custom-Application-Vars": {"x": 1}, "Custom-SIP-Headers": {"X-Y": "z"},
    }))
}

fn call(request: &Object) -> Call {
    Call::from_route_req(request, |number| format!("+1{number}")).unwrap()
}

#[test]
fn a_route_request_becomes_kazoos_call() {
    assert_eq!(
        json!(call(&request()).to_object()),
        json!({
            "Key-Value-Store": {"prepend_cid_name": "PRE "},
            "Account-DB": "account%2F12%2F34%2F5678901234567890123456789012",
            "Account-ID": "12345678901234567890123456789012",
            "Authorizing-ID": "dev1", "Authorizing-Type": "device", "Bridge-ID": "b",
            "Call-Bridged": false, "Call-Direction": "outbound", "Call-ID": "c@h",
            "Callee-ID-Number": "5551234", "Caller-ID-Name": "Name", "Caller-ID-Number": "+1514",
            "Custom-Application-Vars": {"x": 1}, "Custom-SIP-Headers": {"X-Y": "z"},
            "Custom-Channel-Vars": {"Account-ID": "12345678901234567890123456789012",
                "Authorizing-ID": "dev1", "Authorizing-Type": "device", "Bridge-ID": "b",
                "Fetch-ID": "f", "Inception": "i", "Owner-ID": "o", "Call-Forward": "true"},
            "Fetch-ID": "f", "From": "dev1@a.b", "From-Realm": "a.b", "From-Tag": "ft",
            "From-User": "dev1", "Inception": "i", "Is-Recording": false, "Is-Call-Forward": true,
            "Message-Left": false, "Owner-ID": "o", "Request": "5551234@e.f",
            "Request-Realm": "e.f", "Request-User": "+15551234", "Resource-Type": "audio",
            "Switch-Hostname": "fs1", "Switch-Nodename": "freeswitch@fs1", "Switch-URI": "sip:1",
            "Switch-URL": "sip:mod_sofia@1", "To": "5551234@c.d", "To-Realm": "c.d",
            "To-Tag": "tt", "To-User": "5551234", "App-Name": "callflow", "App-Version": "4.0.0",
            "Context": "context_2", "Origination-Call-ID": "o@h",
        })
    );
}

#[test]
fn an_empty_request_makes_a_call_of_defaults() {
    assert_eq!(
        json!(call(&Object::new()).to_object()),
        json!({
            "Key-Value-Store": {}, "Call-Bridged": false, "Call-Direction": "inbound",
            "Callee-ID-Number": "nouser", "Custom-Application-Vars": {},
            "Custom-Channel-Vars": {}, "Custom-SIP-Headers": {}, "From": "nouser@norealm",
            "From-Realm": "norealm", "From-User": "nouser", "Is-Recording": false,
            "Is-Call-Forward": false, "Message-Left": false, "Request": "nouser@norealm",
            "Request-Realm": "norealm", "Request-User": "+1nouser", "To": "nouser@norealm",
            "To-Realm": "norealm", "To-User": "nouser", "App-Name": "callflow",
            "App-Version": "4.0.0",
        })
    );
}

#[test]
fn members_are_read_as_kazoo_reads_them() {
    for (members, key, read) in [
        (json!({"Request": "*201@e.f"}), "Request-User", json!("*201")),
        (json!({"Request": "1@e@f"}), "Request-Realm", json!("e@f")),
        (json!({"To": "@c.d"}), "To-User", json!(null)),
        (json!({"Callee-ID-Number": 5}), "Callee-ID-Number", json!("5")),
        (json!({"Callee-ID-Number": ""}), "Callee-ID-Number", json!(null)),
        (json!({"Caller-ID-Number": ""}), "Caller-ID-Number", json!("")),
        (json!({"Caller-ID-Name": 5}), "Caller-ID-Name", json!("5")),
        (json!({"Custom-Channel-Vars": "x"}), "Custom-Channel-Vars", json!({})),
        (json!({"Custom-Channel-Vars": {"Account-ID": "a"}}), "Account-DB", json!("a")),
    ] {
        let mut request = request();
        request.extend(object(members.clone()));
        let call = call(&request);
        assert_eq!(call.get(key).unwrap_or(&Value::Null), &read, "{members}");
    }
}

#[test]
fn a_request_kazoo_dies_of_names_its_field() {
    for (members, message) in [
        (json!({"To": "x"}), "`To` of the route request is `x`, not user@realm"),
        (json!({"From": "x"}), "`From` of the route request is `x`, not user@realm"),
        (json!({"Request": 5}), "`Request` of the route request is `5`, not user@realm"),
        (
            json!({"Request": "@e.f"}),
            "`Request` of the route request is `@e.f`, without a number before its realm",
        ),
    ] {
        let mut request = request();
        request.extend(object(members));
        let error = Call::from_route_req(&request, str::to_owned).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_route_win_changes_what_it_names() {
    let mut won = call(&request());
    let before = won.clone();
    won.apply_route_win(&object(json!({
        "Call-ID": "d@h", "Control-Queue": "ctl", "Switch-Hostname": "other", "Msg-ID": "m",
        "Custom-Channel-Vars": {"Account-ID": "other", "Authorizing-ID": "dev2", "Owner-ID": "",
            "Fetch-ID": null, "New": "1"},
        "Custom-Application-Vars": {"y": 2}, "Custom-SIP-Headers": {"X-Y": "w"},
    })));
    let changed: Object = won
        .to_object()
        .iter()
        .filter(|(key, value)| before.get(key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    assert_eq!(
        json!(changed),
        json!({
            "Call-ID": "d@h", "Control-Queue": "ctl", "Authorizing-ID": "dev2",
            "Custom-Channel-Vars": {"Account-ID": "other", "Authorizing-ID": "dev2",
                "Authorizing-Type": "device", "Bridge-ID": "b", "Inception": "i", "Owner-ID": "",
                "Call-Forward": "true", "New": "1"},
            "Custom-Application-Vars": {"x": 1, "y": 2}, "Custom-SIP-Headers": {"X-Y": "w"},
        })
    );
}

#[test]
fn a_win_may_name_the_account_and_forget_the_queue() {
    let mut won = call(&object(json!({})));
    let account = "12345678901234567890123456789012";
    let named = json!({"Control-Queue": "ctl", "Custom-Channel-Vars": {"Account-ID": account}});
    won.apply_route_win(&object(named));
    assert_eq!(won.account_id().as_deref(), Some(account));
    let database = "account%2F12%2F34%2F5678901234567890123456789012";
    assert_eq!(won.text("Account-DB").as_deref(), Some(database));
    assert_eq!(won.text("Control-Queue").as_deref(), Some("ctl"));
    won.apply_route_win(&Object::new());
    assert_eq!(won.text("Control-Queue"), None);
}
