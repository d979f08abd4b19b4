//! What is to be written into one document. Nothing here reads or writes.

use serde_json::{Value, json};

use super::marker::{MARKER, Marker};
use super::material::{Item, Kind};
use crate::json::{self, Object};

/// The member of a section of settings that is ours; its keys count one by one.
const OWN_GROUP: &str = "worker";

/// A decision about one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// What happens.
    pub change: Change,
    /// The document to write, `_rev` included where there was one; `None` where nothing is written.
    pub document: Option<Value>,
}

/// What happens to a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There was none; it is put.
    Created,
    /// These places were missing and are put.
    Added(Vec<String>),
    /// An older one of ours, which nobody changed, is replaced.
    Renewed,
    /// Everything that would be put is there already.
    Present,
    /// The cluster has another document of this id, which stays.
    Theirs,
    /// It is marked as deleted (`pvt_deleted`), and stays so.
    SoftDeleted,
    /// These places cannot take what belongs there: something else than an object is in the way.
    Blocked(Vec<String>),
    /// The whole document is removed.
    Removed,
    /// What we put is taken out of a document that others use, too.
    TakenOut {
        /// These places are removed.
        removed: Vec<String>,
        /// These were changed since, and stay.
        changed: Vec<String>,
    },
    /// There is nothing of ours.
    Absent,
}

impl Edit {
    fn nothing(change: Change) -> Self {
        Self { change, document: None }
    }
}

/// Puts what is missing. `now` is in seconds since the year 0.
pub fn install(item: &Item, stored: Option<&Value>, now: u64) -> Edit {
    let Some(stored) = stored else {
        return Edit { change: Change::Created, document: Some(created(item, now)) };
    };
    if is_soft_deleted(stored) {
        return Edit::nothing(Change::SoftDeleted);
    }
    match item.kind {
        Kind::Settings => add(item, stored, now),
        Kind::Whole => renew(item, stored),
    }
}

/// Takes out what was put and nobody changed.
pub fn uninstall(item: &Item, stored: Option<&Value>, now: u64) -> Edit {
    let Some(stored) = stored.filter(|stored| stored.get(MARKER).is_some()) else {
        return Edit::nothing(Change::Absent);
    };
    match item.kind {
        Kind::Settings => take_out(stored, now),
        Kind::Whole if Marker::of(stored).is_ours("", &public(stored)) => removed(stored),
        Kind::Whole => Edit::nothing(Change::Theirs),
    }
}

/// A document without its revision.
pub fn without_revision(mut document: Value) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.shift_remove("_rev");
    }
    document
}

fn is_soft_deleted(document: &Value) -> bool {
    document.get("pvt_deleted").is_some_and(json::value_is_true)
}

/// What people and KAZOO put into a document: neither CouchDB's members nor private ones.
fn public(document: &Value) -> Value {
    let members = document.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| !key.starts_with('_') && !key.starts_with("pvt_"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<Object>()
        .into()
}

fn created(item: &Item, now: u64) -> Value {
    let mut marker = Marker::default();
    let mut members = Object::new();
    members.insert("_id".to_owned(), json!(item.id));
    match item.kind {
        Kind::Settings => {
            marker.made.push(String::new());
            let mut adding = Adding { marker: &mut marker, added: Vec::new(), blocked: Vec::new() };
            adding.fill(&mut members, &item.content, "", 0);
            members.extend(item.private.clone());
            members.insert("pvt_created".to_owned(), json!(now));
            members.insert("pvt_modified".to_owned(), json!(now));
        }
        Kind::Whole => {
            marker.remember("", &Value::Object(item.content.clone()));
            members.extend(item.content.clone());
            members.extend(item.private.clone());
        }
    }
    members.insert(MARKER.to_owned(), marker.to_value());
    members.into()
}

fn renew(item: &Item, stored: &Value) -> Edit {
    let theirs = public(stored);
    let marker = Marker::of(stored);
    if theirs == Value::Object(item.content.clone()) {
        return Edit::nothing(Change::Present);
    }
    if !marker.is_ours("", &theirs) {
        return Edit::nothing(Change::Theirs);
    }
    let mut document = created(item, 0);
    if let Some(revision) = stored.get("_rev") {
        document["_rev"] = revision.clone();
    }
    Edit { change: Change::Renewed, document: Some(document) }
}

fn add(item: &Item, stored: &Value, now: u64) -> Edit {
    let mut marker = Marker::of(stored);
    let Some(mut members) = stored.as_object().cloned() else {
        return Edit::nothing(Change::Theirs);
    };
    let mut adding = Adding { marker: &mut marker, added: Vec::new(), blocked: Vec::new() };
    adding.fill(&mut members, &item.content, "", 0);
    let Adding { added, blocked, .. } = adding;
    if !blocked.is_empty() {
        return Edit::nothing(Change::Blocked(blocked));
    }
    if added.is_empty() {
        return Edit::nothing(Change::Present);
    }
    members.insert("pvt_modified".to_owned(), json!(now));
    members.insert(MARKER.to_owned(), marker.to_value());
    Edit { change: Change::Added(added), document: Some(members.into()) }
}

/// Adding keys to settings.
struct Adding<'a> {
    marker: &'a mut Marker,
    added: Vec<String>,
    blocked: Vec<String>,
}

