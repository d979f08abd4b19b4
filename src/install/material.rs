//! The documents that this program can put.

use serde_json::Value;

use crate::directory::{AccountId, Database};
use crate::json::Object;
use crate::schema;

/// The settings, by category: `system_configs/`.
const SETTINGS: [(&str, &str); 1] =
    [("callflow.dynamic_cid", include_str!("../../system_configs/callflow.dynamic_cid.json"))];

/// The view for callflows that only workers know: `docs/route-seam.md`.
const VIEW: &str = include_str!("../../deploy/couchdb/design/kazoo_dynamic_cid.json");

/// What kind of document it is, which decides what may be added to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Settings: each key that is missing is added on its own.
    Settings,
    /// A schema or a design document: put as a whole where there is none.
    Whole,
}

/// A document to put.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The database; it must exist.
    pub database: Database,
    /// The document's id.
    pub id: String,
    /// How it is put.
    pub kind: Kind,
    /// Its members but for `_id` and those that begin with `pvt_`.
    pub content: Object,
    /// The members that begin with `pvt_`, for a document that is created.
    pub private: Object,
}

impl Item {
    fn read(database: Database, kind: Kind, text: &str) -> Option<Self> {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else { return None };
        let id = members.get("_id")?.as_str()?.to_owned();
        let (private, content) = members
            .into_iter()
            .filter(|(key, _)| !key.starts_with('_'))
            .partition(|(key, _)| key.starts_with("pvt_"));
        Some(Self { database, id, kind, content, private })
    }

    /// The type that KAZOO's change notices give such a document; none for design documents, of
    /// which KAZOO tells nobody.
    pub fn notice_type(&self) -> Option<&str> {
        let own = self.private.get("pvt_type").and_then(Value::as_str);
        (!self.id.starts_with("_design/")).then(|| own.unwrap_or("undefined"))
    }
}

/// What the whole cluster shares: settings and schemas. The texts are compiled in, and a test reads
/// each of them.
pub fn shared() -> Vec<Item> {
    let settings = SETTINGS
        .iter()
        .filter_map(|(_, text)| Item::read(Database::system_config(), Kind::Settings, text));
    let schemas = schema::documents()
        .filter_map(|(_, text)| Item::read(Database::system_schemas(), Kind::Whole, text));
    settings.chain(schemas).collect()
}

/// The view of an account's callflows that only workers take.
pub fn view(account: &AccountId) -> Option<Item> {
    Item::read(Database::account(account), Kind::Whole, VIEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_document_of_its_name() {
        let items = shared();
        let names =
            SETTINGS.iter().map(|(name, _)| *name).chain(schema::documents().map(|it| it.0));
        assert!(items.iter().map(|item| item.id.as_str()).eq(names));
        let account = AccountId::new("1234567890abcdef1234567890abcdef").unwrap();
        assert_eq!(view(&account).unwrap().id, "_design/kazoo_dynamic_cid");
    }

    #[test]
    fn every_file_of_settings_is_put() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/system_configs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .collect();
        files.sort();
        assert!(files.iter().map(String::as_str).eq(SETTINGS.iter().map(|(name, _)| *name)));
    }

    #[test]
    fn only_what_kazoo_tells_of_has_a_type_for_notices() {
        let items = shared();
        assert_eq!(items[0].notice_type(), Some("config"));
        assert_eq!(items[1].notice_type(), Some("undefined"));
        let account = AccountId::new("1234567890abcdef1234567890abcdef").unwrap();
        assert_eq!(view(&account).unwrap().notice_type(), None);
    }
}
