//! Which entry of a list is taken.

use super::*;

const BAD_DESTINATION: &str = "1: play prompt://acc/fault-can_not_be_completed_as_dialed/de-de";
const NO_NUMBER: &str = "1: play prompt://acc/dynamic-cid-invalid_using_default/de-de";

fn lists(dialled: &str) -> Scene {
    Scene {
        list: list(&[("01", 2, "5149072508"), ("02", 2, "")]),
        ..Scene::new(json!({"action": "lists", "id": "l"})).dialled(dialled)
    }
}

/// A node that takes the key from the group `cid`.
fn named(cid: &str) -> Scene {
    Scene {
        data: json!({"action": "list", "id": "l", "idx_name": "cid"}),
        groups: json!({ "cid": cid }),
        ..lists("5551234")
    }
}

#[test]
fn the_first_digits_are_the_key_and_the_rest_is_called() {
    assert_eq!(
        lists("015551234").run(&[]),
        [
            "number 5149072508",
            "name Key 01",
            "to 5551234, looked up as 5551234",
            "store",
            "who serves 5551234, and may it be called?",
        ]
    );
    let (action, _) = lists("015551234").start(0);
    assert_eq!(action.selected_key(), Some("01"));
    assert_eq!(action.outcome(), None);
}

#[test]
fn a_key_alone_changes_the_caller_id_and_calls_nobody() {
    assert_eq!(
        lists("01").run(&[]),
        ["number 5149072508", "name Key 01", "store", "continue: entry"]
    );
}

#[test]
fn an_entry_without_a_number_is_announced() {
    let said = lists("02").run(&[]);
    assert_eq!(said[..3], [NO_NUMBER, "number 2001", "name Key 02"]);
    assert_eq!(said[4], "continue: entry_incomplete");
}

#[test]
fn what_leads_to_no_entry_is_announced_or_kills_kazoos_action() {
    let stop = |reason: &str| vec![BAD_DESTINATION.to_owned(), format!("stop: {reason}")];
    assert_eq!(lists("0").run(&[]), stop("too_short"));
    assert_eq!(lists("995551234").run(&[]), ["died: not_in_list"]);
    let nameless = Scene { data: json!({"action": "lists"}), ..lists("01") };
    assert_eq!(nameless.run(&[]), stop("list_id_missing"));
    let unread = Scene { list: ListRead::Failed, ..lists("01") };
    assert_eq!(unread.run(&[]), stop("list_unreadable"));
    let negative = Scene { list: list(&[("01", -1, "1")]), ..lists("015") };
    assert_eq!(negative.run(&[]), ["died: invalid_row"]);
    let (action, _) = negative.start(0);
    assert_eq!(action.selected_key(), None);
}

/// A list's document says how much must have been dialled, whatever its entries say.
#[test]
fn less_than_the_documents_length_is_too_short_where_no_entry_has_the_key() {
    let document = json!({"length": 6});
    let rows = [json!({"capture_group_key": "01", "capture_group_length": 2, "number": "1"})];
    let list = List::from_rows(rows, Some(&document));
    let end = |dialled| {
        let list = ListRead::Read(Arc::new(list.clone()));
        Scene { list, ..lists(dialled) }.end(&[])
    };
    assert_eq!(end("99999"), "stop: too_short");
    assert_eq!(end("999999"), "died: not_in_list");
    assert_eq!(end("9999999"), "died: not_in_list");
    assert_eq!(end("01"), "continue: entry");
}

#[test]
fn a_named_group_holds_the_key_and_all_that_was_captured_is_called() {
    let said = named("01").recommended().run(&[]);
    assert_eq!(said[..3], ["number 5149072508", "name Key 01", "to 5551234, looked up as 5551234"]);
    let (action, _) = named("01").recommended().start(0);
    assert_eq!(action.selected_key(), Some("01"));
}

/// D2: KAZOO refuses a group that is filled. One that counts as empty to it is looked up.
#[test]
fn kazoo_looks_only_for_groups_that_count_as_empty() {
    assert_eq!(named("01").run(&[]), [BAD_DESTINATION, "stop: idx_name_inverted"]);
    let zero = || Scene { list: list(&[("0", 1, "5149072508")]), ..named("0") };
    for scene in [zero(), zero().recommended()] {
        assert_eq!(scene.run(&[])[..2], ["number 5149072508", "name Key 0"]);
    }
    // An empty list is not looked at.
    let empty = Scene { list: list(&[]), ..named("01") };
    assert_eq!(empty.run(&[])[..3], [NO_NUMBER, "number 2001", "name Caller"]);
}

#[test]
fn a_key_that_no_entry_has_leaves_the_caller_id() {
    let said = named("03").recommended().run(&[]);
    assert_eq!(said[..3], [NO_NUMBER, "number 2001", "name Caller"]);
    assert_eq!(said[5], "who serves 5551234, and may it be called?");
    let served = found("f", true, Endpoint::None);
    assert_eq!(named("03").recommended().end(&[(1, served)]), "branch to f: entry_default");
}

#[test]
fn a_node_with_idx_name_needs_a_list_as_well() {
    let nameless =
        Scene { data: json!({"action": "list", "idx_name": "cid"}), ..named("01").recommended() };
    assert_eq!(nameless.end(&[]), "stop: list_id_missing");
    let unread = Scene { list: ListRead::Failed, ..named("01").recommended() };
    assert_eq!(unread.end(&[]), "stop: list_unreadable");
    // Without the name of a group the key is in the first digits.
    let unnamed = Scene { data: json!({"action": "list", "id": "l"}), ..lists("015551234") };
    assert_eq!(unnamed.run(&[])[0], "number 5149072508");
}
