//! The way through a callflow to the first `dynamic_cid` node.
//!
//! It leads along the branches `_` and into the callflows that `callflow` nodes branch to: what
//! stands under such a node's `_` waits on KAZOO's stack until the other callflow has stopped.
//!
//! Source: `cf_exe.erl` (`find_cf_module`, `update_actions`, `handle_cast` of `continue`, `branch`,
//! `stop`), `cf_callflow.erl`.

use serde_json::Value;

use super::entry::EntryError;
use super::scenario::{MODULE, Node};
use crate::callflow::{AccountId, Documents};
use crate::json::{self, Object};

/// KAZOO's own limit for branches of one call (`callflow.max_branch_count`).
const MAX_BRANCHES: usize = 50;
/// A way longer than this is a circle.
const MAX_NODES: usize = 1000;

/// Which nodes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those that KAZOO hands over.
    Remote,
    /// Those that KAZOO's own module runs, too.
    Any,
}

/// A place in a callflow document.
#[derive(Debug, Clone)]
struct Place {
    document: String,
    path: String,
    node: Object,
}

/// Walks from a flow's root to the node.
pub(super) async fn to_node<D: Documents>(
    documents: &D,
    account: &AccountId,
    callflow: &str,
    flow: Object,
    wanted: Wanted,
) -> Result<Node, EntryError> {
    let mut place = Place { document: callflow.to_owned(), path: "/flow".to_owned(), node: flow };
    let mut stacked: Vec<Place> = Vec::new();
    let mut passed: Vec<String> = Vec::new();
    let mut previous = None;
    let mut branches = 0;
    for _ in 0..MAX_NODES {
        let module = json::text(&place.node, "module").unwrap_or_default();
        let data = json::object(&place.node, "data").cloned().unwrap_or_default();
        let skipped = json::is_true(&data, "skip_module", false);
        let remote = json::is_true(&place.node, "remote_execution", false);
        if module == MODULE {
            let is_handed_over = remote || wanted == Wanted::Any;
            return node_at(place, skipped, is_handed_over, previous, stacked);
        }
        passed.push(module.clone());
        if !skipped {
            previous = Some(if remote { module.clone() } else { format!("cf_{module}") });
        }
        let other_flow = if module == "callflow" && !skipped && !remote && branches < MAX_BRANCHES {
            flow_of(documents, account, &data).await?
        } else {
            None
        };
        let child = place.child();
        place = match (other_flow, child) {
            (Some(root), child) => {
                branches += 1;
                stacked.extend(child);
                root
            }
            (None, Some(child)) => child,
            (None, None) => match stacked.pop() {
                Some(waiting) => waiting,
                None => break,
            },
        };
    }
    passed.dedup();
    let passed = match passed.len() {
        0 => "nothing".to_owned(),
        _ => format!("`{}`", passed.join("`, `")),
    };
    Err(EntryError::NoNode { callflow: callflow.to_owned(), passed })
}

fn node_at(
    place: Place,
    skipped: bool,
    is_handed_over: bool,
    previous: Option<String>,
    stacked: Vec<Place>,
) -> Result<Node, EntryError> {
    let Place { document, path, node } = place;
    if skipped {
        Err(EntryError::Skipped { callflow: document, path })
    } else if !is_handed_over {
        Err(EntryError::NotRemote { callflow: document, path, node: as_it_should_be(&node) })
    } else {
        let stacked = stacked.into_iter().map(|place| place.node).collect();
        Ok(Node { document, path, node, previous, stacked })
    }
}

/// The flow a `callflow` node branches to; without one KAZOO goes on with the node's own branch.
async fn flow_of<D: Documents>(
    documents: &D,
    account: &AccountId,
    data: &Object,
) -> Result<Option<Place>, EntryError> {
    let Some(id) = json::text(data, "id") else { return Ok(None) };
    match documents.callflow(account, &id).await {
        Ok(document) => Ok(document.and_then(|document| {
            let node = json::object(document.as_object()?, "flow")?.clone();
            (!node.is_empty()).then(|| Place { document: id, path: "/flow".to_owned(), node })
        })),
        Err(error) => Err(EntryError::Unreadable {
            what: format!("callflow `{id}`"),
            reason: error.to_string(),
        }),
    }
}

impl Place {
    fn child(&self) -> Option<Self> {
        let children = json::object(&self.node, "children")?;
        let node = json::object(children, "_").filter(|child| !child.is_empty())?.clone();
        let path = format!("{}/children/_", self.path);
        Some(Self { document: self.document.clone(), path, node })
    }
}

/// The beginning of a node with the key that hands it over; its children stay as they are.
fn as_it_should_be(node: &Object) -> String {
    let mut better = Object::new();
    for key in ["module", "remote_execution", "data"] {
        let value = match key {
            "remote_execution" => Some(Value::Bool(true)),
            _ => node.get(key).cloned(),
        };
        better.extend(value.map(|value| (key.to_owned(), value)));
    }
    let text = serde_json::to_string_pretty(&better).unwrap_or_default();
    text.strip_suffix("\n}").unwrap_or(&text).to_owned() + ",\n  \"children\": …\n}"
}
