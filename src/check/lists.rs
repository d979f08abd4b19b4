//! Lists and their entries, whichever action uses them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::Findings;
use super::numbers::{self, CallerId};
use super::snapshot::Entry;
use super::{Code, Snapshot, System};
use crate::json::{self, Object};

/// What KAZOO takes for the length of a key where an entry names none.
const DEFAULT_LENGTH: i64 = 2;

/// Checks every list and entry of the account.
pub(super) fn check(system: &System, snapshot: &Snapshot, findings: &mut Findings) {
    for (kind, schema) in
        [("list", "lists"), ("list_entry", "list_entries"), ("contact", "contacts")]
    {
        for (id, document) in snapshot.of_type(kind) {
            for violation in system.schemas.validate(schema, &Value::Object(document.clone())) {
                findings.add(Code::SchemaViolation, id, violation.path, violation.message);
            }
        }
    }
    for (list, entries) in &snapshot.entries {
        check_orphans(snapshot, list, entries, findings);
        check_keys(snapshot, list, entries, findings);
        for entry in entries {
            check_entry(system, snapshot, list, entry, findings);
        }
    }
}

/// The place of an entry's members: those of a historic list stand inside the list.
fn path(list: &str, entry: &Entry, members: &Object) -> String {
    let key = json::text(members, "capture_group_key").unwrap_or_default();
    if entry.document == list {
        format!("/entries/{}", super::unknown::step(&key))
    } else {
        String::new()
    }
}

fn check_orphans(snapshot: &Snapshot, list: &str, entries: &[Entry], findings: &mut Findings) {
    if snapshot.documents.contains_key(list) {
        return;
    }
    for entry in entries {
        let problem = format!("the list `{list}` does not exist");
        findings.add(Code::EntryOrphaned, &entry.document, "/list_id", problem);
    }
}

fn members(entry: &Entry) -> Object {
    entry.value.as_object().cloned().unwrap_or_default()
}

/// The length KAZOO compares of an entry.
fn length(members: &Object) -> i64 {
    json::integer(members, "capture_group_length").unwrap_or(DEFAULT_LENGTH)
}

fn check_entry(
    system: &System,
    snapshot: &Snapshot,
    list: &str,
    entry: &Entry,
    findings: &mut Findings,
) {
    let members = members(entry);
    let path = path(list, entry, &members);
    let caller_id = CallerId { members: &members, document: &entry.document, path: &path };
    numbers::check(system, snapshot, caller_id, findings);

    let (id, length) = (&*entry.document, length(&members));
    let (key_path, length_path) =
        (format!("{path}/capture_group_key"), format!("{path}/capture_group_length"));
    if length < 0 {
        let problem = format!("`capture_group_length` is {length}");
        findings.add(Code::EntryLengthNegative, id, length_path, problem);
        return;
    }
    if members.get("capture_group_key").is_some_and(Value::is_null) {
        findings.add(Code::ValueIsNull, id, key_path, "`capture_group_key` is null");
        return;
    }
    let Some(key) = json::text(&members, "capture_group_key") else {
        findings.add(Code::EntryWithoutKey, id, path, "there is no `capture_group_key`");
        return;
    };
    if usize::try_from(length) != Ok(key.len()) {
        let problem = format!("the key `{key}` has {} characters, not {length}", key.len());
        findings.add(Code::EntryCannotMatch, id, length_path, problem);
    }
    if !key.bytes().all(|byte| byte.is_ascii_digit()) {
        let problem = format!("the key is `{key}`");
        findings.add(Code::KeyNotDigits, id, key_path, problem);
    }
}

/// What is wrong with the keys of a list taken together.
fn check_keys(snapshot: &Snapshot, list: &str, entries: &[Entry], findings: &mut Findings) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    let mut lengths = BTreeSet::new();
    for entry in entries {
        let members = members(entry);
        lengths.insert(length(&members));
        let Some(key) = json::text(&members, "capture_group_key") else { continue };
        if let Some(earlier) = first.get(&key) {
            let problem = format!("the key `{key}` is that of entry `{earlier}`, too");
            let path = format!("{}/capture_group_key", path(list, entry, &members));
            findings.add(Code::DuplicateKey, &entry.document, path, problem);
        } else {
            first.insert(key, &entry.document);
        }
    }
    if lengths.len() > 1 {
        let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        let problem = format!("the keys have the lengths {}", lengths.join(", "));
        let at = if snapshot.documents.contains_key(list) {
            list
        } else {
            entries.first().map_or(list, |entry| entry.document.as_str())
        };
        findings.add(Code::MixedKeyLengths, at, "", problem);
    }
}
