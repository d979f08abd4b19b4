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
            // None of the three, too: then nothing was found.
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
#[path = "list_tests.rs"]
mod tests;
