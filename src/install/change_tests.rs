use serde_json::{Value, json};

use super::super::material;
use super::*;

const NOW: u64 = 63_900_000_000;

fn settings() -> Item {
    material::shared().remove(0)
}

fn a_schema() -> Item {
    material::shared().into_iter().find(|item| item.id == "callflows.dynamic_cid").unwrap()
}

/// As CouchDB would give it back.
fn stored(edit: &Edit, revision: &str) -> Value {
    let mut document = edit.document.clone().unwrap();
    document["_rev"] = json!(revision);
    document
}

fn with(mut document: Value, place: &str, value: Value) -> Value {
    let (parent, key) = place.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

#[test]
fn a_missing_document_is_put_and_a_second_time_nothing() {
    for item in [settings(), a_schema()] {
        let edit = install(&item, None, NOW);
        assert_eq!(edit.change, Change::Created);
        let document = stored(&edit, "1-a");
        assert_eq!(document["_id"], item.id.as_str());
        assert_eq!(public(&document), Value::Object(item.content.clone()));
        assert_eq!(install(&item, Some(&document), NOW), Edit::nothing(Change::Present));
    }
}

#[test]
fn settings_have_the_private_members_of_kazoos_own() {
    let document = install(&settings(), None, NOW).document.unwrap();
    for (key, value) in [
        ("pvt_type", json!("config")),
        ("pvt_account_id", json!("system_config")),
        ("pvt_account_db", json!("system_config")),
        ("pvt_created", json!(NOW)),
        ("pvt_modified", json!(NOW)),
    ] {
        assert_eq!(document[key], value, "{key}");
    }
}

#[test]
fn an_operators_values_stay_and_only_what_is_missing_is_added() {
    let before = json!({
        "_id": "callflow.dynamic_cid", "_rev": "4-a",
        "default": {"max_digits": 7, "min_digits": null, "accept_prompt": "", "mine": {"a": 1},
                    "worker": {"idx_name": "inverted"}},
        "east": {"max_digits": 11},
        "pvt_type": "config", "pvt_created": 1, "pvt_node": "kazoo_apps@a",
    });
    let edit = install(&settings(), Some(&before), NOW);
    let Change::Added(places) = &edit.change else { panic!("{:?}", edit.change) };
    assert_eq!(
        *places,
        [
            "/default/default_prompt",
            "/default/reject_prompt",
            "/default/whitelist_regex",
            "/default/worker/preset"
        ]
    );
    let after = edit.document.unwrap();
    for place in [
        "/_rev",
        "/default/max_digits",
        "/default/min_digits",
        "/default/accept_prompt",
        "/default/mine",
        "/default/worker/idx_name",
        "/east",
        "/pvt_created",
        "/pvt_node",
    ] {
        assert_eq!(after.pointer(place), before.pointer(place), "{place}");
    }
}

#[test]
fn a_section_that_is_no_object_is_left_alone() {
    for (default, place) in [
        (json!("x"), "/default"),
        (json!(null), "/default"),
        (json!({"worker": true}), "/default/worker"),
    ] {
        let before = json!({"_id": "callflow.dynamic_cid", "_rev": "1-a", "default": default});
        let edit = install(&settings(), Some(&before), NOW);
        assert_eq!(edit, Edit::nothing(Change::Blocked(vec![place.to_owned()])));
    }
}

#[test]
fn what_is_marked_as_deleted_stays_deleted() {
    for item in [settings(), a_schema()] {
        let before = json!({"_id": item.id, "_rev": "2-a", "pvt_deleted": true});
        assert_eq!(install(&item, Some(&before), NOW), Edit::nothing(Change::SoftDeleted));
    }
}

#[test]
fn the_clusters_own_schema_is_never_replaced() {
    let theirs = json!({"_id": "callflows.dynamic_cid", "_rev": "9-a", "type": "object"});
    assert_eq!(install(&a_schema(), Some(&theirs), NOW), Edit::nothing(Change::Theirs));
    assert_eq!(uninstall(&a_schema(), Some(&theirs), NOW), Edit::nothing(Change::Absent));
    // KAZOO has written its own over ours, and kept private members.
    let ours = stored(&install(&a_schema(), None, NOW), "1-a");
    let over = with(ours, "/title", json!("KAZOO's"));
    assert_eq!(install(&a_schema(), Some(&over), NOW), Edit::nothing(Change::Theirs));
    assert_eq!(uninstall(&a_schema(), Some(&over), NOW), Edit::nothing(Change::Theirs));
}

#[test]
fn an_older_one_of_ours_is_renewed() {
    let older =
        Item { content: json!({"type": "object"}).as_object().unwrap().clone(), ..a_schema() };
    let before = stored(&install(&older, None, NOW), "3-a");
    let edit = install(&a_schema(), Some(&before), NOW);
    assert_eq!(edit.change, Change::Renewed);
    let after = edit.document.unwrap();
    assert_eq!(after["_rev"], "3-a");
    assert_eq!(uninstall(&a_schema(), Some(&after), NOW).change, Change::Removed);
}

#[test]
fn what_was_put_as_a_whole_is_removed_as_a_whole() {
    for item in [settings(), a_schema()] {
        let document = stored(&install(&item, None, NOW), "1-a");
        let edit = uninstall(&item, Some(&document), NOW);
        assert_eq!(edit.change, Change::Removed);
        let deletion = json!({"_id": item.id, "_deleted": true, "_rev": "1-a"});
        assert_eq!(edit.document, Some(deletion));
    }
}

#[test]
fn what_was_changed_since_stays() {
    let document = stored(&install(&settings(), None, NOW), "1-a");
    let document = with(document, "/default/max_digits", json!(11));
    let edit = uninstall(&settings(), Some(&document), NOW);
    let Change::TakenOut { removed, changed } = &edit.change else { panic!("{:?}", edit.change) };
    assert_eq!(*changed, ["/default/max_digits"]);
    assert_eq!(removed.len(), 6);
    let after = edit.document.unwrap();
    assert_eq!(public(&after), json!({"default": {"max_digits": 11}}));
    assert!(after.get(MARKER).is_none());
    // What stays is the operator's from now on.
    assert_eq!(uninstall(&settings(), Some(&after), NOW), Edit::nothing(Change::Absent));
}

#[test]
fn taking_out_gives_back_what_was_there() {
    for before in [
        json!({"_id": "callflow.dynamic_cid", "_rev": "4-a", "default": {}}),
        json!({"_id": "callflow.dynamic_cid", "_rev": "4-a", "east": {"max_digits": 7}}),
        json!({"_id": "callflow.dynamic_cid", "_rev": "4-a",
               "default": {"max_digits": 7, "worker": {}}}),
    ] {
        let put = install(&settings(), Some(&before), NOW).document.unwrap();
        let after = uninstall(&settings(), Some(&put), NOW).document.unwrap();
        assert_eq!(public(&after), public(&before));
        assert!(after.get("_deleted").is_none());
    }
}

#[test]
fn a_document_that_we_made_and_others_use_stays() {
    let document = stored(&install(&settings(), None, NOW), "1-a");
    let document = with(document, "/east", json!({"max_digits": 7}));
    let edit = uninstall(&settings(), Some(&document), NOW);
    assert_eq!(public(&edit.document.unwrap()), json!({"east": {"max_digits": 7}}));
}

#[test]
fn nothing_of_ours_is_nothing_to_remove() {
    let theirs =
        json!({"_id": "callflow.dynamic_cid", "_rev": "4-a", "default": {"max_digits": 10}});
    for stored in [None, Some(&theirs)] {
        assert_eq!(uninstall(&settings(), stored, NOW), Edit::nothing(Change::Absent));
    }
}
