//! One category of KAZOO's system configuration.
//!
//! Source: `kapps_config.erl` (`get_value`, `get_zone_value`, `get_default_value`).

use serde_json::Value;

use super::Database;
use crate::json::{self, Object};

/// A `system_config` document as one node in one zone sees it.
///
/// A key's value is that of the node's section, else of the zone's, else of `default`, each key on
/// its own. A JSON `null` is a value like any other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Category {
    name: String,
    revision: Option<String>,
    /// Sections that apply here, first the one that wins.
    sections: Vec<(String, Object)>,
}

impl Category {
    /// Reads a document, or the absence of one. `node` is a full name, `name@host`.
    ///
    /// A section that is no object is left out with a warning; KAZOO's reader dies of it.
    pub fn new(name: &str, document: Option<&Value>, node: Option<&str>, zone: &str) -> Self {
        let mut sections: Vec<(String, Object)> = Vec::new();
        for section in node.into_iter().chain([zone, "default"]) {
            match document.and_then(|document| document.get(section)) {
                None => {}
                Some(_) if sections.iter().any(|(taken, _)| taken == section) => {}
                Some(Value::Object(members)) => {
                    sections.push((section.to_owned(), members.clone()));
                }
                Some(_) => tracing::warn!(
                    database = Database::system_config().name(),
                    document = name,
                    section,
                    "the section is no JSON object and is left out"
                ),
            }
        }
        let revision = document.and_then(|document| document.get("_rev")?.as_str());
        Self { name: name.to_owned(), revision: revision.map(str::to_owned), sections }
    }

    /// The category, which is the document's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document's revision; none where there is no document.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// A key's value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.sections.iter().find_map(|(_, section)| section.get(key))
    }

    /// The value under a path of keys, searched in each section as a whole.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        self.sections.iter().find_map(|(_, section)| json::at(section, path))
    }

    /// A key's values in all sections that have it, first the one that wins.
    pub fn all(&self, key: &str) -> Vec<&Value> {
        self.sections.iter().filter_map(|(_, section)| section.get(key)).collect()
    }

    /// The section a key's value comes from: the node's name, the zone's, or `default`.
    pub fn origin(&self, key: &str) -> Option<&str> {
        let (origin, _) = self.sections.iter().find(|(_, section)| section.contains_key(key))?;
        Some(origin)
    }

    /// The sections that apply here, first the one that wins.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.sections.iter().map(|(name, section)| (name.as_str(), section))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NODE: &str = "kazoo_apps@apps1.example.com";

    fn document() -> Value {
        json!({
            "_id": "callflow.dynamic_cid",
            "_rev": "6-9c",
            "default": { "a": "default", "b": "default", "c": "default", "d": 1,
                "worker": { "x": "default", "y": "default" } },
            "east": { "b": "east", "c": "east", "d": null, "worker": { "x": "east" } },
            NODE: { "c": "node" },
            "broken": "text",
        })
    }

    #[test]
    fn each_key_is_searched_in_node_zone_and_default_on_its_own() {
        let category = Category::new("x", Some(&document()), Some(NODE), "east");
        for (key, value, origin) in [
            ("a", Some(json!("default")), Some("default")),
            ("b", Some(json!("east")), Some("east")),
            ("c", Some(json!("node")), Some(NODE)),
            ("d", Some(json!(null)), Some("east")),
            ("e", None, None),
        ] {
            assert_eq!(category.get(key), value.as_ref(), "{key}");
            assert_eq!(category.origin(key), origin, "{key}");
        }
        assert_eq!(category.revision(), Some("6-9c"));
    }

    #[test]
    fn sections_of_others_do_not_count() {
        let category = Category::new("x", Some(&document()), None, "local");
        assert_eq!(category.get("b"), Some(&json!("default")));
        assert_eq!(category.sections().map(|(name, _)| name).collect::<Vec<_>>(), ["default"]);
        let category = Category::new("x", Some(&document()), None, "default");
        assert_eq!(category.sections().count(), 1);
    }

    #[test]
    fn a_section_that_is_no_object_is_left_out() {
        let category = Category::new("x", Some(&document()), Some("broken"), "east");
        assert_eq!(category.get("a"), Some(&json!("default")));
        assert_eq!(category.get("b"), Some(&json!("east")));
    }

    #[test]
    fn without_a_document_no_key_has_a_value() {
        for document in [None, Some(json!([])), Some(json!({}))] {
            let category = Category::new("x", document.as_ref(), Some(NODE), "east");
            assert_eq!(category.get("a"), None);
            assert_eq!(category.revision(), None);
        }
    }

    #[test]
    fn a_path_is_searched_in_each_section() {
        let category = Category::new("x", Some(&document()), None, "east");
        assert_eq!(category.at(&["worker", "x"]), Some(&json!("east")));
        assert_eq!(category.at(&["worker", "y"]), Some(&json!("default")));
        assert_eq!(category.at(&["worker", "z"]), None);
        assert_eq!(
            category.all("worker"),
            [&json!({ "x": "east" }), &json!({ "x": "default", "y": "default" })]
        );
    }
}
