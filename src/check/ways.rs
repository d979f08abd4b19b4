//! The `dynamic_cid` nodes of an account, and how calls come to them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Snapshot, samples};
use crate::callflow::{Nodes, OptionalGroups, Patterns, branches_to, data, runs};
use crate::dynamic_cid::Mode;
use crate::json::{self, Object};

/// Nodes deeper than this are not looked at; calls do not get there either.
pub(super) const DEPTH: usize = 100;
/// The module of the action.
pub(super) const MODULE: &str = "dynamic_cid";

/// Every node of the action, with its ways in.
#[derive(Debug)]
pub(super) struct Ways<'a> {
    pub(super) actions: Vec<Action<'a>>,
}

/// A node that runs the action.
#[derive(Debug)]
pub(super) struct Action<'a> {
    /// The callflow.
    pub(super) document: &'a str,
    /// Where the node stands in it.
    pub(super) path: String,
    pub(super) node: &'a Object,
    pub(super) data: Object,
    /// Whether KAZOO hands it to a worker.
    pub(super) remote: bool,
    /// The callflows by which a call that comes here can have entered.
    pub(super) entered: Vec<&'a str>,
    /// The patterns that lead here.
    pub(super) patterns: Vec<Way>,
    /// Numbers that lead here, with their callflows: they give no capture group.
    pub(super) numbers: Vec<(String, String)>,
}

/// A pattern that leads to an action.
#[derive(Debug)]
pub(super) struct Way {
    /// The callflow that has the pattern.
    pub(super) document: String,
    /// Where it stands in it.
    pub(super) path: String,
    /// The pattern itself, alone.
    pub(super) pattern: Patterns,
    /// Its text.
    pub(super) source: String,
    /// Numbers it lets through.
    pub(super) calls: Vec<Dialled>,
}

/// A number that a pattern lets through, and what it captures of it.
#[derive(Debug, Clone)]
pub(super) struct Dialled {
    pub(super) number: String,
    pub(super) capture: Option<String>,
    pub(super) groups: Object,
}

impl Way {
    fn new(document: &str, path: String, source: &str) -> Self {
        let pattern = Patterns::compile([(source, document)]);
        let mut way = Self {
            document: document.to_owned(),
            path,
            pattern,
            source: source.to_owned(),
            calls: Vec::new(),
        };
        way.calls = samples::of(source).iter().filter_map(|it| way.dial(it)).collect();
        way
    }

    /// What the pattern captures of a number, `None` where it does not match.
    pub(super) fn dial(&self, number: &str) -> Option<Dialled> {
        let found = self.pattern.find(number, OptionalGroups::NoCapture).ok()??;
        let groups = found.capture_groups;
        Some(Dialled { number: number.to_owned(), capture: found.capture_group, groups })
    }

    /// The number with another text in place of what is captured, where the pattern then captures
    /// just that.
    pub(super) fn with_capture(&self, call: &Dialled, capture: &str) -> Option<Dialled> {
        let captured = call.capture.as_deref()?;
        let at = call.number.rfind(captured)?;
        let (head, tail) = (&call.number[..at], &call.number[at + captured.len()..]);
        let number = format!("{head}{capture}{tail}");
        self.dial(&number).filter(|dialled| dialled.capture.as_deref() == Some(capture))
    }
}

impl Action<'_> {
    /// The mode of a call with a capture group.
    pub(super) fn mode(&self) -> Mode {
        Mode::choose(&self.data, true)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.mode(), Mode::List | Mode::Lists)
    }

    /// The named group that holds the key, where the mode reads it.
    pub(super) fn idx_name(&self) -> Option<String> {
        let named = json::text(&self.data, "idx_name");
        named.filter(|_| self.mode() == Mode::List)
    }

    /// The pointer to a member of the node's data.
    pub(super) fn at(&self, member: &str) -> String {
        format!("{}/data/{member}", self.path)
    }
}

impl<'a> Ways<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let callers = callers(snapshot);
        let mut actions = Vec::new();
        for (document, _) in snapshot.of_type("callflow") {
            let Some(flow) = snapshot.flow(document) else { continue };
            let nodes = Nodes::of(flow, DEPTH);
            let here = nodes.iter().filter(|(_, node)| runs(node, MODULE));
            for (index, node) in here {
                let entered = entered(document, &callers);
                actions.push(Action {
                    document,
                    path: nodes.path(index),
                    node,
                    data: data(node).cloned().unwrap_or_default(),
                    remote: json::is_true(node, "remote_execution", false),
                    patterns: entered.iter().flat_map(|id| patterns(snapshot, id)).collect(),
                    numbers: entered.iter().flat_map(|id| numbers(snapshot, id)).collect(),
                    entered,
                });
            }
        }
        Self { actions }
    }

    /// The nodes that choose by a list.
    pub(super) fn lists(&self) -> impl Iterator<Item = &Action<'a>> {
        self.actions.iter().filter(|action| action.is_list())
    }
}

/// For each callflow those that branch to it. The account's preflow runs before all of them, but
/// under their capture group; it is taken as branched to by each.
fn callers(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<&str>> {
    let mut callers: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let preflow = snapshot
        .account_document()
        .and_then(|account| json::at(account, &["preflow", "always"]))
        .and_then(json::non_empty_text);
    for (id, _) in snapshot.of_type("callflow") {
        let Some(flow) = snapshot.flow(id) else { continue };
        let nodes = Nodes::of(flow, DEPTH);
        let targets = nodes.iter().filter_map(|(_, node)| branches_to(node));
        for target in targets.chain(preflow.clone()) {
            callers.entry(target).or_default().insert(id);
        }
    }
    callers
}

/// A callflow itself and all from which a call can come to it.
fn entered<'a>(document: &'a str, callers: &BTreeMap<String, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let mut all = vec![document];
    let mut next = 0;
    while let Some(id) = all.get(next) {
        for caller in callers.get(*id).into_iter().flatten() {
            if !all.contains(caller) {
                all.push(caller);
            }
        }
        next += 1;
    }
    all
}

/// KAZOO's listing, and the one that only the worker answers to.
const LISTINGS: [&str; 2] = ["", "/kazoo_dynamic_cid"];

fn patterns(snapshot: &Snapshot, id: &str) -> Vec<Way> {
    listed(snapshot, id, "patterns").map(|(path, text)| Way::new(id, path, text)).collect()
}

fn numbers(snapshot: &Snapshot, id: &str) -> Vec<(String, String)> {
    // A capture group may also be stored in the document.
    let stored = snapshot.object(id).and_then(|it| json::text(it, "capture_group"));
    let numbers = listed(snapshot, id, "numbers").filter(|_| stored.is_none());
    numbers.map(|(_, number)| (id.to_owned(), number.to_owned())).collect()
}

fn listed<'a>(
    snapshot: &'a Snapshot,
    id: &str,
    member: &'a str,
) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
    let document = snapshot.documents.get(id);
    LISTINGS.into_iter().flat_map(move |listing| {
        let path = format!("{listing}/{member}");
        let items = document.and_then(|it| it.pointer(&path)).and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        items.filter_map(move |(index, item)| Some((format!("{path}/{index}"), item.as_str()?)))
    })
}
