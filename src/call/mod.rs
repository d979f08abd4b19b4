//! The Call JSON: a call's state as KAZOO's applications hand it to each other.
//!
//! The object is kept whole; the accessors read it as `kapps_call:from_json` and the accessors of
//! `kapps_call` do, and the setters change every field that has to change together.
//!
//! Source: `kapps_call.erl` (`from_json`, `request_realm`, `to_realm`, `set_request`, `set_to`).

mod packed;
mod privacy;
mod route;
mod variables;

use std::borrow::Cow;

use serde_json::Value;

pub use packed::Packed;
pub use route::NoCall;

use crate::json::{self, LazyObject, Members, Object};

const NO_USER: &str = "nouser";
const NO_REALM: &str = "norealm";

/// A call, lossless.
#[derive(Debug, Clone, PartialEq)]
pub struct Call(LazyObject);

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
    pub fn new(object: impl Into<LazyObject>) -> Self {
        Self(object.into())
    }

    /// The whole object.
    pub fn to_object(&self) -> Cow<'_, Object> {
        self.0.to_object()
    }

    /// A member of the object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.member(key)
    }

    /// The call, of which nothing is left here.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    /// The whole object.
    pub fn into_object(self) -> Object {
        self.0.into_object()
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

    /// `Authorizing-Type`: what kind of endpoint that is.
    pub fn authorizing_type(&self) -> Option<String> {
        self.text("Authorizing-Type")
    }

    /// `Inception`: where the call entered the cluster, if it came from outside.
    pub fn inception(&self) -> Option<String> {
        self.text("Inception")
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

    /// Sets `Caller-ID-Number` and the key-value store's `dynamic_cid`, as a text: KAZOO's own
    /// pair of number and name has no form in JSON.
    pub fn set_caller_id_number(&mut self, number: &str) {
        self.set("Caller-ID-Number", number);
        self.set_kvs("dynamic_cid", Value::from(number));
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

    /// Sets `Call-ID`: it can change while the call lasts.
    pub fn set_call_id(&mut self, call_id: &str) {
        self.set("Call-ID", call_id);
    }

    /// Sets the caller's number or name, `Caller-ID-Number` or `Caller-ID-Name`, and nothing else; an
    /// empty one is removed.
    pub fn set_caller(&mut self, key: &str, value: &str) {
        self.0.as_object_mut().shift_remove(key);
        if !value.is_empty() {
            self.set(key, value);
        }
    }

    /// Sets `Language`: that of the prompts.
    pub fn set_language(&mut self, language: &str) {
        self.set("Language", language);
    }

    /// Sets `Controller-Queue`: the queue of who controls the call.
    pub fn set_controller_queue(&mut self, queue: &str) {
        self.set("Controller-Queue", queue);
    }

    fn set(&mut self, key: &str, value: &str) {
        self.0.as_object_mut().insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

#[cfg(test)]
mod tests;
