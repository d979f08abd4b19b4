use serde_json::json;

use super::super::tests::{call, document};
use super::*;
use crate::callflow::test_documents::{Map, Unreadable, account};

/// Devices that register as `one`, and two of them as `two`.
fn devices() -> Map {
    let device = |id: &str, username: &str| {
        let sip = json!({"sip": {"username": username, "method": "password"}});
        document(id, "device", sip)
    };
    Map::of([device("a", "one"), device("b", "two"), device("c", "two")])
}

fn variables(variables: Value) -> Call {
    call(json!({"Authorizing-Type": "resource", "Custom-Channel-Vars": variables}))
}

#[tokio::test]
async fn a_transferred_call_is_restricted_by_who_transferred_it() {
    for (contact, restricted_by, still_authorized) in [
        (json!("<sip:one@a.b>"), Some("a"), true),
        (json!("sip:one@a.b"), Some("a"), true),
        (json!("\"sip:x@y\" <sip:one@a.b;transport=tcp>"), Some("a"), true),
        (json!("<sip:two@a.b>"), None, false),
        (json!("<sip:nobody@a.b>"), None, false),
        (json!("<sip:one>"), None, true),
        (json!("one@a.b"), None, true),
        (json!(5), None, true),
        (json!(null), None, true),
    ] {
        for key in BY {
            let mut call = variables(json!({"Authorizing-ID": "dev", key: contact}));
            transferred(&devices(), &account(), &mut call).await.unwrap();
            let restricted = call.kvs(RESTRICTED_ENDPOINT).and_then(Value::as_str);
            assert_eq!(restricted, restricted_by, "{key} {contact}");
            assert_eq!(call.authorizing_id().is_some(), still_authorized, "{key} {contact}");
        }
    }
}

#[tokio::test]
async fn a_lookup_that_fails_leaves_the_call_to_kazoo() {
    let documents = devices().unreadable("sip_username one");
    let mut call = variables(json!({"Referred-By": "<sip:one@a.b>"}));
    let failed = Unreadable("sip_username one".into());
    let transferred = transferred(&documents, &account(), &mut call).await;
    assert_eq!(transferred, Err(failed.clone()));
    let settings = BootstrapSettings::default();
    let allowed = allow_no_match(&documents, &account(), &call, &settings).await;
    assert_eq!(allowed, Err(failed));
}

#[tokio::test]
async fn no_match_takes_calls_of_the_accounts_own() {
    let settings =
        BootstrapSettings { authz_contexts: vec!["trusted".to_owned()], ..Default::default() };
    for (members, allowed) in [
        (json!({}), false),
        (json!({"Authorizing-Type": "device"}), true),
        (json!({"Authorizing-Type": "resource"}), false),
        (json!({"Authorizing-Type": "sys_info"}), false),
        (json!({"Context": "trusted"}), true),
        (json!({"Context": "context_2"}), false),
        (json!({"Custom-Channel-Vars": {"Referred-By": "<sip:one@a.b>"}}), true),
        (json!({"Custom-Channel-Vars": {"Redirected-By": "<sip:one@a.b>"}}), true),
        (json!({"Custom-Channel-Vars": {"Redirected-By": "<sip:two@a.b>"}}), false),
    ] {
        let allow = allow_no_match(&devices(), &account(), &call(members.clone()), &settings).await;
        assert_eq!(allow, Ok(allowed), "{members}");
    }
}

#[test]
fn a_call_says_whether_somebody_transferred_it() {
    assert!(!is_transferred(&call(json!({}))));
    assert!(!is_transferred(&variables(json!({"Authorizing-ID": "dev"}))));
    for key in BY {
        assert!(is_transferred(&variables(json!({key: "<sip:nobody@a.b>"}))), "{key}");
    }
}
