//! A list of caller IDs, indexed once.
//!
//! KAZOO walks the rows in the view's order and stops at the first that either has the dialled
//! key or is longer than what was dialled (D4). The index answers the same in a time that depends
//! on the number of different key lengths, not of rows.
//!
//! Source: `cf_dynamic_cid.erl` (`get_new_caller_id`, `get_key_and_dest`, `get_entry_caller_id`,
//! `get_cid_length_from_list_document`).

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{InvalidRow, SingleDocumentLists};
use crate::json::{self, Object};

/// What KAZOO takes for the length of a key where a row or a list names none.
const DEFAULT_LENGTH: i64 = 2;

/// One entry, as far as the action reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `capture_group_key`.
    pub key: Option<String>,
    /// `capture_group_length`, in bytes.
    pub length: i64,
    /// `name`.
    pub name: Option<String>,
    /// `number`.
    pub number: Option<String>,
}

impl Row {
    fn read(value: &Value) -> Self {
        let empty = Object::new();
        let value = value.as_object().unwrap_or(&empty);
        Self {
            key: json::text(value, "capture_group_key"),
            length: json::integer(value, "capture_group_length").unwrap_or(DEFAULT_LENGTH),
            name: json::text(value, "name"),
            number: json::text(value, "number"),
        }
    }
}

/// What the search for the dialled digits found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection<'a> {
    /// An entry with the dialled key, and the digits behind it.
    Row(&'a Row, String),
    /// A tried entry is longer than what was dialled.
    TooShort,
    /// A tried entry has a negative length.
    InvalidRow,
    /// No entry has the key.
    NotFound,
}

/// A list: its entries and the length its document gives.
#[derive(Debug, Clone, Default)]
pub struct List {
    entries: Index,
    /// Entries inside a list document that the view does not know (KAZOO 4.0).
    inside: Index,
    length: usize,
}

#[derive(Debug, Clone, Default)]
struct Index {
    rows: Vec<Row>,
    by_key: HashMap<String, Positions>,
    /// The lengths that keys of their own length have.
    lengths: BTreeSet<usize>,
    /// Rows longer than every row before them, with their length.
    longer: Vec<(usize, usize)>,
    first_invalid: Option<usize>,
    first_keyless: Option<usize>,
}

/// The first row of a key, and the first whose length is that of its key.
#[derive(Debug, Clone, Copy)]
struct Positions {
    any: usize,
    exact: Option<usize>,
}

impl List {
    /// Indexes the values of the view's rows in their order, with the list's own document.
    pub fn from_rows(rows: impl IntoIterator<Item = Value>, document: Option<&Value>) -> Self {
        let document = document.and_then(Value::as_object);
        let length = document.and_then(|document| json::integer(document, "length"));
        Self {
            entries: Index::new(rows.into_iter().map(|value| Row::read(&value)).collect()),
            inside: Index::new(document.map_or_else(Vec::new, rows_inside)),
            length: length
                .filter(|length| *length > 0)
                .and_then(|length| usize::try_from(length).ok())
                .unwrap_or(2),
        }
    }

    /// The number of entries the view gave.
    pub fn len(&self) -> usize {
        self.entries.rows.len()
    }

    /// Whether the view gave no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.rows.is_empty()
    }

    /// The entries in the order they are tried.
    pub fn rows(&self, inside: SingleDocumentLists) -> &[Row] {
        &self.index(inside).rows
    }

    /// The key length the list document gives: what must have been dialled for the action to look
    /// for an entry at all.
    pub fn document_length(&self) -> usize {
        self.length
    }

    /// Selects an entry by the first digits of what was dialled.
    pub fn by_first_digits(
        &self,
        dialled: &str,
        invalid_row: InvalidRow,
        inside: SingleDocumentLists,
    ) -> Selection<'_> {
        let index = self.index(inside);
        let bytes = dialled.as_bytes();
        let found = index
            .lengths
            .range(..=bytes.len())
            .filter_map(|length| {
                let key = std::str::from_utf8(&bytes[..*length]).ok()?;
                index.by_key.get(key)?.exact
            })
            .min();
        let too_short =
            index.longer.iter().find(|(_, length)| *length > bytes.len()).map(|(row, _)| *row);
        let invalid = index.first_invalid.filter(|_| invalid_row == InvalidRow::Crash);
        match [found, too_short, invalid].into_iter().flatten().min() {
            None => Selection::NotFound,
            first if first == found => match first.and_then(|row| index.rows.get(row)) {
                Some(row) => {
                    let key = row.key.as_deref().unwrap_or_default();
                    Selection::Row(row, dialled.get(key.len()..).unwrap_or_default().to_owned())
                }
                None => Selection::NotFound,
            },
            first if first == too_short => Selection::TooShort,
            _ => Selection::InvalidRow,
        }
    }

    /// Selects the first entry with this key; without a key, the first entry without one (D3).
    pub fn by_key(&self, key: Option<&str>, inside: SingleDocumentLists) -> Option<&Row> {
        let index = self.index(inside);
        let row = match key {
            Some(key) => index.by_key.get(key).map(|positions| positions.any),
            None => index.first_keyless,
        };
        row.and_then(|row| index.rows.get(row))
    }

    fn index(&self, inside: SingleDocumentLists) -> &Index {
        if self.is_empty() && inside == SingleDocumentLists::Read {
            &self.inside
        } else {
            &self.entries
        }
    }
}

impl Index {
    fn new(rows: Vec<Row>) -> Self {
        let mut index = Self::default();
        for (position, row) in rows.iter().enumerate() {
            let length = usize::try_from(row.length).ok();
            match length {
                None => {
                    index.first_invalid.get_or_insert(position);
                }
                Some(length)
                    if index.longer.last().is_none_or(|(_, longest)| length > *longest) =>
                {
                    index.longer.push((position, length));
                }
                Some(_) => {}
            }
            let Some(key) = &row.key else {
                index.first_keyless.get_or_insert(position);
                continue;
            };
            let exact = (length == Some(key.len())).then_some(position);
            if exact.is_some() {
                index.lengths.insert(key.len());
            }
            let positions =
                index.by_key.entry(key.clone()).or_insert(Positions { any: position, exact });
            positions.exact = positions.exact.or(exact);
        }
        index.rows = rows;
        index
    }
}

/// The `entries` of a list document as the view would emit them. Documents of type `list` are the
/// view's own affair, so they give none here.
fn rows_inside(document: &Object) -> Vec<Row> {
    if document.get("pvt_type").and_then(Value::as_str) == Some("list") {
        return Vec::new();
    }
    let Some(entries) = json::object(document, "entries") else {
        return Vec::new();
    };
    let first = |entry: &Object, keys: [&str; 2]| {
        keys.iter().find_map(|key| entry.get(*key).filter(|value| !json::is_empty(value))).cloned()
    };
    entries
        .iter()
        .filter_map(|(key, entry)| {
            let entry = entry.as_object()?;
            let mut value = json!({ "capture_group_key": key });
            let members = [
                ("capture_group_length", document.get("length").cloned()),
                ("name", first(entry, ["cid_name", "name"])),
                ("number", first(entry, ["cid_number", "number"])),
            ];
            for (member, content) in members {
                if let Some(content) = content {
                    value[member] = content;
                }
            }
            Some(Row::read(&value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
        let name = |key| {
            rows.by_key(key, SingleDocumentLists::Ignored).and_then(|row| row.name.as_deref())
        };
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
}
