//! What the action is given.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Departures, List, Mode, SystemConfig};
use crate::call::Call;
use crate::json::{self, Object};
use crate::numbers::{AccountRules, Rules};

/// One execution of a `dynamic_cid` node: its data and what of the call matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The node's `data`.
    pub data: Object,
    /// `Account-ID`; empty where the call has none.
    pub account_id: String,
    /// The caller's number, as `kapps_call:caller_id_number/1` answers.
    pub caller_number: String,
    /// The caller's name, as `kapps_call:caller_id_name/1` answers.
    pub caller_name: String,
    /// The call's language.
    pub language: String,
    /// `cf_capture_group`, never empty.
    pub capture_group: Option<String>,
    /// `cf_capture_groups`.
    pub capture_groups: Object,
}

impl Job {
    /// Reads the call; a caller without number or name gets the settings' stand-ins.
    pub fn new(data: Object, call: &Call, config: &SystemConfig) -> Self {
        let caller = |key, stand_in: &String| {
            let known = call.text(key).filter(|text| !json::text_is_empty(text));
            known.unwrap_or_else(|| stand_in.clone())
        };
        Self {
            data,
            account_id: call.account_id().unwrap_or_default(),
            caller_number: caller("Caller-ID-Number", &config.default_privacy_number),
            caller_name: caller("Caller-ID-Name", &config.unknown_cid_name),
            language: call.text("Language").unwrap_or_else(|| config.default_language.clone()),
            capture_group: call.capture_group().map(str::to_owned),
            capture_groups: call.capture_groups().cloned().unwrap_or_default(),
        }
    }

    /// What the node does.
    pub fn mode(&self) -> Mode {
        Mode::choose(&self.data, self.capture_group.is_some())
    }

    /// The list that has to be read before the action starts.
    pub fn list_id(&self) -> Option<String> {
        self.mode().list_id(&self.data)
    }
}

/// The list the job needs.
#[derive(Debug, Clone, Default)]
pub enum ListRead {
    /// The job needs none, or names none.
    #[default]
    NotNeeded,
    /// The list.
    Read(Arc<List>),
    /// The database did not give it.
    Failed,
}

/// Everything read before the action starts.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The settings.
    pub config: Arc<SystemConfig>,
    /// The system's number rules.
    pub rules: Arc<Rules>,
    /// The account's number rules.
    pub account_rules: Arc<AccountRules>,
    /// The list.
    pub list: ListRead,
    /// Where we differ from KAZOO.
    pub departures: Departures,
    /// Prompts of which the account has a version of its own, as KAZOO 4.3 looks for them.
    pub prompt_overrides: Arc<BTreeSet<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn job(data: Value, call: Value) -> Job {
        let object = |value: Value| value.as_object().cloned().unwrap();
        Job::new(object(data), &Call::new(object(call)), &SystemConfig::default())
    }

    #[test]
    fn a_list_is_read_only_for_what_was_dialled_behind_a_pattern() {
        let captured = json!({"Key-Value-Store": {"cf_capture_group": "0155"}});
        for (action, call, list) in [
            ("lists", captured.clone(), Some("l")),
            ("list", captured.clone(), Some("l")),
            ("lists", json!({}), None),
            ("static", captured.clone(), None),
            ("manual", captured, None),
        ] {
            let job = job(json!({"action": action, "id": "l"}), call);
            assert_eq!(job.list_id().as_deref(), list, "{action}");
        }
    }

    #[test]
    fn a_caller_without_name_or_number_is_called_as_the_settings_say() {
        for call in [json!({}), json!({"Caller-ID-Number": "0", "Caller-ID-Name": "undefined"})] {
            let job = job(json!({}), call);
            assert_eq!((&*job.caller_number, &*job.caller_name), ("anonymous", "unknown"));
            assert_eq!(job.language, "en-us");
        }
    }
}
