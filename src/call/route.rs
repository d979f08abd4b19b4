//! The Call that a route request begins, and what winning the route adds to it.
//!
//! Members of the messages that KAZOO's call does not have are left behind, and keys without a
//! value are left out.
//!
//! Source: `kapps_call.erl` of 4.3 (`from_route_req`, `from_route_win`, `to_proplist`,
//! `find_account_info`).

use serde_json::Value;

use super::Call;
use super::variables::{CHANNEL_VARIABLES, STORE};
use crate::directory::{AccountId, Database};
use crate::json::{self, LazyObject, Object};

const NOBODY: &str = "nouser@norealm";
const APPLICATION: (&str, &str) = ("callflow", "4.0.0");

/// The objects that a route win adds to.
const MERGED: [&str; 3] = ["Custom-Application-Vars", CHANNEL_VARIABLES, "Custom-SIP-Headers"];

/// What the channel variables of a message say of the call itself.
const FROM_VARIABLES: [&str; 6] =
    ["Authorizing-ID", "Authorizing-Type", "Bridge-ID", "Fetch-ID", "Inception", "Owner-ID"];

/// A route request of which KAZOO's handler dies, so that nobody answers it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCall {
    /// An address has no realm.
    #[error("`{field}` of the route request is `{value}`, not user@realm")]
    NoAddress {
        /// `To`, `From` or `Request`.
        field: &'static str,
        /// What it is instead.
        value: String,
    },
    /// `Request` has no user part, and there is nothing to normalise.
    #[error("`Request` of the route request is `{0}`, without a number before its realm")]
    NoNumber(String),
}

impl Call {
    /// The call of a `dialplan/route_req`.
    ///
    /// `request_user` normalises by the account's rules what is dialled; numbers that begin with
    /// `*` are not given to it, as KAZOO leaves them alone.
    ///
    /// The members are those of KAZOO's own JSON of the call, and behind them those that KAZOO
    /// reads but does not write: the application, `Context` and `Origination-Call-ID`. A caller
    /// without name or number has none here, while KAZOO's JSON would say `unknown` and
    /// `anonymous`; an empty one that is written stays, as KAZOO calls it by the account's words.
    pub fn from_route_req(
        request: &Object,
        request_user: impl FnOnce(&str) -> String,
    ) -> Result<Self, NoCall> {
        let to = Address::read(request, "To")?;
        let from = Address::read(request, "From")?;
        let dialled = Address::read(request, "Request")?;
        let number = match dialled.user() {
            "" => return Err(NoCall::NoNumber(dialled.whole)),
            feature_code if feature_code.starts_with('*') => feature_code.to_owned(),
            number => request_user(number),
        };
        let variables = merged(request, CHANNEL_VARIABLES, None);
        let variable = |key| json::text(&variables, key);
        let header = |key| json::text(request, key);
        let account = variable("Account-ID");
        let prefix =
            header("Prepend-CID-Name").map(|prefix| ("prepend_cid_name".into(), prefix.into()));

        let mut call = Self(LazyObject::default());
        call.put(STORE, Value::Object(prefix.into_iter().collect()));
        call.put_text("Account-DB", account.as_deref().map(database));
        call.put_text("Account-ID", account);
        for key in ["Authorizing-ID", "Authorizing-Type", "Bridge-ID"] {
            call.put_text(key, variable(key));
        }
        call.put("Call-Bridged", false.into());
        call.put_text(
            "Call-Direction",
            header("Call-Direction").or_else(|| Some("inbound".into())),
        );
        call.put_text("Call-ID", header("Call-ID"));
        call.put_text("Callee-ID-Name", header("Callee-ID-Name"));
        let callee = request.get("Callee-ID-Number").and_then(json::to_text);
        call.put_text("Callee-ID-Number", callee.or_else(|| Some(to.user().to_owned())));
        for key in ["Caller-ID-Name", "Caller-ID-Number"] {
            if let Some(written) = request.get(key).and_then(json::to_text) {
                call.put(key, written.into());
            }
        }
        call.put(
            "Custom-Application-Vars",
            merged(request, "Custom-Application-Vars", None).into(),
        );
        let forwarded = json::is_true(&variables, "Call-Forward", false);
        let (fetch_id, inception, owner) =
            (variable("Fetch-ID"), variable("Inception"), variable("Owner-ID"));
        call.put(CHANNEL_VARIABLES, variables.into());
        call.put("Custom-SIP-Headers", merged(request, "Custom-SIP-Headers", None).into());
        call.put_text("Fetch-ID", fetch_id);
        call.put_text("From-Realm", Some(from.realm().to_owned()));
        call.put_text("From-Tag", header("From-Tag"));
        call.put_text("From-User", Some(from.user().to_owned()));
        call.put_text("From", Some(from.whole));
        call.put_text("Inception", inception);
        call.put("Is-Recording", false.into());
        call.put("Is-Call-Forward", forwarded.into());
        call.put("Message-Left", false.into());
        call.put_text("Owner-ID", owner);
        call.put_text("Request-Realm", Some(dialled.realm().to_owned()));
        call.put_text("Request-User", Some(number));
        call.put_text("Request", Some(dialled.whole));
        for key in
            ["Resource-Type", "Switch-Hostname", "Switch-Nodename", "Switch-URI", "Switch-URL"]
        {
            call.put_text(key, header(key));
        }
        call.put_text("To-Realm", Some(to.realm().to_owned()));
        call.put_text("To-Tag", header("To-Tag"));
        call.put_text("To-User", Some(to.user().to_owned()));
        call.put_text("To", Some(to.whole));
        let (name, version) = APPLICATION;
        call.put("App-Name", name.into());
        call.put("App-Version", version.into());
        call.put_text("Context", header("Context"));
        call.put_text("Origination-Call-ID", header("Origination-Call-ID"));
        Ok(call)
    }

