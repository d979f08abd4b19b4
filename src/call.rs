//! The Call JSON: a call's state as KAZOO's applications hand it to each other.
//!
//! The object is kept whole; the accessors read it as `kapps_call:from_json` and the accessors of
//! `kapps_call` do, and the setters change every field that has to change together.
//!
//! Source: `kapps_call.erl` (`from_json`, `request_realm`, `to_realm`, `set_request`, `set_to`),
//! `kz_privacy.erl` (`should_hide_number`, `should_hide_name`).

use serde_json::Value;

use crate::json::{self, Object};

const NO_USER: &str = "nouser";
const NO_REALM: &str = "norealm";

/// A call, lossless.
#[derive(Debug, Clone, PartialEq)]
pub struct Call(Object);

/// Where a call goes after its destination was rewritten: Request, To and the callee together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The number as normalised by the system's rules; user part of Request and To.
    pub number: String,
    /// The same by the account's rules: what callflow looks up (`Request-User`).
    pub request_user: String,
}

impl Call {
    /// Takes the object as it is; nothing in it is required.
    pub fn new(object: Object) -> Self {
        Self(object)
    }

    /// The whole object.
    pub fn as_object(&self) -> &Object {
        &self.0
    }

    /// The whole object.
    pub fn into_object(self) -> Object {
        self.0
    }

    /// A field as `from_json` reads it: `None` where it is absent or empty.
    pub fn text(&self, key: &str) -> Option<String> {
        json::text(&self.0, key)
    }

    /// `Call-ID`.
    pub fn call_id(&self) -> Option<String> {
        self.text("Call-ID")
    }

    /// `Account-ID`, or the one among the channel variables.
    pub fn account_id(&self) -> Option<String> {
        self.text("Account-ID").or_else(|| self.channel_variable("Account-ID"))
    }

    /// `Fetch-ID` of the channel variables: which of the switch's requests this call came from.
    pub fn fetch_id(&self) -> Option<String> {
        self.channel_variable("Fetch-ID").or_else(|| self.text("Fetch-ID"))
    }

    /// `Authorizing-ID`, or the one among the channel variables: the endpoint that calls.
    pub fn authorizing_id(&self) -> Option<String> {
        self.text("Authorizing-ID").or_else(|| self.channel_variable("Authorizing-ID"))
    }

    /// The endpoint whose dial plan an off-net node applies: `Restricted-Endpoint-ID` of the
    /// key-value store, else [`authorizing_id`](Self::authorizing_id).
    pub fn dialling_endpoint_id(&self) -> Option<String> {
        let restricted = self.kvs("Restricted-Endpoint-ID").and_then(json::non_empty_text);
        restricted.or_else(|| self.authorizing_id())
    }

    fn channel_variable(&self, key: &str) -> Option<String> {
        json::text(json::object(&self.0, "Custom-Channel-Vars")?, key)
    }

    /// A value of the key-value store.
    pub fn kvs(&self, key: &str) -> Option<&Value> {
        json::object(&self.0, "Key-Value-Store")?.get(key)
    }

    /// `cf_capture_group`: what the callflow's pattern captured; `None` where it is empty.
    pub fn capture_group(&self) -> Option<&str> {
        self.kvs("cf_capture_group").and_then(Value::as_str).filter(|group| !group.is_empty())
    }

    /// `cf_capture_groups`: the pattern's named groups.
    pub fn capture_groups(&self) -> Option<&Object> {
        self.kvs("cf_capture_groups").and_then(Value::as_object)
    }

    /// The realm of `Request`.
    pub fn request_realm(&self) -> String {
        self.realm("Request", "Request-Realm")
    }

    /// The realm of `To`.
    pub fn to_realm(&self) -> String {
        self.realm("To", "To-Realm")
    }

    /// The realm's own field wins, unless it says nothing and the address has one.
    fn realm(&self, address: &str, field: &str) -> String {
        let realm = self.text(field).unwrap_or_else(|| NO_REALM.to_owned());
        if realm != NO_REALM {
            return realm;
        }
        let address = self.text(address);
        let split = address.as_deref().and_then(|address| address.split_once('@'));
        split.map_or(realm, |(_, realm)| realm.to_owned())
    }

