use serde_json::json;

use super::super::tests::{call, document, documents, ready, with};
use super::*;
use crate::callflow::test_documents::{ACCOUNT, Map};

/// A device with both caller ids.
fn both() -> Value {
    json!({"caller_id": {"internal": {"number": "3003", "name": "Int"},
        "external": {"number": "+14155553333", "name": "Ext"}}})
}

/// Number and name with which a call goes on; they are the same in the `set` and in the call.
async fn shown(documents: &Map, members: Value) -> (String, String) {
    let (call, set, _) = ready(documents, call(members)).await;
    for key in [NUMBER, NAME] {
        assert_eq!(call.text(key).unwrap(), set[key], "{set}");
        assert_eq!(call.channel_variables().unwrap()[key], set[key]);
    }
    (call.text(NUMBER).unwrap(), call.text(NAME).unwrap())
}

#[tokio::test]
async fn the_caller_id_depends_on_where_the_call_comes_from() {
    let sip = ("+15142221111", "Sip");
    let from = |variables: Value| json!({"Inception": "x", "Custom-Channel-Vars": variables});
    for (device, members, expected) in [
        (json!({}), json!({}), sip),
        (both(), json!({}), ("3003", "Int")),
        (both(), from(json!({})), sip),
        (both(), from(json!({"Call-Forward": true})), ("+14155553333", "Ext")),
        (both(), from(json!({"Call-Forward": "true", "Retain-CID": "true"})), sip),
        (both(), json!({"Custom-Channel-Vars": {"Retain-CID": true}}), sip),
        (json!({"caller_id": {"internal": {"name": "Int"}}}), json!({}), ("+15142221111", "Int")),
        (json!({"caller_id": {"internal": {"number": 3003}}}), json!({}), ("3003", "Sip")),
        (json!({"caller_id": {"internal": {"number": "0"}}}), json!({}), sip),
        (json!({"default": {"number": "777", "name": "Def"}}), json!({}), ("777", "Def")),
        (with(both(), json!({"default": {"number": "777"}})), json!({}), ("3003", "Int")),
        (both(), json!({"Authorizing-ID": "nobody"}), sip),
    ] {
        let (number, name) = shown(&documents(device.clone(), json!({})), members.clone()).await;
        assert_eq!((number.as_str(), name.as_str()), expected, "{device} {members}");
    }
}

#[tokio::test]
async fn the_store_may_replace_and_complete_it() {
    let stored = |store: Value| json!({ "Key-Value-Store": store });
    let outside = json!({"Inception": "x"});
    let formats = json!({"caller_id_options": {"format": {"all": {"regex": "(\\d)$"}}}});
    for (device, members, expected) in [
        (both(), stored(json!({"dynamic_cid": "1888"})), ("1888", "Sip")),
        (
            both(),
            with(stored(json!({"dynamic_cid": "1888"})), outside.clone()),
            ("+15142221111", "Sip"),
        ),
        (
            both(),
            with(
                stored(json!({"dynamic_cid": "1888", "force_dynamic_cid": true})),
                outside.clone(),
            ),
            ("1888", "Sip"),
        ),
        (
            both(),
            with(stored(json!({"dynamic_cid": "1888", "force_dynamic_cid": "false"})), outside),
            ("+15142221111", "Sip"),
        ),
        (both(), stored(json!({"prepend_cid_number": "0000"})), ("00003003", "Int")),
        (json!({}), stored(json!({"prepend_cid_number": 9})), ("9+15142221111", "Sip")),
        (with(both(), formats), stored(json!({"prepend_cid_number": "9"})), ("93003", "Int")),
        (both(), stored(json!({"prepend_cid_name": "PRE "})), ("3003", "Int")),
        (
            both(),
            stored(json!({"rewrite_cid_number": "1777", "rewrite_cid_name": "New",
                "prepend_cid_number": "9"})),
            ("1777", "New"),
        ),
    ] {
        let (number, name) = shown(&documents(device, json!({})), members.clone()).await;
        assert_eq!((number.as_str(), name.as_str()), expected, "{members}");
    }
}

#[tokio::test]
async fn numbers_are_written_as_the_endpoint_formats_them() {
    let format = |rules: Value| json!({"caller_id_options": {"format": rules}});
    let internal = json!({"caller_id": {"internal": {"number": "5145550000"}}});
    let to_four = || json!({"regex": "(\\d{4})$", "prefix": "8", "suffix": "#"});
    for (device, number) in [
        (format(json!({"did_us": to_four()})), "81111#"),
        (format(json!({"all": to_four()})), "81111#"),
        (format(json!({"unknown": to_four()})), "+15142221111"),
        (format(json!({"did_us": {}, "all": to_four()})), "81111#"),
        (format(json!({"did_us": {"prefix": "9"}, "all": to_four()})), "+15142221111"),
        (with(internal, format(json!({"did_us": {"regex": "^\\+1(\\d+)$"}}))), "5145550000"),
        (format(json!({"all": {"regex": "(\\d{4})$", "prefix": "0"}})), "1111"),
        (format(json!({"all": {"regex": "\\d{4}$", "prefix": "8"}})), "+15142221111"),
        (format(json!({"all": {"regex": "(9)?1$", "prefix": "8"}})), "+15142221111"),
        (format(json!({"all": {"regex": "(", "prefix": "8"}})), "+15142221111"),
    ] {
        let (shown, _) = shown(&documents(device.clone(), json!({})), json!({})).await;
        assert_eq!(shown, number, "{device}");
    }
}