    /// Adds what a `dialplan/route_win` says: who controls the channel, and the channel variables
    /// as they are by now.
    ///
    /// KAZOO also sets the language of the prompts here, to the account's.
    pub fn apply_route_win(&mut self, win: &Object) {
        if let Some(call_id) = json::text(win, "Call-ID") {
            self.set("Call-ID", &call_id);
        }
        for key in MERGED {
            let together = merged(win, key, json::object(&self.0, key));
            self.put(key, together.into());
        }
        // The account is the first that was named.
        if self.text("Account-ID").is_none() {
            let account = self.channel_variable("Account-ID");
            self.put_text("Account-DB", account.as_deref().map(database));
            self.put_text("Account-ID", account);
        }
        for key in FROM_VARIABLES {
            self.put_text(key, self.channel_variable(key));
        }
        self.0.as_object_mut().shift_remove("Control-Queue");
        self.put_text("Control-Queue", json::text(win, "Control-Queue"));
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.as_object_mut().insert(key.to_owned(), value);
    }

    fn put_text(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.put(key, Value::String(value));
        }
    }
}

/// An object of a message, merged into what the call has of it.
fn merged(message: &Object, key: &str, into: Option<&Object>) -> Object {
    let nothing = Object::new();
    let Some(added) = json::object(message, key) else { return into.cloned().unwrap_or_default() };
    json::merge(into.unwrap_or(&nothing), added)
}

/// The encoded name of an account's database; what is no account id is left as it is.
fn database(account: &str) -> String {
    AccountId::new(account)
        .map_or_else(|| account.to_owned(), |account| Database::account(&account).encoded())
}

/// `user@realm`, split at the first `@`.
struct Address {
    whole: String,
    at: usize,
}

impl Address {
    fn read(request: &Object, field: &'static str) -> Result<Self, NoCall> {
        let whole = json::text(request, field).unwrap_or_else(|| NOBODY.to_owned());
        match whole.find('@') {
            Some(at) => Ok(Self { whole, at }),
            None => Err(NoCall::NoAddress { field, value: whole }),
        }
    }

    fn user(&self) -> &str {
        self.whole.get(..self.at).unwrap_or_default()
    }

    fn realm(&self) -> &str {
        self.whole.get(self.at + 1..).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
