//! A call's endpoint as KAZOO 4.3 merges it from the documents of device, owner and account.
//!
//! A device keeps all members of its own. A user's endpoint has nothing but what is merged, of user
//! and account, and an account's nothing but what is merged of itself: neither has services, media
//! settings, closed groups or an owner. Master keeps a user's own members.
//!
//! Merged are `call_restriction`, `caller_id`, `caller_id_options`, `dial_plan`, `language`,
//! `music_on_hold` and `presence_id`; KAZOO's other attributes play no part before the first node, but
//! it dies of their shapes as well.
//!
//! Source: `kz_endpoint.erl` of 4.3 (`check_endpoint_enabled`, `merge_attributes`,
//! `merge_attribute`, `merge_attribute_caller_id`, `caller_id_owner_attr`, `merge_value`,
//! `convert_to_single_user`).

use serde_json::Value;

use crate::callflow::endpoint::{self, Kind, Read, object_of};
use crate::callflow::kz_json;
use crate::callflow::merging::Merging;
use crate::callflow::restrictions::{self, Owner, Parts};
use crate::callflow::{AccountId, Documents, EndpointRestrictions, Misshapen, NoEndpoint};
use crate::json::{self, Object};

const CALLER_ID: &str = "caller_id";
const CALL_FORWARD: &str = "call_forward";
/// Attributes of which nothing but the shape matters here.
const OTHER_OBJECTS: [&str; 5] = ["call_waiting", "formatters", "metaflows", "mobile", "ringtones"];
const INTERNAL_NAME: [&str; 2] = ["internal", "name"];

/// A merged endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedEndpoint {
    id: String,
    members: Object,
    misshapen: Option<Misshapen>,
}

impl MergedEndpoint {
    /// The id of its document.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its members, merged ones and, for a device, its own.
    pub fn members(&self) -> &Object {
        &self.members
    }

    /// The first shape that KAZOO's merge dies of; in the merge here it says nothing.
    pub fn misshapen(&self) -> Option<&Misshapen> {
        self.misshapen.as_ref()
    }

    /// Who owns it, or is logged on to it alone.
    pub fn owner_id(&self) -> Option<String> {
        json::text(&self.members, "owner_id")
    }

    /// The language of its prompts, in lower case.
    pub fn language(&self) -> Option<String> {
        json::text(&self.members, "language").map(|language| language.to_ascii_lowercase())
    }

    /// What restricts it and its dial plan, as the action asks for them later.
    pub fn restrictions<E>(&self) -> EndpointRestrictions<E> {
        let members = [restrictions::RESTRICTION, restrictions::DIAL_PLAN]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), self.members.get(key)?.clone())));
        let merged = Value::Object(members.collect());
        match self.misshapen.clone() {
            Some(reason) => EndpointRestrictions::Broken { reason, otherwise: merged },
            None => EndpointRestrictions::Merged(merged),
        }
    }
}

/// Reads and merges an endpoint, or says why KAZOO would not use it.
///
/// Owner and account are left out where they cannot be read. Restrictions are merged for
/// `classifiers`: all of the cluster's (`Rules::classifier_names`).
pub async fn endpoint<D: Documents>(
    documents: &D,
    account: &AccountId,
    id: Option<&str>,
    classifiers: &[&str],
) -> Result<MergedEndpoint, NoEndpoint<D::Error>> {
    let (document, kind) = endpoint::usable(documents, account, id, is_enabled).await?;
    let nothing = Object::new();
    let own = document.as_object().unwrap_or(&nothing);
    let hotdesk = endpoint::hotdesk_users(own);
    let users = hotdesk.as_ref().map_or(&[][..], Vec::as_slice);
    let account_of = endpoint::account_of(documents, account, own);
    let (kept, owner, account) = match kind {
        Kind::Device => {
            let owner = endpoint::owner_of(documents, account, own, users).await;
            (own.clone(), owner, account_of.await)
        }
        Kind::User => (Object::new(), Owner::User(Some(document.clone())), account_of.await),
        Kind::Account => (Object::new(), Owner::User(None), Some(document.clone())),
    };
    let mut merging = Merging::default();
    if let Err(raised) = &hotdesk {
        merging.misshapen = Some(Misshapen::new("endpoint", own, raised));
    }
    let members = merged(&mut merging, kind, kept, &owner, &account, classifiers);
    let id = id.unwrap_or_default().to_owned();
    Ok(MergedEndpoint { id, members, misshapen: merging.misshapen })
}

/// Other than on master, only `true` and its name enable a user, and an account has two switches.
fn is_enabled(members: &Object, kind: Kind) -> bool {
    match kind {
        Kind::Device => !endpoint::says_false(members, "enabled"),
        Kind::User => json::is_true(members, "enabled", true),
        Kind::Account => {
            ["enabled", "pvt_enabled"].iter().all(|key| !endpoint::says_false(members, key))
        }
    }
}

