//! A callflow's tree of nodes: `{"module", "data", "children": {branch: node}}`, where the branch
//! `_` is what follows when no other does.
//!
//! Source: `cf_exe.erl` (`find_cf_module`, `do_launch_cf_module`, `continue`, `branch`).

use serde_json::Value;

use crate::json::{self, Object};

/// The branch taken when no other is.
pub(super) const WILDCARD: &str = "_";

/// Whether a node runs a module.
pub fn runs(node: &Object, module: &str) -> bool {
    match node.get("module") {
        Some(Value::String(text)) => text == module,
        Some(other) => json::non_empty_text(other).as_deref() == Some(module),
        None => false,
    }
}

/// A node's data; anything but an object reads as empty.
pub(crate) fn data(node: &Object) -> Option<&Object> {
    json::object(node, "data")
}

/// The node under `_`. KAZOO neither runs nor stacks an empty one, so it is as none.
pub fn wildcard_child(node: &Object) -> Option<&Object> {
    let children = json::object(node, "children")?;
    json::object(children, WILDCARD).filter(|child| !child.is_empty())
}

/// Whether something follows the node on its branch `_`: then KAZOO keeps that on its stack while
/// a callflow branched to from here runs, and resumes it afterwards.
pub fn has_wildcard_child(node: &Object) -> bool {
    wildcard_child(node).is_some()
}

/// The callflow a `callflow` node branches to.
pub(crate) fn branches_to(node: &Object) -> Option<String> {
    let data = data(node)?;
    let runs = runs(node, "callflow") && !json::is_true(data, "skip_module", false);
    runs.then(|| json::text(data, "id")).flatten()
}

/// The branches of a node that hold nodes.
fn branches(node: &Object) -> impl Iterator<Item = (&str, &Object)> {
    json::object(node, "children")
        .into_iter()
        .flatten()
        .filter_map(|(branch, child)| Some((branch.as_str(), child.as_object()?)))
}

/// All nodes of a tree, nearest to the root first.
#[derive(Debug)]
pub(crate) struct Nodes<'a> {
    steps: Vec<Step<'a>>,
    /// Whether the tree was deeper than allowed; what lies deeper is left out.
    pub(crate) cut: bool,
}

#[derive(Debug)]
struct Step<'a> {
    node: &'a Object,
    /// The index of the node above and the branch that leads here from it.
    from: Option<(usize, &'a str)>,
    depth: usize,
}

impl<'a> Nodes<'a> {
    /// Walks a tree down to `max_depth` nodes below its root.
    pub(crate) fn of(root: &'a Object, max_depth: usize) -> Self {
        let mut nodes = Self { steps: vec![Step { node: root, from: None, depth: 0 }], cut: false };
        let mut next = 0;
        while let Some(&Step { node, depth, .. }) = nodes.steps.get(next) {
            for (branch, child) in branches(node) {
                if depth == max_depth {
                    nodes.cut = true;
                } else {
                    let from = Some((next, branch));
                    nodes.steps.push(Step { node: child, from, depth: depth + 1 });
                }
            }
            next += 1;
        }
        nodes
    }

    /// The nodes with an index that [`Nodes::path`] understands; 0 is the root.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &'a Object)> {
        self.steps.iter().map(|step| step.node).enumerate()
    }

    /// Where in the document a node stands, as a JSON pointer such as `/flow/children/_`.
    pub(crate) fn path(&self, index: usize) -> String {
        let mut branches = Vec::new();
        let mut at = self.steps.get(index);
        while let Some((above, branch)) = at.and_then(|step| step.from) {
            branches.push(branch);
            at = self.steps.get(above);
        }
        branches.iter().rev().fold("/flow".to_owned(), |path, branch| {
            path + "/children/" + &branch.replace('~', "~0").replace('/', "~1")
        })
    }
}

/// Whether two values are the same to KAZOO: the order of members and the spelling of numbers
/// (`10`, `10.0`, `1e1`) do not count.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => same_members(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            one == other || ((one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64())
        }
        _ => one == other,
    }
}

/// [`same`] of two objects.
pub(super) fn same_members(one: &Object, other: &Object) -> bool {
    one.len() == other.len()
        && one.iter().all(|(key, value)| other.get(key).is_some_and(|its| same(value, its)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        for (one, other, expected) in [
            ("10", "10.0", true),
            ("10", "1e1", true),
            ("10", "\"10\"", false),
            ("10", "11", false),
            ("0", "-0.0", true),
            ("9007199254740993", "9007199254740992", false),
            ("1", "true", false),
            ("null", "{}", false),
            (r#"{"a":1,"b":[2,{"c":3.0}]}"#, r#"{"b":[2.0,{"c":3}],"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            ("[1,2]", "[2,1]", false),
            ("[1,2]", "[1,2,3]", false),
            ("\"é\"", "\"\\u00e9\"", true),
        ] {
            let (one, other): (Value, Value) =
                (serde_json::from_str(one).unwrap(), serde_json::from_str(other).unwrap());
            assert_eq!(same(&one, &other), expected, "{one} {other}");
            assert_eq!(same(&other, &one), expected, "{other} {one}");
        }
    }

    #[test]
    fn nodes_are_found_nearest_first_with_their_paths() {
        let flow = object(json!({
            "module": "menu",
            "children": {
                "1": {"module": "a", "children": {"_": {"module": "c"}}},
                "a/b~": {"module": "b"},
                "2": "no node",
            },
        }));
        let nodes = Nodes::of(&flow, 100);
        let paths: Vec<String> = nodes.iter().map(|(index, _)| nodes.path(index)).collect();
        assert_eq!(
            paths,
            ["/flow", "/flow/children/1", "/flow/children/a~1b~0", "/flow/children/1/children/_"]
        );
        assert!(!nodes.cut);
        let shallow = Nodes::of(&flow, 1);
        assert_eq!((shallow.iter().count(), shallow.cut), (3, true));
        assert!(!Nodes::of(&flow, 2).cut);
    }

    #[test]
    fn an_empty_wildcard_is_none() {
        for (children, expected) in [
            (json!({"_": {"module": "play"}}), true),
            (json!({"_": {}}), false),
            (json!({"_": "play"}), false),
            (json!({"_": null}), false),
            (json!({"1": {"module": "play"}}), false),
            (json!([]), false),
        ] {
            let node = object(json!({ "children": children }));
            assert_eq!(has_wildcard_child(&node), expected, "{node:?}");
        }
        assert!(!has_wildcard_child(&Object::new()));
    }

    #[test]
    fn a_module_is_read_as_text() {
        for (node, module, expected) in [
            (json!({"module": "play"}), "play", true),
            (json!({"module": "play"}), "Play", false),
            (json!({"module": true}), "true", true),
            (json!({}), "play", false),
        ] {
            assert_eq!(runs(&object(node.clone()), module), expected, "{node}");
        }
    }
}