    /// `Request-User`, or the user part of `Request` where the field says nothing.
    pub fn request_user(&self) -> String {
        let user = self.text("Request-User").unwrap_or_else(|| NO_USER.to_owned());
        if user != NO_USER {
            return user;
        }
        let request = self.text("Request");
        let split = request.as_deref().and_then(|request| request.split_once('@'));
        split.map_or(user, |(user, _)| user.to_owned())
    }

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
        let Some(variables) = json::object(&self.0, "Custom-Channel-Vars") else {
            return false;
        };
        let first = paths.iter().find_map(|path| json::at(variables, path));
        first.is_some_and(|value| match value {
            Value::String(word) => {
                words.contains(&word.as_str())
                    || matches!(word.as_str(), "yes" | "full" | "kazoo" | "true")
            }
            other => json::value_is_true(other),
        })
    }

    /// Sets `Caller-ID-Number` and the key-value store's `dynamic_cid`, as a text: KAZOO's own
    /// pair of number and name has no form in JSON.
    pub fn set_caller_id_number(&mut self, number: &str) {
        self.set("Caller-ID-Number", number);
        let store = self.0.entry("Key-Value-Store").or_insert_with(|| Value::Object(Object::new()));
        if !store.is_object() {
            *store = Value::Object(Object::new());
        }
        if let Some(store) = store.as_object_mut() {
            store.insert("dynamic_cid".to_owned(), Value::String(number.to_owned()));
        }
    }

    /// Sets `Caller-ID-Name`.
    pub fn set_caller_id_name(&mut self, name: &str) {
        self.set("Caller-ID-Name", name);
    }

    /// Sets Request and To in all three parts, and the callee's number.
    pub fn set_destination(&mut self, destination: &Destination) {
        let (request_realm, to_realm) = (self.request_realm(), self.to_realm());
        let number = &destination.number;
        self.set("Request", &format!("{number}@{request_realm}"));
        self.set("Request-User", &destination.request_user);
        self.set("Request-Realm", &request_realm);
        self.set("To", &format!("{number}@{to_realm}"));
        self.set("To-User", number);
        self.set("To-Realm", &to_realm);
        self.set("Callee-ID-Number", number);
    }

    fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(value: &Value) -> Call {
        Call::new(value.as_object().cloned().unwrap())
    }

    #[test]
    fn realms_fall_back_to_their_address() {
        for (fields, realm) in [
            (json!({}), "norealm"),
            (json!({"Request": "1@a.b"}), "a.b"),
            (json!({"Request": "1@a.b", "Request-Realm": "norealm"}), "a.b"),
            (json!({"Request": "1@a.b", "Request-Realm": "c.d"}), "c.d"),
            (json!({"Request": "nouser@norealm", "Request-Realm": "c.d"}), "c.d"),
            (json!({"Request": "rubbish"}), "norealm"),
        ] {
            assert_eq!(call(&fields).request_realm(), realm, "{fields}");
        }
    }

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
            let call = call(&json!({ "Custom-Channel-Vars": variables }));
            assert_eq!((call.hides_number(), call.hides_name()), (number, name), "{variables}");
        }
    }

    #[test]
    fn a_destination_changes_every_part_and_nothing_else() {
        let mut changed = call(&json!({
            "Request": "*2@a.b", "To": "*2@c.d", "To-Realm": "c.d", "Unknown": [1, {"x": null}],
            "Key-Value-Store": {"cf_flow_id": "f"},
        }));
        changed.set_caller_id_number("1555");
        changed.set_caller_id_name("Name");
        changed
            .set_destination(&Destination { number: "5551".into(), request_user: "+1514".into() });
        assert_eq!(
            Value::Object(changed.into_object()),
            json!({
                "Request": "5551@a.b", "Request-User": "+1514", "Request-Realm": "a.b",
                "To": "5551@c.d", "To-User": "5551", "To-Realm": "c.d", "Callee-ID-Number": "5551",
                "Caller-ID-Number": "1555", "Caller-ID-Name": "Name", "Unknown": [1, {"x": null}],
                "Key-Value-Store": {"cf_flow_id": "f", "dynamic_cid": "1555"},
            })
        );
    }

    #[test]
    fn an_empty_capture_group_is_none() {
        for (store, group) in [
            (json!({"cf_capture_group": "01"}), Some("01")),
            (json!({"cf_capture_group": ""}), None),
            (json!({"cf_capture_group": 5}), None),
            (json!({}), None),
        ] {
            assert_eq!(call(&json!({ "Key-Value-Store": store })).capture_group(), group);
        }
    }
}
