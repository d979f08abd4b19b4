//! The settings KAZOO's module reads from `system_config`.

use serde_json::Value;

use crate::json::config::{self, CastError};

/// A setting whose stored value may be one that KAZOO's cast raises on.
pub type Setting<T> = Result<T, CastError>;

/// Every setting on the action's way, read with KAZOO's casts and defaults.
///
/// Source: `cf_dynamic_cid.erl` (records `prompts`, `dynamic_cid`), `kapps_call_command.erl`
/// (`default_*_timeout`), `kz_media_util.erl`, `kapps_call.erl`, `kz_privacy.erl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemConfig {
    /// `callflow.dynamic_cid` `accept_prompt`: sent as it stands.
    pub accept_prompt: String,
    /// `callflow.dynamic_cid` `reject_prompt`.
    pub reject_prompt: String,
    /// `callflow.dynamic_cid` `default_prompt`.
    pub default_prompt: String,
    /// `callflow.dynamic_cid` `max_digits`.
    pub max_digits: Setting<i64>,
    /// `callflow.dynamic_cid` `min_digits`, in bytes.
    pub min_digits: Setting<i64>,
    /// `callflow.dynamic_cid` `whitelist_regex`; the empty expression matches everything.
    pub whitelist_regex: Setting<String>,
    /// `call_command` `collect_timeout`, milliseconds until the first digit.
    pub collect_timeout: Setting<i64>,
    /// `call_command` `interdigit_timeout`, milliseconds between digits.
    pub interdigit_timeout: Setting<i64>,
    /// `call_command` `unknown_cid_name`: the name of a caller without one.
    pub unknown_cid_name: String,
    /// `privacy` `default_privacy_number`: the number of a caller without one.
    pub default_privacy_number: String,
    /// `media` `default_language`, in lower case.
    pub default_language: String,
    /// `media` `support_account_overrides`: whether accounts may have prompts of their own.
    pub support_account_overrides: bool,
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self::read(|_, _| None)
    }
}

impl SystemConfig {
    /// Reads every key through `get(category, key)`, which answers with the stored value.
    pub fn read<'a>(get: impl Fn(&str, &str) -> Option<&'a Value>) -> Self {
        let text = |category, key, default: &str| {
            get(category, key).and_then(config::text).unwrap_or_else(|| default.to_owned())
        };
        let integer =
            |category, key, default| get(category, key).map_or(Ok(default), config::integer);
        Self {
            accept_prompt: text(CATEGORY, "accept_prompt", "tone_stream://%(250,50,440)"),
            reject_prompt: text(CATEGORY, "reject_prompt", "dynamic-cid-invalid_using_default"),
            default_prompt: text(CATEGORY, "default_prompt", "dynamic-cid-enter_cid"),
            max_digits: integer(CATEGORY, "max_digits", DEFAULT_DIGITS),
            min_digits: integer(CATEGORY, "min_digits", DEFAULT_DIGITS),
            whitelist_regex: get(CATEGORY, "whitelist_regex")
                .map_or_else(|| Ok(DEFAULT_WHITELIST.to_owned()), config::any_text),
            collect_timeout: integer(COMMAND, "collect_timeout", DEFAULT_COLLECT_MS),
            interdigit_timeout: integer(COMMAND, "interdigit_timeout", DEFAULT_INTERDIGIT_MS),
            unknown_cid_name: text(COMMAND, "unknown_cid_name", "unknown"),
            default_privacy_number: text("privacy", "default_privacy_number", "anonymous"),
            default_language: text(MEDIA, "default_language", "en-us").to_ascii_lowercase(),
            support_account_overrides: get(MEDIA, "support_account_overrides")
                .is_none_or(crate::json::value_is_true),
        }
    }

    /// The settings that have no usable value, with the document they stand in.
    pub fn bad_settings(&self) -> Vec<(&'static str, &'static str, &CastError)> {
        [
            (CATEGORY, "max_digits", self.max_digits.as_ref().err()),
            (CATEGORY, "min_digits", self.min_digits.as_ref().err()),
            (CATEGORY, "whitelist_regex", self.whitelist_regex.as_ref().err()),
            (COMMAND, "collect_timeout", self.collect_timeout.as_ref().err()),
            (COMMAND, "interdigit_timeout", self.interdigit_timeout.as_ref().err()),
        ]
        .into_iter()
        .filter_map(|(document, key, error)| Some((document, key, error?)))
        .collect()
    }
}

/// The category of the action's own settings.
pub const CATEGORY: &str = "callflow.dynamic_cid";

const COMMAND: &str = "call_command";
const MEDIA: &str = "media";

/// `max_digits` and `min_digits` in KAZOO's code.
pub(super) const DEFAULT_DIGITS: i64 = 10;
/// `whitelist_regex` in KAZOO's code.
pub(super) const DEFAULT_WHITELIST: &str = r"\d+";
/// `collect_timeout` in KAZOO's code.
pub(super) const DEFAULT_COLLECT_MS: i64 = 5_000;
/// `interdigit_timeout` in KAZOO's code.
pub(super) const DEFAULT_INTERDIGIT_MS: i64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_settings_are_kazoos_defaults() {
        let config = SystemConfig::default();
        assert_eq!(config.max_digits, Ok(10));
        assert_eq!(config.collect_timeout, Ok(5000));
        assert_eq!(config.whitelist_regex.as_deref(), Ok(r"\d+"));
        assert_eq!(config.default_language, "en-us");
        assert!(config.support_account_overrides);
        assert!(config.bad_settings().is_empty());
    }

    #[test]
    fn stored_values_pass_kazoos_casts() {
        let stored = json!({
            "callflow.dynamic_cid": {
                "max_digits": "7", "min_digits": {}, "whitelist_regex": null, "accept_prompt": "0",
            },
            "media": {"default_language": "fr-FR", "support_account_overrides": 1},
        });
        let config = SystemConfig::read(|category, key| stored.get(category)?.get(key));
        assert_eq!(config.max_digits, Ok(7));
        assert_eq!(config.whitelist_regex.as_deref(), Ok("null"));
        assert_eq!(config.accept_prompt, "tone_stream://%(250,50,440)");
        assert_eq!(config.default_language, "fr-fr");
        assert!(!config.support_account_overrides);
        let bad = config.bad_settings();
        assert_eq!(bad.len(), 1);
        assert_eq!((bad[0].0, bad[0].1), ("callflow.dynamic_cid", "min_digits"));
    }
}
