//! The nodes that choose by a list: whether calls find what they look for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::Findings;
use super::ways::{Action, Dialled, Way};
use super::{Code, Snapshot, System};
use crate::dynamic_cid::{InvalidRow, List, Mode, Selection, SingleDocumentLists};
use crate::json;

/// Keys longer than this are too many to try.
const LONGEST_KEY: usize = 3;
/// So many missing keys are named.
const MOST_NAMED: usize = 5;

/// Checks a node with the action `list` or `lists`.
pub(super) fn check(
    system: &System,
    snapshot: &Snapshot,
    action: &Action<'_>,
    findings: &mut Findings,
) {
    check_switch(action, findings);
    check_entrances(action, findings);
    check_ids(action, findings);
    if action.remote && action.idx_name().is_none() {
        let problem = "the key is taken from the first digits";
        findings.add(Code::NamedGroupsRecommended, action.document, action.path.clone(), problem);
    }
    let Some(id) = action.mode().list_id(&action.data) else {
        let problem = "there is no `id`";
        let path = format!("{}/data", action.path);
        findings.add(Code::ListNotNamed, action.document, path, problem);
        return;
    };
    let document = snapshot.documents.get(&id);
    let entries = snapshot.entries.get(&id).map(Vec::as_slice).unwrap_or_default();
    let rows = entries.iter().map(|entry| entry.value.clone());
    let list = List::from_rows(rows, document.map(AsRef::as_ref));
    let inside = system.departures(&action.data).single_document_lists;
    if list.is_empty() {
        if document.is_none() {
            let problem = format!("the list `{id}` does not exist");
            findings.add(Code::ListMissing, action.document, action.at("id"), problem);
            return;
        }
        if list.rows(SingleDocumentLists::Read).is_empty() {
            findings.add(Code::ListEmpty, &id, "", format!("the list `{id}` has no entries"));
            return;
        }
        let problem = "the entries stand in a document that is no `list`";
        findings.add(Code::ListHistoric, &id, "/entries", problem);
        if inside == SingleDocumentLists::Ignored {
            findings.add(Code::ListEmpty, &id, "", format!("the list `{id}` has no entries"));
            return;
        }
    }
    for way in &action.patterns {
        Reach { action, way, list: &list, inside }.check(&id, findings);
    }
}

fn check_switch(action: &Action<'_>, findings: &mut Findings) {
    let switch = action.data.get("enforce_call_restriction");
    let is_switch = |value: &Value| value.is_boolean() || value == "true" || value == "false";
    if let Some(value) = switch.filter(|value| !is_switch(value)) {
        let problem = format!("`enforce_call_restriction` is {value}");
        let path = action.at("enforce_call_restriction");
        findings.add(Code::SwitchNotBoolean, action.document, path, problem);
    }
}

/// Whether calls bring the digits that select an entry.
fn check_entrances(action: &Action<'_>, findings: &mut Findings) {
    for (document, number) in &action.numbers {
        let problem = format!("the number `{number}` of callflow `{document}` leads here");
        findings.add(Code::NoCaptureGroup, action.document, action.path.clone(), problem);
    }
    for way in &action.patterns {
        if way.calls.iter().any(|call| call.capture.is_none()) {
            let call = way.calls.iter().find(|call| call.capture.is_none());
            let number = call.map_or("", |call| call.number.as_str());
            let zero = number.ends_with('0')
                && way
                    .calls
                    .iter()
                    .all(|other| other.capture.is_some() || other.number.ends_with('0'));
            let code = if zero { Code::CaptureGroupZero } else { Code::CaptureGroupMayBeEmpty };
            let problem = format!("`{}` lets `{number}` through", way.source);
            findings.add(code, &way.document, way.path.clone(), problem);
        }
    }
}

fn check_ids(action: &Action<'_>, findings: &mut Findings) {
    if action.mode() != Mode::Lists {
        return;
    }
    let given = |member| json::text(&action.data, member);
    let places: BTreeSet<String> = ["_id", "id", "ID"].into_iter().filter_map(given).collect();
    if places.len() > 1 {
        let problem = format!("they are {}", places.into_iter().collect::<Vec<_>>().join(", "));
        findings.add(Code::ListIdDoubtful, action.document, action.at("_id"), problem);
    }
}

