//! Merging an endpoint of documents, member by member, and what KAZOO dies of while it does.
//!
//! Source: `kz_endpoint_v5.erl`, in 4.3 `kz_endpoint.erl` (`merge_attribute`).

use super::kz_json::{self, NoMembers};
use crate::json::{self, Object};

/// A shape that KAZOO's merge dies of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{path}` of the {whose} is {value}, of which KAZOO dies when it merges the endpoint: make it \
     an object or remove it"
)]
pub struct Misshapen {
    /// The document's part in the merge and its id: "owner `usr1`".
    pub whose: String,
    /// Dotted path of the member, such as `call_restriction.did_us`.
    pub path: String,
    /// The value as JSON text, shortened.
    pub value: String,
}

impl Misshapen {
    pub(super) fn new(part: &str, document: &Object, raised: &NoMembers) -> Self {
        let whose = match json::text(document, "_id") {
            Some(id) => format!("{part} `{id}`"),
            None => part.to_owned(),
        };
        Self { whose, path: raised.path.join("."), value: raised.value.clone() }
    }
}

/// A merge under way, with the first shape that KAZOO would have died of.
#[derive(Debug, Default)]
pub(super) struct Merging {
    pub(super) misshapen: Option<Misshapen>,
    /// Whether the restrictions of users logged on are read whatever shape they have (4.3).
    pub(super) strict_users: bool,
}

impl Merging {
    /// The result, or nothing where KAZOO raised.
    pub(super) fn note<T>(
        &mut self,
        part: &str,
        document: &Object,
        result: Result<T, NoMembers>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(raised) => {
                self.misshapen.get_or_insert_with(|| Misshapen::new(part, document, &raised));
                None
            }
        }
    }

    /// An object under a key; empty values count as none.
    pub(super) fn object<'a>(
        &mut self,
        part: &str,
        document: &'a Object,
        key: &str,
    ) -> Option<&'a Object> {
        let member = document.get(key).filter(|member| !json::is_empty(member))?;
        let object = member.as_object().ok_or_else(|| NoMembers::new(&[key], member));
        self.note(part, document, object)
    }

    /// The objects that three documents have under a key, merged; what comes later goes before.
    pub(super) fn layers(&mut self, key: &str, layers: [(&str, &Object); 3]) -> Object {
        let objects = layers.map(|(part, document)| self.object(part, document, key));
        self.overlaid(key, layers, objects)
    }

    /// [`layers`](Self::layers) of objects at hand.
    pub(super) fn overlaid(
        &mut self,
        key: &str,
        [first, second, _]: [(&str, &Object); 3],
        [lowest, middle, highest]: [Option<&Object>; 3],
    ) -> Object {
        let mut merged = lowest.cloned().unwrap_or_default();
        // What is in the way of an object's members lies in one merged before it.
        let either = format!("{} or {}", first.0, second.0);
        let nobody = Object::new();
        for (before, document, object) in
            [(first.0, first.1, middle), (either.as_str(), &nobody, highest)]
        {
            if let Some(object) = object {
                let merging = kz_json::merge_non_empty(&mut merged, object);
                self.note(before, document, merging.map_err(|raised| raised.below(key)));
            }
        }
        merged
    }
}
