//! A found flow, changed so that its off-net nodes dial the destination we found.
//!
//! A static node leaves the whole capture group, key digits included, in the call's Request, and
//! `resources` would dial that. A number in the node's own data, `to_did`, goes before it.
//!
//! Source: `cf_resources.erl` (`get_to_did`), `cf_offnet.erl` (the same with other resources).

use serde_json::Value;

use super::did::Did;
use super::flow::{self, Nodes};
use crate::json::{self, Object};

/// How large a flow may be to be sent in a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineLimits {
    /// Nodes below the root.
    pub depth: usize,
    /// Nodes in all.
    pub nodes: usize,
}

impl Default for InlineLimits {
    fn default() -> Self {
        Self { depth: 100, nodes: 10_000 }
    }
}

/// Why a flow is not sent whole; a `callflow` node is the answer then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InlineError {
    /// Too many levels.
    #[error("the flow has more than {0} levels of nodes")]
    TooDeep(usize),
    /// Too many nodes.
    #[error("the flow has more than {0} nodes")]
    TooLarge(usize),
}

/// A flow with the destination in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inlined {
    /// The flow: every `resources` and `offnet` node, on whatever branch, has `to_did` in its
    /// data; all else is as it was, in its order. An operator's own `to_did` stays.
    pub flow: Object,
    /// How many nodes were given the destination. With none, the flow does not dial out by itself.
    pub placed: usize,
    /// Callflows that the flow branches to: what these dial is left to them.
    pub branches_to: Vec<String>,
}

/// Puts the destination into every off-net node of a flow.
pub fn inline_with_did(
    flow: &Object,
    did: &Did,
    limits: InlineLimits,
) -> Result<Inlined, InlineError> {
    let nodes = Nodes::of(flow, limits.depth);
    if nodes.cut {
        return Err(InlineError::TooDeep(limits.depth));
    }
    if nodes.iter().count() > limits.nodes {
        return Err(InlineError::TooLarge(limits.nodes));
    }
    let branches_to = nodes.iter().filter_map(|(_, node)| flow::branches_to(node)).collect();
    let mut inlined = Inlined { flow: flow.clone(), placed: 0, branches_to };
    inlined.placed = place(&mut inlined.flow, did);
    Ok(inlined)
}

/// As deep as [`Nodes`] allowed.
fn place(node: &mut Object, did: &Did) -> usize {
    let dials = flow::runs(node, "resources") || flow::runs(node, "offnet");
    let placed = dials && set(node, did);
    let children = node.get_mut("children").and_then(Value::as_object_mut);
    let below: usize = children
        .into_iter()
        .flat_map(Object::values_mut)
        .filter_map(Value::as_object_mut)
        .map(|child| place(child, did))
        .sum();
    usize::from(placed) + below
}

fn set(node: &mut Object, did: &Did) -> bool {
    // KAZOO reads data that is no object as an empty one, so nothing of use is lost.
    if flow::data(node).is_none() {
        node.insert("data".to_owned(), Value::Object(Object::new()));
    }
    let Some(data) = node.get_mut("data").and_then(Value::as_object_mut) else { return false };
    if json::text(data, "to_did").is_some() {
        return false;
    }
    let number = did.for_data(data).to_owned();
    data.insert("to_did".to_owned(), number.into());
    true
}

#[cfg(test)]
#[path = "inline_tests.rs"]
mod tests;
