//! What `install` and `uninstall` say.

use std::fmt::Write as _;

use serde_json::Value;
use similar::TextDiff;

use super::Outcome;
use crate::install::{Change, Done, Item, Order};

/// What became of the documents; of a rehearsal, what would change in them.
pub(super) fn text(order: Order, outcome: &Outcome, rehearsal: bool) -> String {
    let mut text = String::new();
    let mut untouched = 0;
    let mut changed = 0;
    let mut held_back = 0;
    for (item, done) in &outcome.done {
        let held = outcome.is_held_back(item, done);
        match words(&done.edit.change) {
            Some(words) if held => push(&mut text, &format!("{}: locked, not {words}", name(item))),
            Some(words) => push(&mut text, &format!("{}: {words}", name(item))),
            None => untouched += 1,
        }
        if held {
            held_back += 1;
        } else if done.edit.document.is_some() {
            changed += 1;
        }
        if rehearsal && done.edit.document.is_some() {
            text.push_str(&diff(item, done));
        }
    }
    let verb = match (order, rehearsal) {
        (Order::Install, false) => "written",
        (Order::Install, true) => "to write",
        (Order::Uninstall, false) => "removed or changed",
        (Order::Uninstall, true) => "to remove or change",
    };
    let rest = match order {
        Order::Install => "have everything already",
        Order::Uninstall => "have nothing of ours",
    };
    push(&mut text, &format!("{changed} documents {verb}, {untouched} {rest}."));
    if let Some(path) = outcome.lock.as_ref().filter(|_| held_back > 0) {
        push(&mut text, &locked(held_back, path));
    }
    if rehearsal {
        push(&mut text, "Nothing was written.");
    }
    text
}

/// What the lock kept from being written, and the way past it.
fn locked(held_back: usize, path: &str) -> String {
    format!(
        "{held_back} held back: {path} has `lock_system_config = true` in [kazoo_apps], with which \
         KAZOO itself writes no settings.\n--dry-run shows what would change, --even-if-locked writes it."
    )
}

/// Why KAZOO was not told, and what to type instead.
pub(super) fn commands(why: &str, commands: &[String]) -> String {
    let mut text = String::new();
    push(&mut text, why);
    push(&mut text, "It goes on with what it remembers until this is typed on each KAZOO server:");
    for command in commands {
        push(&mut text, &format!("    {command}"));
    }
    text
}

fn push(text: &mut String, line: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{line}");
}

fn name(item: &Item) -> String {
    format!("{}/{}", item.database, item.id)
}

/// `None` for what needs no line of its own.
fn words(change: &Change) -> Option<String> {
    Some(match change {
        Change::Created => "put".to_owned(),
        Change::Added(places) => format!("added {}", places.join(", ")),
        Change::Renewed => "an older one of ours is renewed".to_owned(),
        Change::Theirs => "the cluster's own stays".to_owned(),
        Change::SoftDeleted => {
            "stays as it is: it is marked as deleted (pvt_deleted); remove the mark, or the document"
                .to_owned()
        }
        Change::Blocked(places) => format!(
            "stays as it is: {} is no object; correct that and try again",
            places.join(", ")
        ),
        Change::Removed => "removed".to_owned(),
        Change::TakenOut { removed, changed } if changed.is_empty() => {
            format!("removed {}", removed.join(", "))
        }
        Change::TakenOut { removed, changed } => {
            let removed = if removed.is_empty() { "nothing".to_owned() } else { removed.join(", ") };
            format!("removed {removed}; changed since and kept: {}", changed.join(", "))
        }
        Change::Present | Change::Absent => return None,
    })
}

/// A document before and after, as a unified diff of its JSON.
fn diff(item: &Item, done: &Done) -> String {
    let before = done.before.as_ref().map_or_else(String::new, pretty);
    let after = done.edit.document.as_ref().filter(|document| document.get("_deleted").is_none());
    let after = after
        .map(|document| pretty(&crate::install::change::without_revision(document.clone())))
        .unwrap_or_default();
    let name = name(item);
    let sides = (if before.is_empty() { "/dev/null" } else { name.as_str() }, name.as_str());
    let sides = if after.is_empty() { (sides.0, "/dev/null") } else { sides };
    TextDiff::from_lines(&before, &after).unified_diff().header(sides.0, sides.1).to_string()
}

fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}
