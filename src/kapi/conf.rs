//! Document changes: which ones we want to hear of, and telling of our own.

use serde_json::json;

use super::inbound::Change;
use super::routing::document_key;
use super::{Exchange, Identity, Message};
use crate::json::Object;

/// Types of documents in account databases that decide a call.
///
/// KAZOO 5 keeps lists as contacts; the name of their type is not published, hence both forms.
const TYPES: [&str; 9] = [
    "account",
    "account_config",
    "callflow",
    "contact",
    "contacts",
    "device",
    "list",
    "list_entry",
    "user",
];

/// Databases of which every document counts.
const DATABASES: [&str; 2] = ["system_config", "system_schemas"];

/// Binding keys on `configuration` for everything the worker keeps in its cache.
///
/// Source: `kapi_conf.erl` (`get_routing_key`), `kzs_publish.erl`.
pub fn binding_keys() -> Vec<String> {
    let of_types = TYPES.iter().map(|doc_type| document_key("*", "*", doc_type, "*"));
    let of_databases = DATABASES.iter().map(|database| document_key("*", database, "*", "*"));
    let whole_databases = document_key("*", "*", "database", "*");
    of_types.chain(of_databases).chain([whole_databases]).collect()
}

/// A document that we changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed<'a> {
    /// What happened to it.
    pub event: Change,
    /// Its database in the encoded form.
    pub database: &'a str,
    /// Its `pvt_type`; `undefined` where it has none.
    pub doc_type: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The revision that was written.
    pub revision: &'a str,
}

impl Changed<'_> {
    /// The notice that KAZOO gives of its own writes. Its caches forget the document when they
    /// hear it.
    ///
    /// Source: `kapi_conf.erl` (`doc_update_definition`), `kz_amqp_util.erl`
    /// (`document_change_publish`).
    pub fn message(&self, identity: &Identity) -> Message {
        let event = self.event.as_str();
        let members = json!({
            "ID": self.id,
            "Database": self.database,
            "Type": self.doc_type,
            "Rev": self.revision,
            "Is-Soft-Deleted": false,
        });
        let members = members.as_object().cloned().unwrap_or_else(Object::new);
        let key = document_key(event, self.database, self.doc_type, self.id);
        Message::new(("configuration", event), members, identity, Exchange::Configuration, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_cover_what_is_cached() {
        let keys = binding_keys();
        for key in [
            "*.*.callflow.*",
            "*.*.list.*",
            "*.*.list_entry.*",
            "*.*.account.*",
            "*.*.device.*",
            "*.*.user.*",
            "*.*.database.*",
            "*.system_config.*.*",
            "*.system_schemas.*.*",
        ] {
            assert!(keys.iter().any(|each| each == key), "{key}");
        }
    }

    #[test]
    fn a_published_key_has_the_four_words_a_binding_expects() {
        let key = document_key("doc_edited", "system_config", "config", "callflow.dynamic_cid");
        assert_eq!(key, "doc_edited.system_config.config.callflow%2Edynamic_cid");
        for binding in binding_keys() {
            assert_eq!(binding.split('.').count(), key.split('.').count(), "{binding}");
        }
    }
}