fn merged(
    merging: &mut Merging,
    kind: Kind,
    mut endpoint: Object,
    owner: &Owner<Read>,
    account: &Read,
    classifiers: &[&str],
) -> Object {
    let account = object_of(account);
    let parts =
        Parts { endpoint: Some(&endpoint), owner: owner.map(object_of), account, as_in_43: true };
    let (restricted, misshapen) = restrictions::merge(&parts, classifiers);
    merging.misshapen = merging.misshapen.take().or(misshapen);

    let nothing = Object::new();
    let account = account.unwrap_or(&nothing);
    // Of several users logged on, KAZOO keeps nothing but what restricts them.
    let owner = match owner {
        Owner::User(user) | Owner::HotdeskUser(user) => object_of(user).unwrap_or(&nothing),
        Owner::HotdeskUsers(_) => &nothing,
    };
    let caller_id = caller_id(merging, account, &endpoint, owner);
    let layers = [("account", account), ("endpoint", &endpoint), ("owner", owner)];
    let options = merging.layers("caller_id_options", layers);
    let music = merging.layers("music_on_hold", layers);
    other_shapes(merging, layers);
    let first = |key| [owner, &endpoint, account].into_iter().find_map(|it| it.get(key).cloned());
    let (language, presence_id) = (first("language"), first("presence_id"));

    endpoint.extend(restricted.as_object().cloned().unwrap_or_default());
    for (key, object) in
        [(CALLER_ID, caller_id), ("caller_id_options", options), ("music_on_hold", music)]
    {
        endpoint.insert(key.to_owned(), Value::Object(object));
    }
    let owner_id = owner.get("_id").filter(|_| kind == Kind::Device).cloned();
    for (key, value) in
        [("language", language), ("presence_id", presence_id), ("owner_id", owner_id)]
    {
        match value {
            // KAZOO removes what it is to set to `null`.
            Some(Value::Null) => _ = endpoint.shift_remove(key),
            Some(value) => _ = endpoint.insert(key.to_owned(), value),
            None => {}
        }
    }
    endpoint
}

/// Looks at the shapes of what is not merged here.
fn other_shapes(merging: &mut Merging, layers: [(&str, &Object); 3]) {
    let [account, endpoint, owner] = layers;
    for key in OTHER_OBJECTS {
        for (part, document) in layers {
            merging.object(part, document, key);
        }
    }
    for (part, document) in layers {
        let disturbed = kz_json::get(document, &["do_not_disturb", "enabled"]);
        merging.note(part, document, disturbed);
    }
    // A device that is forwarded itself is not asked who else is.
    let own = merging.object(endpoint.0, endpoint.1, CALL_FORWARD);
    if !own.is_some_and(|own| json::is_true(own, "enabled", false)) {
        for (part, document) in [account, owner] {
            merging.object(part, document, CALL_FORWARD);
        }
    }
}

/// Account, device, owner; or, where the account says so, account, owner, device. What comes later
/// goes before, except that a device's own emergency caller id always counts.
fn caller_id(merging: &mut Merging, account: &Object, endpoint: &Object, owner: &Object) -> Object {
    let of_account = merging.object("account", account, CALLER_ID);
    let of_endpoint = merging.object("endpoint", endpoint, CALLER_ID);
    let of_owner = owners_caller_id(merging, owner);
    let (device, user) =
        ((("endpoint", endpoint), of_endpoint), (("owner", owner), Some(&of_owner)));
    let (middle, highest) = if json::is_true(account, "prefer_device_caller_id", false) {
        (user, device)
    } else {
        (device, user)
    };
    let layers = [("account", account), middle.0, highest.0];
    let mut merged = merging.overlaid(CALLER_ID, layers, [of_account, middle.1, highest.1]);
    for key in ["number", "name"] {
        let path = ["emergency", key];
        let Some(own) = of_endpoint else { continue };
        let own = kz_json::text(own, &path).map_err(|raised| raised.below(CALLER_ID));
        if let Some(Some(own)) = merging.note("endpoint", endpoint, own) {
            let set = kz_json::set(&mut merged, &path, own.into());
            merging.note("account, endpoint or owner", &Object::new(), set);
        }
    }
    merged
}

/// An owner's internal name is that of the person where no other is written.
fn owners_caller_id(merging: &mut Merging, owner: &Object) -> Object {
    let mut caller_id = json::object(owner, CALLER_ID).cloned().unwrap_or_default();
    let name = kz_json::text(&caller_id, &INTERNAL_NAME).map_err(|raised| raised.below(CALLER_ID));
    if let Some(None) = merging.note("owner", owner, name) {
        let names = ["first_name", "last_name"].map(|key| json::text(owner, key));
        let names: Vec<String> = names.into_iter().flatten().collect();
        if !names.is_empty() {
            let set = kz_json::set(&mut caller_id, &INTERNAL_NAME, names.join(" ").into());
            merging.note("owner", owner, set.map_err(|raised| raised.below(CALLER_ID)));
        }
    }
    caller_id
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