impl Adding<'_> {
    /// Adds what `from` has and `into` has not, in sections (depth 0) and in our own group of a
    /// section (depth 1). Every other value counts as one, as it does for KAZOO.
    fn fill(&mut self, into: &mut Object, from: &Object, path: &str, depth: usize) {
        for (key, value) in from {
            let place = format!("{path}/{}", step(key));
            let group =
                value.as_object().filter(|_| depth == 0 || (depth == 1 && key == OWN_GROUP));
            match (into.get_mut(key), group) {
                (None, Some(group)) => {
                    self.marker.made.push(place.clone());
                    let mut made = Object::new();
                    self.fill(&mut made, group, &place, depth + 1);
                    into.insert(key.clone(), made.into());
                }
                (Some(Value::Object(stored)), Some(group)) => {
                    self.fill(stored, group, &place, depth + 1);
                }
                (Some(_), Some(_)) => self.blocked.push(place),
                // The operator's, whatever it is.
                (Some(_), None) => {}
                (None, None) => {
                    self.marker.remember(&place, value);
                    into.insert(key.clone(), value.clone());
                    self.added.push(place);
                }
            }
        }
    }
}

fn take_out(stored: &Value, now: u64) -> Edit {
    let marker = Marker::of(stored);
    let mut document = stored.clone();
    let (mut removed_places, mut changed) = (Vec::new(), Vec::new());
    for place in marker.put.keys() {
        match stored.pointer(place) {
            Some(value) if marker.is_ours(place, value) => {
                remove(&mut document, place);
                removed_places.push(place.clone());
            }
            Some(_) => changed.push(place.clone()),
            // Somebody has removed it.
            None => {}
        }
    }
    // The deepest first.
    let mut made: Vec<_> = marker.made.iter().filter(|place| !place.is_empty()).collect();
    made.sort_by_key(|place| std::cmp::Reverse(place.matches('/').count()));
    for place in made {
        if document.pointer(place).and_then(Value::as_object).is_some_and(Object::is_empty) {
            remove(&mut document, place);
        }
    }
    let is_empty = public(&document).as_object().is_some_and(Object::is_empty);
    if is_empty && marker.made.iter().any(String::is_empty) {
        return removed(stored);
    }
    if let Some(members) = document.as_object_mut() {
        members.shift_remove(MARKER);
        members.insert("pvt_modified".to_owned(), json!(now));
    }
    let change = Change::TakenOut { removed: removed_places, changed };
    Edit { change, document: Some(document) }
}

/// A deletion as a document, which needs no other request than a write.
fn removed(stored: &Value) -> Edit {
    let mut document = json!({ "_id": stored.get("_id"), "_deleted": true });
    if let Some(revision) = stored.get("_rev") {
        document["_rev"] = revision.clone();
    }
    Edit { change: Change::Removed, document: Some(document) }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    if let Some(parent) = document.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.shift_remove(&key);
    }
}

/// A key as a step of a JSON pointer.
fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
