use serde_json::json;

use super::super::tests::{document, with};
use super::*;
use crate::callflow::test_documents::{ACCOUNT, Map, Unreadable, account};
use crate::callflow::{EndpointRestrictions, Verdict};

const CLASSIFIERS: [&str; 2] = ["did_us", "international"];

async fn read(documents: Vec<Value>) -> Result<MergedEndpoint, NoEndpoint<Unreadable>> {
    endpoint(&Map::of(documents), &account(), Some("end"), &CLASSIFIERS).await
}

/// The members that are merged, of device, owner `usr` and account.
async fn merged(device: Value, owner: Value, of_account: Value) -> Object {
    let documents = vec![
        document("end", "device", with(json!({"owner_id": "usr"}), device)),
        document("usr", "user", owner),
        document(ACCOUNT, "account", of_account),
    ];
    let endpoint = read(documents).await.unwrap();
    assert_eq!(endpoint.misshapen(), None);
    endpoint.members().clone()
}

#[tokio::test]
async fn only_endpoints_that_are_switched_on_are_used() {
    for (kind, members, used) in [
        ("device", json!({}), true),
        ("click2call", json!({}), true),
        ("conference", json!({}), true),
        ("vmbox", json!({}), false),
        ("device", json!({"enabled": "false"}), false),
        ("device", json!({"enabled": 0}), true),
        ("user", json!({"enabled": true}), true),
        ("user", json!({"enabled": 0}), false),
        ("user", json!({"enabled": null}), false),
        ("account", json!({"enabled": false}), false),
        ("account", json!({"pvt_enabled": "false"}), false),
        ("account", json!({"enabled": 0, "pvt_enabled": 0}), true),
        ("device", json!({"pvt_deleted": true}), false),
    ] {
        let read = read(vec![document("end", kind, members.clone())]).await;
        assert_eq!(read.is_ok(), used, "{kind} {members}");
    }
    let none = endpoint(&Map::of([]), &account(), None, &CLASSIFIERS).await;
    assert_eq!(none, Err(NoEndpoint::NoId));
    let unreadable = Map::of([]).unreadable("end");
    let error = endpoint(&unreadable, &account(), Some("end"), &CLASSIFIERS).await.unwrap_err();
    assert!(matches!(error, NoEndpoint::Unreadable { .. }));
}

#[tokio::test]
async fn caller_ids_are_merged_in_the_order_the_account_wants() {
    let internal = |number: &str| json!({"caller_id": {"internal": {"number": number}}});
    let prefers = |value: Value| with(internal("1"), json!({"prefer_device_caller_id": value}));
    for (device, owner, of_account, number) in [
        (internal("2"), internal("3"), internal("1"), "3"),
        (internal("2"), json!({}), internal("1"), "2"),
        (internal(""), internal("0"), internal("1"), "1"),
        (internal("2"), internal("3"), prefers(json!(true)), "2"),
        (internal("2"), internal("3"), prefers(json!("yes")), "3"),
        (json!({}), internal("3"), prefers(json!("true")), "3"),
    ] {
        let members = merged(device.clone(), owner.clone(), of_account.clone()).await;
        let merged = &members["caller_id"]["internal"]["number"];
        assert_eq!(merged, number, "{device} {owner} {of_account}");
    }
}

#[tokio::test]
async fn a_devices_emergency_caller_id_goes_before_its_owners() {
    let emergency =
        |number: &str| json!({"caller_id": {"emergency": {"number": number, "name": number}}});
    for (device, owner, merged_id) in [
        (emergency("2"), emergency("3"), json!({"number": "2", "name": "2"})),
        (json!({}), emergency("3"), json!({"number": "3", "name": "3"})),
        (
            json!({"caller_id": {"emergency": {"name": "D"}}}),
            emergency("3"),
            json!({"number": "3", "name": "D"}),
        ),
    ] {
        let members = merged(device.clone(), owner, emergency("1")).await;
        assert_eq!(members["caller_id"]["emergency"], merged_id, "{device}");
    }
}

#[tokio::test]
async fn an_owner_without_internal_name_is_called_by_their_own() {
    for (owner, name) in [
        (json!({"first_name": "Ann", "last_name": "Lee"}), json!("Ann Lee")),
        (json!({"first_name": "Ann"}), json!("Ann")),
        (json!({"first_name": "", "last_name": "Lee"}), json!("Lee")),
        (json!({"first_name": "Ann", "caller_id": {"internal": {"name": "A"}}}), json!("A")),
        (json!({"first_name": "Ann", "caller_id": "x"}), json!("Ann")),
        (json!({}), json!("Dev")),
    ] {
        let device = json!({"caller_id": {"internal": {"name": "Dev"}}});
        let members = merged(device, owner.clone(), json!({})).await;
        assert_eq!(members["caller_id"]["internal"]["name"], name, "{owner}");
    }
}

#[tokio::test]
async fn owner_device_and_account_come_in_this_order() {
    for (device, owner, of_account, language) in [
        (json!("de"), json!("fr"), json!("es"), json!("fr")),
        (json!("de"), json!(""), json!("es"), json!("")),
        (json!("de"), json!(null), json!("es"), json!(null)),
    ] {
        let of = |language: &Value| json!({"language": language, "presence_id": language});
        let members = merged(of(&device), of(&owner), of(&of_account)).await;
        let read = members.get("language").cloned().unwrap_or_default();
        assert_eq!((&read, members.get("presence_id")), (&language, members.get("language")));
    }
    let of = |key: &str, value: &str| json!({"music_on_hold": {key: value}, "caller_id_options": {key: value}});
    let members = merged(of("media_id", "dev"), of("media_id", ""), of("x", "acc")).await;
    for key in ["music_on_hold", "caller_id_options"] {
        assert_eq!(members[key], json!({"x": "acc", "media_id": "dev"}));
    }
}

