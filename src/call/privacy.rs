//! What a call's channel variables say of the caller's privacy.
//!
//! Source: `kz_privacy.erl` (`should_hide_number`, `should_hide_name`, `flags`).

use serde_json::Value;

use super::{Call, variables::CHANNEL_VARIABLES};
use crate::json;

impl Call {
    /// Whether the caller's number is to be hidden, from the channel variables.
    pub fn hides_number(&self) -> bool {
        // KAZOO looks up the nested variable under the *name's* key here; so do we.
        self.hides(
            &["hide_number", "number"],
            &[
                &["caller_id_options", "outbound_privacy"],
                &["privacy", "hide_number"],
                &["Privacy-Hide-Number"],
                &["Custom-Channel-Vars", "Privacy-Hide-Name"],
                &["Caller-Privacy-Hide-Number"],
                &["Custom-Channel-Vars", "Caller-Privacy-Hide-Number"],
                &["privacy_mode"],
            ],
        )
    }

    /// Whether the caller's name is to be hidden, from the channel variables.
    pub fn hides_name(&self) -> bool {
        self.hides(
            &["hide_name", "name"],
            &[
                &["caller_id_options", "outbound_privacy"],
                &["privacy", "hide_name"],
                &["Privacy-Hide-Name"],
                &["Custom-Channel-Vars", "Privacy-Hide-Name"],
                &["Caller-Privacy-Hide-Name"],
                &["Custom-Channel-Vars", "Caller-Privacy-Hide-Name"],
                &["privacy_mode"],
            ],
        )
    }

    fn hides(&self, words: &[&str], paths: &[&[&str]]) -> bool {
        let Some(variables) = self.0.inner(CHANNEL_VARIABLES) else { return false };
        let first = paths.iter().find_map(|path| match path {
            [] => None,
            [name] => variables.get(name),
            [name, inner @ ..] => json::at(variables.get(name)?.as_object()?, inner),
        });
        first.is_some_and(|value| match value {
            Value::String(word) => {
                words.contains(&word.as_str())
                    || matches!(word.as_str(), "yes" | "full" | "kazoo" | "true")
            }
            other => json::value_is_true(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn privacy_takes_the_first_variable_defined() {
        for (variables, number, name) in [
            (json!({}), false, false),
            (json!({"Privacy-Hide-Number": true}), true, false),
            (json!({"Privacy-Hide-Name": "true"}), false, true),
            (json!({"caller_id_options": {"outbound_privacy": "full"}}), true, true),
            (json!({"caller_id_options": {"outbound_privacy": "number"}}), true, false),
            (json!({"privacy_mode": "hide_name"}), false, true),
            (json!({"privacy": {"hide_number": false}, "privacy_mode": "full"}), false, true),
            (json!({"Custom-Channel-Vars": {"Privacy-Hide-Name": true}}), true, true),
            (json!({"Privacy-Hide-Number": null, "privacy_mode": "full"}), false, true),
        ] {
            let call = Call::new(
                json!({ "Custom-Channel-Vars": variables }).as_object().cloned().unwrap(),
            );
            assert_eq!((call.hides_number(), call.hides_name()), (number, name), "{variables}");
        }
    }
}
