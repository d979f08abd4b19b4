//! A call's channel variables and its key-value store.
//!
//! Some channel variables are fields of the call as well; whatever sets one sets the other.
//!
//! Source: `kapps_call.erl` (`SPECIAL_VARS`, `set_custom_channel_vars`, `updateable_ccvs`,
//! `insert_custom_channel_var`, `remove_custom_channel_vars`, `kvs_store`).

use serde_json::Value;

use super::Call;
use crate::json::{self, Object};

pub(super) const CHANNEL_VARIABLES: &str = "Custom-Channel-Vars";
pub(super) const STORE: &str = "Key-Value-Store";

/// The channel variables that are fields, too.
const FIELDS: [&str; 9] = [
    "Account-ID",
    "Authorizing-ID",
    "Authorizing-Type",
    "Bridge-ID",
    "Caller-ID-Name",
    "Caller-ID-Number",
    "Fetch-ID",
    "Owner-ID",
    "Inception",
];

/// What a `set` command repeats although the channel has it already.
const ALWAYS_SENT: [&str; 2] = ["Privacy-Hide-Name", "Privacy-Hide-Number"];

impl Call {
    /// The channel variables; `None` where the call has none.
    pub fn channel_variables(&self) -> Option<&Object> {
        json::object(&self.0, CHANNEL_VARIABLES)
    }

    pub(super) fn channel_variable(&self, key: &str) -> Option<String> {
        self.0.inner(CHANNEL_VARIABLES)?.get(key).and_then(json::non_empty_text)
    }

    /// Sets channel variables, and returns what KAZOO's one `set` command would carry of them: what
    /// changed, and the privacy flags in any case.
    pub fn set_channel_variables(&mut self, variables: &Object) -> Object {
        let mut sent = Object::new();
        self.edit(CHANNEL_VARIABLES, |known| {
            for (key, value) in variables {
                let before = known.insert(key.clone(), value.clone());
                if ALWAYS_SENT.contains(&key.as_str()) || before.as_ref() != Some(value) {
                    sent.insert(key.clone(), value.clone());
                }
            }
        });
        self.fields_from_variables();
        sent
    }

    /// Sets one channel variable that the channel itself need not know.
    pub fn insert_channel_variable(&mut self, key: &str, value: Value) {
        self.edit(CHANNEL_VARIABLES, |variables| _ = variables.insert(key.to_owned(), value));
        self.fields_from_variables();
    }

    /// Removes a channel variable, and the field that goes with it.
    pub fn remove_channel_variable(&mut self, key: &str) {
        self.edit(CHANNEL_VARIABLES, |variables| _ = variables.shift_remove(key));
        if FIELDS.contains(&key) {
            self.0.as_object_mut().shift_remove(key);
        }
    }

    /// A value of the key-value store.
    pub fn kvs(&self, key: &str) -> Option<&Value> {
        self.0.inner(STORE)?.get(key)
    }

    /// Sets a value of the key-value store.
    pub fn set_kvs(&mut self, key: &str, value: Value) {
        self.edit(STORE, |store| _ = store.insert(key.to_owned(), value));
    }

    /// Removes a value from the key-value store.
    pub fn remove_kvs(&mut self, key: &str) {
        self.edit(STORE, |store| _ = store.shift_remove(key));
    }

    /// Sets a value of the key-value store, or removes it.
    pub fn store_kvs(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => self.set_kvs(key, value),
            None => self.remove_kvs(key),
        }
    }

    /// KAZOO looks at every such variable whichever was set.
    fn fields_from_variables(&mut self) {
        for key in FIELDS {
            let value = self.channel_variables().and_then(|variables| variables.get(key));
            if let Some(value) = value.filter(|value| !json::is_empty(value)) {
                let value = value.clone();
                self.0.as_object_mut().insert(key.to_owned(), value);
            }
        }
    }

    /// Changes the object under a key; anything else there is replaced by an empty one.
    fn edit(&mut self, key: &str, change: impl FnOnce(&mut Object)) {
        let member = self.0.as_object_mut().entry(key).or_insert(Value::Null);
        if !member.is_object() {
            *member = Value::Object(Object::new());
        }
        if let Some(object) = member.as_object_mut() {
            change(object);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_set_carries_what_changed_and_the_privacy_flags() {
        for (before, set, sent) in [
            (json!({}), json!({"A": "1"}), json!({"A": "1"})),
            (json!({"A": "1", "B": "1"}), json!({"A": "1", "B": "2"}), json!({"B": "2"})),
            (json!({"A": 1}), json!({"A": "1"}), json!({"A": "1"})),
            (
                json!({"Privacy-Hide-Name": false}),
                json!({"Privacy-Hide-Name": false}),
                json!({"Privacy-Hide-Name": false}),
            ),
            (json!({"A": "1"}), json!({}), json!({})),
        ] {
            let mut call = Call::new(object(json!({ "Custom-Channel-Vars": before })));
            let result = call.set_channel_variables(&object(set.clone()));
            assert_eq!(Value::Object(result), sent, "{before} {set}");
            for (key, value) in &object(set) {
                assert_eq!(call.channel_variables().unwrap().get(key), Some(value));
            }
        }
    }

    #[test]
    fn variables_that_are_fields_change_both() {
        let mut call = Call::new(object(json!({
            "Authorizing-ID": "dev1", "Inception": "x", "Caller-ID-Name": "Field",
            "Custom-Channel-Vars": {"Authorizing-ID": "dev1", "Caller-ID-Number": "1555"},
        })));
        call.insert_channel_variable("CallFlow-ID", json!("f"));
        assert_eq!(call.text("Caller-ID-Number").as_deref(), Some("1555"));
        assert_eq!(call.text("Caller-ID-Name").as_deref(), Some("Field"));
        call.insert_channel_variable("Inception", json!(""));
        assert_eq!(call.inception().as_deref(), Some("x"));
        call.remove_channel_variable("Authorizing-ID");
        call.remove_channel_variable("CallFlow-ID");
        assert_eq!(call.authorizing_id(), None);
        assert_eq!(
            json!(call.channel_variables()),
            json!({"Caller-ID-Number": "1555", "Inception": ""})
        );
    }

    #[test]
    fn the_store_is_made_where_there_is_none() {
        for stored in [json!({}), json!({"Key-Value-Store": []}), json!({"Key-Value-Store": {}})] {
            let mut call = Call::new(object(stored));
            call.remove_kvs("a");
            call.set_kvs("a", json!(false));
            call.store_kvs("b", Some(json!("x")));
            call.store_kvs("a", None);
            assert_eq!(json!(call.to_object()), json!({"Key-Value-Store": {"b": "x"}}));
        }
    }
}