#[tokio::test]
async fn a_device_keeps_its_own_members_and_others_do_not() {
    let own = || {
        json!({"services": {}, "media": {}, "name": "n", "language": "de",
        "call_restriction": {"closed_groups": {"action": "deny"}, "did_us": {"action": "deny"}}})
    };
    for (kind, keys) in [
        (
            "device",
            "_id pvt_type pvt_account_id pvt_account_db services media name language call_restriction dial_plan caller_id caller_id_options music_on_hold",
        ),
        ("user", "call_restriction dial_plan caller_id caller_id_options music_on_hold language"),
        (
            "account",
            "call_restriction dial_plan caller_id caller_id_options music_on_hold language",
        ),
    ] {
        let endpoint = read(vec![document("end", kind, own())]).await.unwrap();
        let members: Vec<_> = endpoint.members().keys().map(String::as_str).collect();
        assert_eq!(members.join(" "), keys, "{kind}");
        let groups = endpoint.members()["call_restriction"].get("closed_groups").is_some();
        assert_eq!(groups, kind == "device", "{kind}");
        assert_eq!(endpoint.owner_id(), None);
        let EndpointRestrictions::Merged(restrictions) = endpoint.restrictions::<Unreadable>()
        else {
            panic!("{kind}")
        };
        assert_eq!(crate::callflow::verdict(&restrictions, Some("did_us")), Verdict::Denied);
    }
}

#[tokio::test]
async fn users_who_are_logged_on_own_a_device() {
    let desk = |users: Value| {
        json!({"owner_id": "usr", "hotdesk": {"users": users},
        "call_restriction": {"did_us": {"action": "deny"}}})
    };
    let user = |id: &str| {
        document(
            id,
            "user",
            json!({"first_name": id, "language": id, "call_restriction":
            {"international": {"action": "deny"}}}),
        )
    };
    for (users, owner, name, restrictions) in [
        (json!({}), "usr", json!("usr"), json!({"did_us": "deny", "international": "deny"})),
        (json!({"u1": {}}), "u1", json!("u1"), json!({"did_us": "allow", "international": "deny"})),
        (
            json!({"gone": {}}),
            "usr",
            json!(null),
            json!({"did_us": "allow", "international": "allow"}),
        ),
        (
            json!({"u1": {}, "u2": {}}),
            "usr",
            json!(null),
            json!({"did_us": "allow", "international": "deny"}),
        ),
    ] {
        let device = document("end", "device", desk(users.clone()));
        let endpoint = read(vec![device, user("usr"), user("u1"), user("u2")]).await.unwrap();
        assert_eq!(endpoint.owner_id().as_deref(), Some(owner), "{users}");
        let members = endpoint.members();
        let internal = members["caller_id"].get("internal").map(|it| it["name"].clone());
        assert_eq!(internal.unwrap_or_default(), name, "{users}");
        assert_eq!(members.get("language").cloned().unwrap_or_default(), name, "{users}");
        for (class, action) in restrictions.as_object().unwrap() {
            assert_eq!(members["call_restriction"][class]["action"], *action, "{users} {class}");
        }
    }
}

#[tokio::test]
async fn the_account_dial_plan_keeps_its_order() {
    let plan =
        json!({"dial_plan": {"b": {"prefix": "1"}, "a": {"prefix": "2"}}, "pvt_tree": ["p"]});
    let members = merged(json!({"dial_plan": {"c": {"prefix": "3"}}}), json!({}), plan).await;
    let order: Vec<_> = members["dial_plan"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["b", "a", "c"]);
}

#[tokio::test]
async fn what_kazoo_does_not_merge_is_told() {
    for (device, user, path) in [
        (json!({"caller_id": []}), json!({}), None),
        (json!({"caller_id": ["x"]}), json!({}), Some("caller_id")),
        (json!({"music_on_hold": "x"}), json!({}), Some("music_on_hold")),
        (json!({"caller_id": {"emergency": "x"}}), json!({}), Some("caller_id.emergency")),
        (json!({}), json!({"caller_id": {"internal": "x"}}), Some("caller_id.internal")),
        (
            json!({"caller_id": {"internal": "x"}}),
            json!({"caller_id": {"internal": {"number": "1"}}}),
            Some("caller_id.internal"),
        ),
        (json!({"hotdesk": "x"}), json!({}), Some("hotdesk")),
        (
            json!({"hotdesk": {"users": {"usr": {}}}}),
            json!({"call_restriction": "x"}),
            Some("call_restriction"),
        ),
    ] {
        let device = with(json!({"owner_id": "usr"}), device);
        let documents =
            vec![document("end", "device", device.clone()), document("usr", "user", user)];
        let endpoint = read(documents).await.unwrap();
        let misshapen = endpoint.misshapen().map(|shape| shape.path.as_str());
        assert_eq!(misshapen, path, "{device}");
        let broken =
            matches!(endpoint.restrictions::<Unreadable>(), EndpointRestrictions::Broken { .. });
        assert_eq!(broken, path.is_some());
    }
}
