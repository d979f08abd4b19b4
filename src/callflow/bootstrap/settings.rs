//! What a call's first steps read from `system_config`.

use serde_json::Value;

use crate::dynamic_cid::SystemConfig;
use crate::json;

const CALLFLOW: &str = "callflow";

/// The settings, read with KAZOO's casts and defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// `media` `default_language`, in lower case.
    pub default_language: String,
    /// `media` `support_account_overrides`: whether accounts may have a language of their own.
    pub support_account_overrides: bool,
    /// `call_command` `unknown_cid_name`: the name of a caller without one.
    pub unknown_cid_name: String,
    /// `privacy` `default_privacy_number`: the number of a caller without one.
    pub default_privacy_number: String,
    /// `callflow` `ensure_valid_caller_id`: whether callers from outside are looked up in the
    /// number databases, if their caller id is replaced.
    pub ensure_valid_caller_id: bool,
    /// `callflow` `authz_contexts`: the contexts whose calls `no_match` may take; none unless
    /// `allow_authz_context_overrides` is set.
    pub authz_contexts: Vec<String>,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self::read(|_, _| None)
    }
}

impl BootstrapSettings {
    /// Reads every key through `get(category, key)`, which answers with the stored value.
    ///
    /// Categories: `call_command`, `callflow`, `media`, `privacy`.
    pub fn read<'a>(get: impl Fn(&str, &str) -> Option<&'a Value>) -> Self {
        let shared = SystemConfig::read(&get);
        let flag = |key| get(CALLFLOW, key).is_some_and(json::value_is_true);
        let contexts = get(CALLFLOW, "authz_contexts")
            .filter(|_| flag("allow_authz_context_overrides"))
            .and_then(texts);
        Self {
            default_language: shared.default_language,
            support_account_overrides: shared.support_account_overrides,
            unknown_cid_name: shared.unknown_cid_name,
            default_privacy_number: shared.default_privacy_number,
            ensure_valid_caller_id: flag("ensure_valid_caller_id"),
            authz_contexts: contexts.unwrap_or_default(),
        }
    }
}

/// `get_ne_binaries`: an array of texts that are not empty, or nothing.
fn texts(value: &Value) -> Option<Vec<String>> {
    let text =
        |item: &Value| item.as_str().filter(|text| !json::text_is_empty(text)).map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(stored: &Value) -> BootstrapSettings {
        BootstrapSettings::read(|category, key| stored.get(category)?.get(key))
    }

    #[test]
    fn absent_settings_are_kazoos_defaults() {
        let settings = BootstrapSettings::default();
        assert_eq!(settings.default_language, "en-us");
        assert!(settings.support_account_overrides && !settings.ensure_valid_caller_id);
        assert_eq!(settings.unknown_cid_name, "unknown");
        assert_eq!(settings.default_privacy_number, "anonymous");
        assert!(settings.authz_contexts.is_empty());
    }

    #[test]
    fn contexts_count_where_they_may_and_are_texts() {
        for (allowed, contexts, read_as) in [
            (json!(true), json!(["a", "b"]), &["a", "b"][..]),
            (json!("true"), json!(["a"]), &["a"]),
            (json!(false), json!(["a"]), &[]),
            (json!(1), json!(["a"]), &[]),
            (json!(true), json!(["a", ""]), &[]),
            (json!(true), json!("a"), &[]),
        ] {
            let callflow =
                json!({"allow_authz_context_overrides": allowed, "authz_contexts": contexts});
            let settings = read(&json!({ "callflow": callflow }));
            assert_eq!(settings.authz_contexts, read_as, "{allowed} {contexts}");
        }
        let settings = read(&json!({"callflow": {"ensure_valid_caller_id": "true"}}));
        assert!(settings.ensure_valid_caller_id);
    }
}
