//! Which document changes we want to hear of.

use super::routing::document_key;

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
