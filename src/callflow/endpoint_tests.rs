#![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

use serde_json::json;

use super::super::test_documents::{ACCOUNT, Map, Unreadable, account};
use super::*;

const CLASSIFIERS: [&str; 2] = ["did_us", "international"];

/// A document of the account, with the private fields KAZOO reads.
fn document(id: &str, kind: &str, members: Value) -> Value {
    let mut document = json!({"_id": id, "pvt_type": kind, "pvt_account_id": ACCOUNT,
        "pvt_account_db": "account%2Fc1%2Fd0%2F0000000000000000000000000001"});
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

fn restricting(action: &str) -> Value {
    json!({"call_restriction": {"did_us": {"action": action}}})
}

fn with(mut members: Value, more: Value) -> Value {
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

async fn read(documents: &Map, id: Option<&str>) -> EndpointRestrictions<Unreadable> {
    restrictions(documents, &account(), id, &CLASSIFIERS).await
}

async fn verdict_on_did(documents: Vec<Value>) -> Verdict {
    read(&Map::of(documents), Some("end")).await.verdict(Some("did_us"))
}

#[tokio::test]
async fn a_call_without_a_usable_endpoint_is_not_restricted() {
    let deny = || restricting("deny");
    let unreadable = NoEndpoint::Unreadable { id: "end".into(), error: Unreadable("end".into()) };
    for (documents, id, reason) in [
        (Map::of([]), None, NoEndpoint::NoId),
        (Map::of([]), Some(""), NoEndpoint::NoId),
        (Map::of([]), Some("end"), NoEndpoint::Missing("end".into())),
        (Map::of([]).unreadable("end"), Some("end"), unreadable),
        (
            Map::of([document("end", "vmbox", deny())]),
            Some("end"),
            NoEndpoint::WrongType { id: "end".into(), found: "vmbox".into() },
        ),
        (
            Map::of([json!({"_id": "end"})]),
            Some("end"),
            NoEndpoint::WrongType { id: "end".into(), found: String::new() },
        ),
        (
            Map::of([document("end", "device", with(deny(), json!({"enabled": false})))]),
            Some("end"),
            NoEndpoint::Disabled("end".into()),
        ),
        (
            Map::of([document("end", "user", with(deny(), json!({"_deleted": true})))]),
            Some("end"),
            NoEndpoint::Deleted("end".into()),
        ),
    ] {
        let read = read(&documents, id).await;
        assert_eq!(read.verdict(Some("did_us")), Verdict::Allowed);
        assert_eq!(read.dial_plan(), None);
        assert_eq!(read, EndpointRestrictions::None(reason));
    }
}

#[tokio::test]
async fn types_and_switches_are_read_as_kazoo_reads_them() {
    for (kind, members, restricted) in [
        ("device", json!({}), true),
        ("click2call", json!({}), true),
        ("conference", json!({}), true),
        ("user", json!({}), true),
        ("account", json!({}), true),
        ("device", json!({"enabled": "false"}), false),
        ("device", json!({"enabled": true}), true),
        ("device", json!({"enabled": 0}), true),
        ("device", json!({"enabled": null}), true),
        ("click2call", json!({"enabled": false}), false),
        ("account", json!({"enabled": false}), true),
        ("account", json!({"pvt_enabled": false}), false),
        ("account", json!({"pvt_enabled": "true"}), true),
        ("account", json!({"pvt_enabled": 1}), false),
        ("device", json!({"pvt_enabled": false}), true),
        ("device", json!({"pvt_deleted": "yes"}), true),
    ] {
        let end = document("end", kind, with(restricting("deny"), members.clone()));
        let expected = if restricted { Verdict::Denied } else { Verdict::Allowed };
        assert_eq!(verdict_on_did(vec![end]).await, expected, "{kind} {members}");
    }
}

#[tokio::test]
async fn account_owner_and_hotdesk_users_take_part() {
    let device =
        |action: &str, more: Value| document("end", "device", with(restricting(action), more));
    let user = |id: &str, action: &str| document(id, "user", restricting(action));
    let owned = || json!({"owner_id": "usr"});
    let desk = |users: Value| json!({"owner_id": "usr", "hotdesk": {"users": users}});
    for (documents, denied) in [
        (vec![device("inherit", owned())], false),
        (vec![device("inherit", owned()), user("usr", "deny")], true),
        (vec![device("deny", owned()), user("usr", "allow")], false),
        (vec![device("deny", owned())], true),
        (
            vec![device("inherit", json!({})), document(ACCOUNT, "account", restricting("deny"))],
            true,
        ),
        (vec![user("end", "inherit"), document(ACCOUNT, "account", restricting("deny"))], true),
        (vec![user("end", "deny")], true),
        // Who is logged on goes before the owner.
        (
            vec![
                device("deny", desk(json!({"u1": {}}))),
                user("usr", "deny"),
                user("u1", "inherit"),
            ],
            false,
        ),
        (vec![device("deny", desk(json!({"u1": {}}))), user("usr", "deny")], false),
        (vec![device("inherit", desk(json!({"u1": {}}))), user("u1", "deny")], true),
        (
            vec![
                device("inherit", desk(json!({"u1": {}, "u2": {}}))),
                user("u1", "deny"),
                user("u2", "deny"),
            ],
            true,
        ),
        (
            vec![
                device("deny", desk(json!({"u1": {}, "u2": {}}))),
                user("u1", "deny"),
                user("u2", "inherit"),
            ],
            false,
        ),
        (vec![device("allow", desk(json!({"u1": {}, "u2": {}}))), user("u1", "deny")], true),
        (vec![device("allow", desk(json!({"u1": {}, "u2": {}})))], true),
        (vec![device("inherit", desk(json!({}))), user("usr", "deny")], true),
        (vec![device("inherit", desk(json!("none"))), user("usr", "deny")], true),
    ] {
        let expected = if denied { Verdict::Denied } else { Verdict::Allowed };
        assert_eq!(verdict_on_did(documents.clone()).await, expected, "{documents:?}");
    }
}

#[tokio::test]
async fn documents_without_their_private_fields_have_no_owner_or_account() {
    let documents = |without: &str| {
        let mut device =
            document("end", "device", with(restricting("inherit"), json!({"owner_id": "usr"})));
        device.as_object_mut().unwrap().remove(without);
        let other =
            if without == "pvt_account_id" { (ACCOUNT, "account") } else { ("usr", "user") };
        vec![device, document(other.0, other.1, restricting("deny"))]
    };
    for without in ["pvt_account_id", "pvt_account_db"] {
        assert_eq!(verdict_on_did(documents(without)).await, Verdict::Allowed, "{without}");
    }
    for without in ["", "pvt_vsn"] {
        assert_eq!(verdict_on_did(documents(without)).await, Verdict::Denied, "{without}");
    }
}

#[tokio::test]
async fn owner_and_account_are_left_out_if_they_cannot_be_read() {
    let documents = || {
        Map::of([
            document(
                "end",
                "device",
                json!({"owner_id": "usr", "dial_plan": {"a": {"prefix": "1"}}}),
            ),
            document(
                "usr",
                "user",
                with(restricting("deny"), json!({"dial_plan": {"b": {"prefix": "2"}}})),
            ),
            document(ACCOUNT, "account", json!({"dial_plan": {"c": {"prefix": "3"}}})),
        ])
    };
    let allow = |plan: Value| json!({ "dial_plan": plan });
    let (a, b, c) = (json!({"prefix": "1"}), json!({"prefix": "2"}), json!({"prefix": "3"}));
    assert_eq!(
        read(&documents(), Some("end")).await,
        EndpointRestrictions::Merged(with(
            restricting("deny"),
            allow(json!({"c": c, "a": a, "b": b}))
        ))
    );
    assert_eq!(
        read(&documents().unreadable("usr"), Some("end")).await,
        EndpointRestrictions::Merged(allow(json!({"c": c, "a": a})))
    );
    assert_eq!(
        read(&documents().unreadable(ACCOUNT), Some("end")).await,
        EndpointRestrictions::Merged(with(restricting("deny"), allow(json!({"a": a, "b": b}))))
    );
}

#[tokio::test]
async fn what_kazoo_dies_of_is_told_with_the_merge_it_would_be_otherwise() {
    let device = document("end", "device", json!({"hotdesk": "none", "owner_id": "usr"}));
    let user = document("usr", "user", restricting("deny"));
    let read = read(&Map::of([device, user]), Some("end")).await;
    let Verdict::Broken(reason) = read.verdict(None) else { panic!("{read:?}") };
    assert_eq!(
        reason,
        "`hotdesk` of the endpoint `end` is \"none\", of which KAZOO dies when it merges the endpoint: \
         make it an object or remove it"
    );
    let EndpointRestrictions::Broken { otherwise, .. } = &read else { panic!("{read:?}") };
    assert_eq!(restrictions::verdict(otherwise, Some("did_us")), Verdict::Denied);
    assert!(read.dial_plan().is_some());
}

#[tokio::test]
async fn the_recorded_devices_answer_as_recorded() {
    let documents = Map::recorded();
    for (id, expected) in [("dev1", Verdict::Allowed), ("dev2", Verdict::Denied)] {
        let read = read(&documents, Some(id)).await;
        assert_eq!(read.verdict(Some("did_us")), expected, "{id}");
        assert!(read.dial_plan().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_user_is_endpoint_and_owner_in_one() {
    let beyond = json!({"call_restriction": {"closed_groups": {"action": "deny"}}});
    let user = document("end", "user", beyond.clone());
    assert_eq!(
        read(&Map::of([user]), Some("end")).await,
        EndpointRestrictions::Merged(with(beyond, json!({"dial_plan": {}}))),
        "what no classifier names is kept, as of any endpoint"
    );
    let user = document("end", "user", json!({"call_restriction": "none"}));
    let read = read(&Map::of([user]), Some("end")).await;
    let EndpointRestrictions::Broken { reason, .. } = &read else { panic!("{read:?}") };
    assert!(reason.to_string().contains("of the owner `end`"), "{reason}");
}