/// What a pattern lets through to a list.
struct Reach<'a> {
    action: &'a Action<'a>,
    way: &'a Way,
    list: &'a List,
    inside: SingleDocumentLists,
}

impl Reach<'_> {
    fn check(&self, id: &str, findings: &mut Findings) {
        let idx_name = self.action.idx_name();
        if idx_name.is_none() {
            let short = self.way.calls.iter().find(|call| {
                let capture = call.capture.as_deref();
                capture.is_some_and(|it| matches!(self.select(it), Selection::TooShort))
            });
            if let Some(call) = short {
                let problem = format!("`{}` lets `{}` through", self.way.source, call.number);
                let (document, path) = (&self.way.document, self.way.path.clone());
                findings.add(Code::CaptureShorterThanKey, document, path, problem);
            }
        }
        let (tried, missing) = match &idx_name {
            Some(name) => self.named_keys(name),
            None => self.first_digits(),
        };
        if missing.is_empty() {
            return;
        }
        let mut named = missing.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
        if missing.len() > MOST_NAMED {
            named += ", …";
        }
        let problem = format!(
            "of {tried} keys that `{}` lets through, {} have no entry: {named}",
            self.way.source,
            missing.len()
        );
        findings.add(Code::KeysWithoutEntry, id, "", problem);
    }

    fn select(&self, capture: &str) -> Selection<'_> {
        self.list.by_first_digits(capture, InvalidRow::Skip, self.inside)
    }

    /// Every key of the shortest length that entries have, in front of what a call captures.
    fn first_digits(&self) -> (usize, Vec<String>) {
        let lengths = self
            .list
            .rows(self.inside)
            .iter()
            .filter_map(|row| row.key.as_ref().map(String::len).filter(|length| *length > 0));
        let Some(length) = lengths.min().filter(|length| *length <= LONGEST_KEY) else {
            return (0, Vec::new());
        };
        let long = |call: &&Dialled| call.capture.as_ref().is_some_and(|it| it.len() >= length + 7);
        let any = |call: &&Dialled| call.capture.as_ref().is_some_and(|it| it.len() >= length);
        let calls = &self.way.calls;
        let Some(call) = calls.iter().find(long).or_else(|| calls.iter().find(any)) else {
            return (0, Vec::new());
        };
        let rest = call.capture.as_deref().and_then(|it| it.get(length..)).unwrap_or_default();
        try_keys(length, |key| {
            let capture = format!("{key}{rest}");
            self.way.with_capture(call, &capture)?;
            Some(matches!(self.select(&capture), Selection::NotFound))
        })
    }

    /// Every text of a named group.
    fn named_keys(&self, name: &str) -> (usize, Vec<String>) {
        let filled = |call: &&Dialled| json::text(&call.groups, name).is_some();
        let Some(call) = self.way.calls.iter().find(filled) else { return (0, Vec::new()) };
        let group = json::text(&call.groups, name).unwrap_or_default();
        let Some(at) = call.number.find(&group).filter(|_| group.len() <= LONGEST_KEY) else {
            return (0, Vec::new());
        };
        let (head, tail) = (&call.number[..at], &call.number[at + group.len()..]);
        try_keys(group.len(), |key| {
            let dialled = self.way.dial(&format!("{head}{key}{tail}"))?;
            let is_key = json::text(&dialled.groups, name).as_deref() == Some(key);
            is_key.then(|| self.list.by_key(Some(key), self.inside).is_none())
        })
    }
}

/// How many keys of a length can be dialled, and which of them are not found.
fn try_keys(length: usize, is_missing: impl Fn(&str) -> Option<bool>) -> (usize, Vec<String>) {
    let end = 10_usize.pow(u32::try_from(length.min(LONGEST_KEY)).unwrap_or(0));
    let mut tried = 0;
    let mut missing = Vec::new();
    for key in (0..end).map(|key| format!("{key:0length$}")) {
        if let Some(is_missing) = is_missing(&key) {
            tried += 1;
            if is_missing {
                missing.push(key);
            }
        }
    }
    (tried, missing)
}
