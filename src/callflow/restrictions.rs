//! The call restrictions and the dial plan of a merged endpoint, and what they say of a number.
//!
//! Source: `kz_endpoint_v5.erl` (`merge_attributes`, `merge_account_tree`, `merge_attribute`,
//! `merge_call_restrictions`, `fix_user_restrictions`, `singlfy_user_restrictions`),
//! `kzd_users.erl` (`classifier_restriction`), `cf_dynamic_cid.erl` (`should_restrict_call`).

use std::borrow::Cow;

use serde_json::Value;

use super::kz_json;
use super::merging::{Merging, Misshapen};
use crate::json::{self, Object};

/// The member that holds restrictions.
pub(super) const RESTRICTION: &str = "call_restriction";
/// The member that holds the dial plan.
pub(super) const DIAL_PLAN: &str = "dial_plan";
const ANCESTORS: &str = "pvt_tree";

/// The documents an endpoint is merged from.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// The device or user itself; none for an account.
    pub(super) endpoint: Option<&'a Object>,
    /// Who owns it; the user itself for a user.
    pub(super) owner: Owner<Option<&'a Object>>,
    /// The account.
    pub(super) account: Option<&'a Object>,
    /// Whether they are merged as in 4.3: restrictions of users logged on are read whatever shape
    /// they have, and the account's ancestors are left alone.
    pub(super) as_in_43: bool,
}

/// Whose restrictions go before a device's.
#[derive(Debug)]
pub(super) enum Owner<T> {
    /// The user a device belongs to, or a user's own; none for nobody's.
    User(T),
    /// One user has logged on to the device; none where that user cannot be read.
    HotdeskUser(T),
    /// Several have; those that can be read, in the order of their keys.
    HotdeskUsers(Vec<T>),
}

impl<T> Owner<T> {
    pub(super) fn map<'a, U>(&'a self, make: impl Fn(&'a T) -> U) -> Owner<U> {
        match self {
            Self::User(user) => Owner::User(make(user)),
            Self::HotdeskUser(user) => Owner::HotdeskUser(make(user)),
            Self::HotdeskUsers(users) => Owner::HotdeskUsers(users.iter().map(make).collect()),
        }
    }
}

impl<T: Default> Default for Owner<T> {
    fn default() -> Self {
        Self::User(T::default())
    }
}

/// A copy of some members of a document; its id is to be told with what is wrong with them.
fn copied<const N: usize>(document: Option<&Object>, keys: [&str; N]) -> Object {
    let Some(document) = document else { return Object::new() };
    let member = |key: &str| Some((key.to_owned(), document.get(key)?.clone()));
    keys.into_iter().chain(["_id"]).filter_map(member).collect()
}

/// Merges restrictions and dial plan. KAZOO raises on a shape it does not expect; then the rest of
/// the merge, in which that shape says nothing, is returned beside the first such.
pub(super) fn merge(parts: &Parts<'_>, classifiers: &[&str]) -> (Value, Option<Misshapen>) {
    let nothing = Object::new();
    let mut merge = Merging { strict_users: parts.as_in_43, ..Merging::default() };
    let mut endpoint = copied(parts.endpoint, [RESTRICTION]);
    let owner = merge.owner(&parts.owner, classifiers);
    let owner = owner.as_deref().unwrap_or(&nothing);
    // KAZOO merges the ancestors' restrictions into the account. They end beside
    // `call_restriction`, not in it, and restrict nothing; but the merge turns the account's
    // members round, and with them the order of its dial plan.
    let account = parts.account.unwrap_or(&nothing);
    let ancestors = account.get(ANCESTORS).and_then(Value::as_array);
    let turned = (!parts.as_in_43 && ancestors.is_some_and(|ancestors| !ancestors.is_empty()))
        .then(|| json::merge(&nothing, &copied(Some(account), [RESTRICTION, DIAL_PLAN])));
    let account = turned.as_ref().unwrap_or(account);
    for classifier in classifiers {
        let path = [RESTRICTION, classifier, "action"];
        let verdict = if merge.read("account", account, &path) == "deny" {
            Some("deny")
        } else {
            match merge.read("owner", owner, &path).as_str() {
                "deny" => Some("deny"),
                "allow" => Some("allow"),
                _ => None,
            }
        };
        if let Some(verdict) = verdict {
            merge.set("endpoint", &mut endpoint, &path, verdict);
        }
    }
    // What comes later goes before, rule by rule and member by member.
    let itself = parts.endpoint.unwrap_or(&nothing);
    let plan =
        merge.layers(DIAL_PLAN, [("account", account), ("endpoint", itself), ("owner", owner)]);
    endpoint.shift_remove("_id");
    endpoint.insert(DIAL_PLAN.to_owned(), Value::Object(plan));
    (Value::Object(endpoint), merge.misshapen)
}

