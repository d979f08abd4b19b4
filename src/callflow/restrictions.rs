//! The call restrictions and the dial plan of a merged endpoint, and what they say of a number.
//!
//! Source: `kz_endpoint_v5.erl` (`merge_attributes`, `merge_account_tree`, `merge_attribute`,
//! `merge_call_restrictions`, `fix_user_restrictions`, `singlfy_user_restrictions`),
//! `kzd_users.erl` (`classifier_restriction`), `cf_dynamic_cid.erl` (`should_restrict_call`).

use serde_json::Value;

use super::kz_json;
use super::merging::{Merging, Misshapen};
use crate::json::{self, Object};

/// The member that holds restrictions.
pub(super) const RESTRICTION: &str = "call_restriction";
/// The member that holds the dial plan.
pub(super) const DIAL_PLAN: &str = "dial_plan";
const ANCESTORS: &str = "pvt_tree";

/// The documents an endpoint is merged from; what there is none of is empty.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The device or user itself; empty for an account.
    pub(super) endpoint: Object,
    /// Who owns it; the user itself for a user.
    pub(super) owner: Owner<Object>,
    /// The account.
    pub(super) account: Object,
    /// See [`Merging`].
    pub(super) strict_users: bool,
}

/// Whose restrictions go before a device's.
#[derive(Debug)]
pub(super) enum Owner<T> {
    /// The user a device belongs to, or a user's own; empty for nobody's.
    User(T),
    /// One user has logged on to the device; empty where that user cannot be read.
    HotdeskUser(T),
    /// Several have; those that can be read, in the order of their keys.
    HotdeskUsers(Vec<T>),
}

impl<T> Owner<T> {
    pub(super) fn map<U>(&self, make: impl Fn(&T) -> U) -> Owner<U> {
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

/// The members of a document that [`merge`] looks at.
pub(super) fn part_of(document: &Object) -> Object {
    ["_id", RESTRICTION, DIAL_PLAN, ANCESTORS]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), document.get(key)?.clone())))
        .collect()
}

/// Merges restrictions and dial plan. KAZOO raises on a shape it does not expect; then the rest of
/// the merge, in which that shape says nothing, is returned beside the first such.
pub(super) fn merge(parts: Parts, classifiers: &[&str]) -> (Value, Option<Misshapen>) {
    let Parts { mut endpoint, owner, account, strict_users } = parts;
    let mut merge = Merging { strict_users, ..Merging::default() };
    let owner = merge.owner(owner, classifiers);
    // KAZOO merges the ancestors' restrictions into the account. They end beside
    // `call_restriction`, not in it, and restrict nothing; but the merge turns the account's
    // members round, and with them the order of its dial plan.
    let ancestors = account.get(ANCESTORS).and_then(Value::as_array);
    let account = if ancestors.is_none_or(Vec::is_empty) {
        account
    } else {
        json::merge(&Object::new(), &account)
    };
    for classifier in classifiers {
        let path = [RESTRICTION, classifier, "action"];
        let verdict = if merge.read("account", &account, &path) == "deny" {
            Some("deny")
        } else {
            match merge.read("owner", &owner, &path).as_str() {
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
    let layers = [("account", &account), ("endpoint", &endpoint), ("owner", &owner)];
    let plan = merge.layers(DIAL_PLAN, layers);
    let restrictions = endpoint.get(RESTRICTION).map(|it| (RESTRICTION.to_owned(), it.clone()));
    let plan = (DIAL_PLAN.to_owned(), Value::Object(plan));
    let endpoint: Object = restrictions.into_iter().chain([plan]).collect();
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

    fn owner(&mut self, owner: Owner<Object>, classifiers: &[&str]) -> Object {
        match owner {
            Owner::User(user) => user,
            Owner::HotdeskUser(user) => self.allowing(user, classifiers),
            Owner::HotdeskUsers(users) => {
                let mut together = Object::new();
                for classifier in classifiers {
                    // KAZOO asks the last one first, and no further than the first who may.
                    if users.iter().rev().all(|user| self.denies(user, classifier)) {
                        let path = [RESTRICTION, classifier, "action"];
                        self.set("owner", &mut together, &path, "deny");
                    }
                }
                self.allowing(together, classifiers)
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
