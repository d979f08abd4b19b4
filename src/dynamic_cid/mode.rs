//! Which of the four things the action does.

use crate::json::{self, Object};

/// What a node asks for, after KAZOO's rule for nodes without a capture group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The caller types the number.
    Manual,
    /// Name and number stand in the node.
    Static,
    /// An entry of a list, by the first digits or by a named group.
    List,
    /// An entry of a list, by the first digits.
    Lists,
}

impl Mode {
    /// `action` decides, exactly and case-sensitively; without digits to choose an entry by,
    /// `list` and `lists` turn into manual entry (D5), and so does anything unknown.
    pub fn choose(data: &Object, has_capture_group: bool) -> Self {
        match json::text(data, "action").as_deref() {
            Some("static") => Self::Static,
            Some("list") if has_capture_group => Self::List,
            Some("lists") if has_capture_group => Self::Lists,
            _ => Self::Manual,
        }
    }

    /// The id of the list the mode needs, where it names one.
    ///
    /// `list` reads `id`; `lists` reads the first *defined* of the document id's places and
    /// takes nothing if that one is empty.
    pub fn list_id(self, data: &Object) -> Option<String> {
        match self {
            Self::List => json::text(data, "id"),
            Self::Lists => [&["_id"][..], &["id"], &["ID"], &["value", "id"], &["doc", "_id"]]
                .iter()
                .find_map(|path| json::at(data, path))
                .and_then(json::config::text),
            Self::Manual | Self::Static => None,
        }
    }

    /// The mode's name, as in `action`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Static => "static",
            Self::List => "list",
            Self::Lists => "lists",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(value: &Value) -> &Object {
        value.as_object().unwrap()
    }

    #[test]
    fn the_action_is_chosen_as_kazoo_does() {
        for (data, with_group, without) in [
            (json!({"action": "list"}), Mode::List, Mode::Manual),
            (json!({"action": "lists"}), Mode::Lists, Mode::Manual),
            (json!({"action": "static"}), Mode::Static, Mode::Static),
            (json!({"action": "manual"}), Mode::Manual, Mode::Manual),
            (json!({"action": "Lists"}), Mode::Manual, Mode::Manual),
            (json!({"action": ""}), Mode::Manual, Mode::Manual),
            (json!({"action": null}), Mode::Manual, Mode::Manual),
            (json!({"action": 5}), Mode::Manual, Mode::Manual),
            (json!({}), Mode::Manual, Mode::Manual),
        ] {
            assert_eq!(Mode::choose(object(&data), true), with_group, "{data}");
            assert_eq!(Mode::choose(object(&data), false), without, "{data}");
        }
    }

    #[test]
    fn a_mode_has_the_name_of_the_action_that_chooses_it() {
        for mode in [Mode::Manual, Mode::Static, Mode::List, Mode::Lists] {
            let data = json!({"action": mode.as_str()});
            assert_eq!(Mode::choose(object(&data), true), mode, "{data}");
        }
    }

    #[test]
    fn the_lists_id_is_the_first_defined_place() {
        for (data, list, lists) in [
            (json!({"id": "l"}), Some("l"), Some("l")),
            (json!({"_id": "l"}), None, Some("l")),
            (json!({"_id": "", "id": "l"}), Some("l"), None),
            (json!({"_id": null, "id": "l"}), Some("l"), None),
            (json!({"_id": "0", "id": "l"}), Some("l"), None),
            (json!({"value": {"id": "l"}}), None, Some("l")),
            (json!({"doc": {"_id": "l"}}), None, Some("l")),
            (json!({"id": 7}), Some("7"), Some("7")),
            (json!({}), None, None),
        ] {
            assert_eq!(Mode::List.list_id(object(&data)).as_deref(), list, "{data}");
            assert_eq!(Mode::Lists.list_id(object(&data)).as_deref(), lists, "{data}");
        }
    }
}