#[tokio::test]
async fn a_presence_id_stands_in_for_an_absent_internal_number() {
    let user = |id: &str, presence: &str| document(id, "user", json!({"presence_id": presence}));
    for (device, users, members, number) in [
        (json!({"presence_id": "2001@x.y"}), vec![], json!({}), "2001"),
        (json!({"presence_id": "2001"}), vec![], json!({}), "2001"),
        (json!({"sip": {"username": "u"}}), vec![], json!({}), "+15142221111"),
        (
            json!({"presence_id": "2001"}),
            vec![],
            json!({"Inception": "x",
            "Custom-Channel-Vars": {"Call-Forward": true}}),
            "+15142221111",
        ),
        (
            json!({"presence_id": "2001", "owner_id": "usr"}),
            vec![user("usr", "2002")],
            json!({}),
            "2002",
        ),
        (json!({"presence_id": "2001", "owner_id": "usr"}), vec![], json!({}), "2001"),
        (
            json!({"hotdesk": {"users": {"u1": {}, "u2": {}}}}),
            vec![user("u1", ""), user("u2", "2004")],
            json!({}),
            "2004",
        ),
    ] {
        let mut documents = documents(device.clone(), json!({}));
        documents.documents.extend(Map::of(users).documents);
        let (shown, _) = shown(&documents, members).await;
        assert_eq!(shown, number, "{device}");
    }
    // A user's endpoint does not know its account, and KAZOO dies of a presence id without realm.
    let user = document("dev", "user", json!({"presence_id": "2001"}));
    let documents = Map::of([user, document(ACCOUNT, "account", json!({"realm": "a.b"}))]);
    let (call, _, remarks) = ready(&documents, call(json!({}))).await;
    assert_eq!(call.text(NUMBER).as_deref(), Some("2001"));
    assert!(remarks[0].starts_with("presence id `2001` has no realm"), "{remarks:?}");
}

#[tokio::test]
async fn a_caller_without_number_and_name_is_called_by_the_account_or_the_system() {
    let own = [
        json!({"_id": "configs_privacy", "default_privacy_number": "hidden"}),
        json!({"_id": "configs_call_command", "unknown_cid_name": "Mystery"}),
    ];
    let absent = json!({"Caller-ID-Number": null, "Caller-ID-Name": null});
    let empty = json!({"Caller-ID-Number": "", "Caller-ID-Name": "0"});
    for (members, configured, expected) in [
        (absent.clone(), true, ("anonymous", "unknown")),
        (empty.clone(), true, ("hidden", "Mystery")),
        (empty, false, ("anonymous", "unknown")),
    ] {
        let mut documents = documents(json!({}), json!({}));
        if configured {
            documents.documents.extend(Map::of(own.clone()).documents);
        }
        let mut caller = call(members.clone()).into_object();
        caller.retain(|_, value| !value.is_null());
        let (call, _, _) = ready(&documents, Call::new(caller)).await;
        let shown = (call.text(NUMBER).unwrap(), call.text(NAME).unwrap());
        assert_eq!((shown.0.as_str(), shown.1.as_str()), expected, "{members}");
    }
}

#[tokio::test]
async fn a_caller_without_number_and_name_is_called_so_even_if_rewritten_to_nothing() {
    let store = json!({"rewrite_cid_number": "", "rewrite_cid_name": ""});
    let mut caller = call(json!({ "Key-Value-Store": store })).into_object();
    for key in [NUMBER, NAME] {
        caller.shift_remove(key);
    }
    let (call, _, _) = ready(&documents(both(), json!({})), Call::new(caller)).await;
    assert_eq!(call.text(NUMBER).as_deref(), Some("anonymous"));
    assert_eq!(call.text(NAME).as_deref(), Some("unknown"));
}

#[tokio::test]
async fn a_caller_id_that_kazoo_would_look_up_is_told() {
    let settings = BootstrapSettings { ensure_valid_caller_id: true, ..Default::default() };
    let outside = |variables: Value| json!({"Inception": "x", "Custom-Channel-Vars": variables});
    for (members, told) in [
        (json!({}), false),
        (outside(json!({})), false),
        (outside(json!({"Call-Forward": true})), true),
        (outside(json!({"Call-Forward": true, "Retain-CID": true})), false),
        (with(outside(json!({})), json!({"Key-Value-Store": {"force_dynamic_cid": true}})), true),
    ] {
        let call = call(members.clone());
        assert_eq!(needs_number_database(&call, &settings), told, "{members}");
        assert!(!needs_number_database(&call, &BootstrapSettings::default()));
        let documents = documents(both(), json!({}));
        let bootstrapped = super::super::tests::run(&documents, call, &settings).await;
        let super::super::Bootstrapped::Ready { remarks, .. } = bootstrapped else { panic!() };
        assert_eq!(remarks.contains(&Remark::Unverified), told, "{members}");
    }
}