impl Merging {
    fn read(&mut self, part: &str, document: &Object, path: &[&str]) -> String {
        self.note(part, document, kz_json::text(document, path)).flatten().unwrap_or_default()
    }

    fn set(&mut self, part: &str, document: &mut Object, path: &[&str], action: &str) {
        let set = kz_json::set(document, path, action.into());
        self.note(part, document, set);
    }

    fn owner<'a>(
        &mut self,
        owner: &Owner<Option<&'a Object>>,
        classifiers: &[&str],
    ) -> Option<Cow<'a, Object>> {
        match owner {
            Owner::User(user) => user.map(Cow::Borrowed),
            Owner::HotdeskUser(user) => {
                let user = copied(*user, [RESTRICTION, DIAL_PLAN]);
                Some(Cow::Owned(self.allowing(user, classifiers)))
            }
            Owner::HotdeskUsers(users) => {
                let mut together = Object::new();
                for classifier in classifiers {
                    // KAZOO asks the last one first, and no further than the first who may.
                    let mut users = users.iter().rev();
                    if users.all(|user| user.is_some_and(|user| self.denies(user, classifier))) {
                        let path = [RESTRICTION, classifier, "action"];
                        self.set("owner", &mut together, &path, "deny");
                    }
                }
                Some(Cow::Owned(self.allowing(together, classifiers)))
            }
        }
    }

    /// The user with every classifier that is not denied allowed, which goes before the device's
    /// own restrictions.
    fn allowing(&mut self, mut user: Object, classifiers: &[&str]) -> Object {
        for classifier in classifiers {
            if !self.denies(&user, classifier) {
                if !self.strict_users && json::object(&user, RESTRICTION).is_none() {
                    user.insert(RESTRICTION.to_owned(), Value::Object(Object::new()));
                }
                let path = [RESTRICTION, classifier, "action"];
                self.set("owner", &mut user, &path, "allow");
            }
        }
        user
    }

    /// Unlike the merge itself, this reads `call_restriction` that is no object as none.
    fn denies(&mut self, user: &Object, classifier: &str) -> bool {
        if self.strict_users {
            return self.read("owner", user, &[RESTRICTION, classifier, "action"]) == "deny";
        }
        json::object(user, RESTRICTION).is_some_and(|restrictions| {
            let action = kz_json::text(restrictions, &[classifier, "action"])
                .map_err(|raised| raised.below(RESTRICTION));
            self.note("owner", user, action).flatten().as_deref() == Some("deny")
        })
    }
}

/// What a merged endpoint says of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be dialled.
    Allowed,
    /// It may not.
    Denied,
    /// KAZOO dies of the endpoint's shape; the reason names what is in the way.
    Broken(String),
}

/// Whether an endpoint may dial numbers of a classification (`Rules::classify`).
///
/// Anything but an object, such as `null` where the call has no usable endpoint, allows
/// everything; so does a number without classification, unless there is no way past
/// `call_restriction` at all.
pub fn verdict(endpoint: &Value, classification: Option<&str>) -> Verdict {
    endpoint.as_object().map_or(Verdict::Allowed, |members| verdict_of(members, classification))
}

pub(super) fn verdict_of(endpoint: &Object, classification: Option<&str>) -> Verdict {
    let path = [RESTRICTION, classification.unwrap_or_default(), "action"];
    let action = match classification {
        Some(_) => kz_json::text(endpoint, &path),
        None => kz_json::text(endpoint, &path[..2]).map(|_| None),
    };
    match action.as_ref().map(Option::as_deref) {
        Ok(Some("deny")) => Verdict::Denied,
        Ok(_) => Verdict::Allowed,
        Err(raised) => Verdict::Broken(format!(
            "`{}` of the endpoint is {}, of which KAZOO's action dies: make it an object such as \
             {{\"action\": \"deny\"}}, or remove it",
            raised.path.join("."),
            raised.value
        )),
    }
}

#[cfg(test)]
#[path = "restrictions_tests.rs"]
mod tests;
