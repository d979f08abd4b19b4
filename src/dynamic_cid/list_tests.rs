use proptest::prelude::*;

use super::*;

fn row(key: &Value, length: &Value, name: &str) -> Value {
    let mut row = json!({"name": name, "number": "1"});
    for (member, value) in [("capture_group_key", key), ("capture_group_length", length)] {
        if !value.is_null() {
            row[member] = value.clone();
        }
    }
    row
}

fn list(rows: &[(Value, Value, &str)]) -> List {
    List::from_rows(rows.iter().map(|(key, length, name)| row(key, length, name)), None)
}

fn select(list: &List, dialled: &str) -> String {
    match list.by_first_digits(dialled, InvalidRow::Crash, SingleDocumentLists::Ignored) {
        Selection::Row(row, rest) => format!("{} {rest}", row.name.as_deref().unwrap_or("-")),
        other => format!("{other:?}"),
    }
}

#[test]
fn entries_are_tried_in_their_order() {
    let mixed = list(&[
        (json!("01"), json!(2), "one"),
        (json!("01"), json!(2), "again"),
        (json!("2"), json!("1"), "short"),
        (json!(3), json!(1), "number"),
        (json!("01234"), json!(5), "long"),
        (json!("99"), json!(2), "behind"),
        (json!("5"), json!(3), "never"),
        (json!("04"), json!(null), "default length"),
    ]);
    for (dialled, selected) in [
        ("015149072508", "one 5149072508"),
        ("01", "one "),
        ("25", "short 5"),
        ("3", "TooShort"),
        ("99123", "behind 123"),
        ("9912", "TooShort"),
        ("042345", "default length 2345"),
        ("512345", "NotFound"),
        ("", "TooShort"),
    ] {
        assert_eq!(select(&mixed, dialled), selected, "{dialled}");
    }
}

#[test]
fn a_negative_length_kills_the_search_or_is_skipped() {
    let rows = list(&[(json!("01"), json!(-1), "bad"), (json!("01"), json!(2), "good")]);
    assert_eq!(select(&rows, "015"), "InvalidRow");
    assert!(matches!(
        rows.by_first_digits("015", InvalidRow::Skip, SingleDocumentLists::Ignored),
        Selection::Row(row, _) if row.name.as_deref() == Some("good")
    ));
}

#[test]
fn a_missing_key_selects_the_first_entry_without_one() {
    let rows = list(&[(json!("01"), json!(2), "one"), (json!(""), json!(2), "keyless")]);
    let name =
        |key| rows.by_key(key, SingleDocumentLists::Ignored).and_then(|row| row.name.as_deref());
    assert_eq!(name(Some("01")), Some("one"));
    assert_eq!(name(Some("02")), None);
    assert_eq!(name(None), Some("keyless"));
}

#[test]
fn entries_inside_a_document_count_only_where_asked_for() {
    let document = json!({"length": 2, "entries": {
        "00": {"number": "16139999999", "name": "Awesome Co."},
        "01": {"cid_number": "19058888888", "cid_name": "Awesome Inc.", "name": "x"},
    }});
    let list = List::from_rows([], Some(&document));
    let select = |inside| match list.by_first_digits("0155", InvalidRow::Skip, inside) {
        Selection::Row(row, _) => row.name.clone(),
        _ => None,
    };
    assert_eq!(select(SingleDocumentLists::Read).as_deref(), Some("Awesome Inc."));
    assert_eq!(select(SingleDocumentLists::Ignored), None);
    let numbers = |inside| -> Vec<_> {
        list.rows(inside).iter().filter_map(|row| row.number.as_deref()).collect()
    };
    assert_eq!(numbers(SingleDocumentLists::Read), ["16139999999", "19058888888"]);
    assert_eq!(numbers(SingleDocumentLists::Ignored), [""; 0]);
    // They are no entries of the view.
    assert!(list.is_empty());
    assert_eq!(list.len(), 0);
}

#[test]
fn entries_of_the_view_go_before_those_inside_the_document() {
    let document = json!({"entries": {"02": {"number": "2"}}});
    let rows = [row(&json!("01"), &json!(2), "one"), row(&json!("03"), &json!(2), "three")];
    let list = List::from_rows(rows, Some(&document));
    assert_eq!((list.len(), list.is_empty()), (2, false));
    for inside in [SingleDocumentLists::Read, SingleDocumentLists::Ignored] {
        let names: Vec<_> =
            list.rows(inside).iter().filter_map(|row| row.name.as_deref()).collect();
        assert_eq!(names, ["one", "three"]);
    }
}

#[test]
fn the_documents_length_is_at_least_one() {
    for (document, length) in [
        (json!({"length": 6}), 6),
        (json!({"length": "3"}), 3),
        (json!({"length": 0}), 2),
        (json!({"length": -4}), 2),
        (json!({}), 2),
        (json!([]), 2),
    ] {
        assert_eq!(List::from_rows([], Some(&document)).document_length(), length);
    }
    assert_eq!(List::from_rows([], None).document_length(), 2);
}

/// KAZOO's walk, row by row.
fn walk(rows: &[Row], dialled: &str) -> String {
    for row in rows {
        let Ok(length) = usize::try_from(row.length) else {
            return "InvalidRow".to_owned();
        };
        if dialled.len() < length {
            return "TooShort".to_owned();
        }
        if row.key.as_deref() == Some(&dialled[..length]) {
            return format!("{} {}", row.name.as_deref().unwrap_or("-"), &dialled[length..]);
        }
    }
    "NotFound".to_owned()
}

proptest! {
    #[test]
    fn the_index_answers_as_the_walk(
        rows in prop::collection::vec(("[0-3]{0,3}", -1i64..5), 0..12),
        dialled in "[0-3]{0,6}",
    ) {
        let values = rows.iter().enumerate().map(|(position, (key, length))| {
            row(&json!(key), &json!(length), &position.to_string())
        });
        let list = List::from_rows(values, None);
        prop_assert_eq!(select(&list, &dialled), walk(&list.entries.rows, &dialled));
    }
}
