//! The endpoint a call comes from: which documents make it up, and what they make of it.
//!
//! KAZOO asks for it by the call's Authorizing-ID and takes every failure (no such document, a
//! document of another type, a disabled device, an unreadable database) as *not restricted*. Owner
//! and account are left out where they cannot be read. This follows master; how 4.3 merges stands
//! in [`super::bootstrap`].
//!
//! Source: `kz_endpoint_v5.erl` (`get`, `check_endpoint_type`, `check_endpoint_enabled`,
//! `merge_attributes`, `get_user`), `kz_doc.erl`, `kzd_devices.erl`, `kzd_accounts.erl`.

use std::sync::Arc;

use serde_json::Value;

use super::kz_json::{self, NoMembers};
use super::restrictions::{self, Owner, Parts, Verdict};
use super::{AccountId, Documents, Misshapen};
use crate::json::{self, Object};

/// What restricts a call.
#[derive(Debug, Clone, PartialEq)]
pub enum EndpointRestrictions<E> {
    /// Nothing: the call has no endpoint that KAZOO would use.
    None(NoEndpoint<E>),
    /// A merged endpoint: `{"call_restriction": {classifier: {"action": …}}, "dial_plan": {…}}`,
    /// as far as KAZOO's has these members. The dial plan is always there.
    Merged(Value),
    /// KAZOO dies when it merges the endpoint.
    Broken {
        /// The first shape it dies of.
        reason: Misshapen,
        /// The merge in which misshapen values say nothing.
        otherwise: Value,
    },
}

/// Why a call has no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint<E> {
    /// The call has no Authorizing-ID.
    #[error("the call has no Authorizing-ID")]
    NoId,
    /// There is no such document.
    #[error("endpoint `{0}` does not exist")]
    Missing(String),
    /// The document is something else.
    #[error("endpoint `{id}` is a document of type `{found}`, not a device, user or account")]
    WrongType {
        /// Its id.
        id: String,
        /// Its `pvt_type`; empty where it has none.
        found: String,
    },
    /// It is deleted.
    #[error("endpoint `{0}` is deleted")]
    Deleted(String),
    /// It is disabled.
    #[error("endpoint `{0}` is disabled")]
    Disabled(String),
    /// It cannot be read.
    #[error("endpoint `{id}` cannot be read: {error}")]
    Unreadable {
        /// Its id.
        id: String,
        /// Why.
        error: E,
    },
}

impl<E> EndpointRestrictions<E> {
    /// What KAZOO decides for numbers of a classification.
    pub fn verdict(&self, classification: Option<&str>) -> Verdict {
        match self {
            Self::None(_) => Verdict::Allowed,
            Self::Merged(endpoint) => restrictions::verdict(endpoint, classification),
            Self::Broken { reason, .. } => Verdict::Broken(reason.to_string()),
        }
    }

    /// The merged dial plan, `None` where the call has no endpoint.
    pub fn dial_plan(&self) -> Option<&Object> {
        match self {
            Self::None(_) => None,
            Self::Merged(endpoint) | Self::Broken { otherwise: endpoint, .. } => {
                json::object(endpoint.as_object()?, "dial_plan")
            }
        }
    }
}

/// What an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Device,
    User,
    Account,
}

/// A document, where there is one that can be read.
pub(super) type Read = Option<Arc<Value>>;

/// Reads and merges the endpoint of a call.
///
/// `authorizing_id` is the call's Authorizing-ID. Of the restrictions only those for `classifiers`
/// are merged: the one that matters, or all of the cluster's (`Rules::classifier_names`), which
/// also finds what KAZOO would die of elsewhere in them.
pub async fn restrictions<D: Documents>(
    documents: &D,
    account: &AccountId,
    authorizing_id: Option<&str>,
    classifiers: &[&str],
) -> EndpointRestrictions<D::Error> {
    match usable(documents, account, authorizing_id, is_enabled).await {
        Ok((document, kind)) => {
            let empty = Object::new();
            let endpoint = document.as_object().unwrap_or(&empty);
            merged(documents, account, endpoint, kind, classifiers).await
        }
        Err(reason) => EndpointRestrictions::None(reason),
    }
}

/// The document of an endpoint that KAZOO would use; which ones are switched off differs between
/// its versions.
pub(super) async fn usable<D: Documents>(
    documents: &D,
    account: &AccountId,
    authorizing_id: Option<&str>,
    is_enabled: fn(&Object, Kind) -> bool,
) -> Result<(Arc<Value>, Kind), NoEndpoint<D::Error>> {
    let id = authorizing_id.filter(|id| !id.is_empty()).ok_or(NoEndpoint::NoId)?;
    let document = documents
        .document(account, id)
        .await
        .map_err(|error| NoEndpoint::Unreadable { id: id.to_owned(), error })?
        .ok_or_else(|| NoEndpoint::Missing(id.to_owned()))?;
    let kind = kind_of(&document, id, is_enabled)?;
    Ok((document, kind))
}

fn kind_of<E>(
    document: &Value,
    id: &str,
    is_enabled: fn(&Object, Kind) -> bool,
) -> Result<Kind, NoEndpoint<E>> {
    let empty = Object::new();
    let members = document.as_object().unwrap_or(&empty);
    let found = json::text(members, "pvt_type").unwrap_or_default();
    let kind = match found.as_str() {
        "device" | "click2call" | "conference" => Kind::Device,
        "user" => Kind::User,
        "account" => Kind::Account,
        _ => return Err(NoEndpoint::WrongType { id: id.to_owned(), found }),
    };
    if ["pvt_deleted", "_deleted"].iter().any(|key| json::is_true(members, key, false)) {
        return Err(NoEndpoint::Deleted(id.to_owned()));
    }
    if !is_enabled(members, kind) {
        return Err(NoEndpoint::Disabled(id.to_owned()));
    }
    Ok(kind)
}

/// Only `false` and its name disable a device or user, while anything but `true` and its name
/// disables an account.
fn is_enabled(members: &Object, kind: Kind) -> bool {
    match kind {
        Kind::Account => json::is_true(members, "pvt_enabled", true),
        Kind::Device | Kind::User => !says_false(members, "enabled"),
    }
}

/// `false` or its name.
pub(super) fn says_false(members: &Object, key: &str) -> bool {
    members.get(key).is_some_and(|it| *it == Value::Bool(false) || it.as_str() == Some("false"))
}

async fn merged<D: Documents>(
    documents: &D,
    account: &AccountId,
    endpoint: &Object,
    kind: Kind,
    classifiers: &[&str],
) -> EndpointRestrictions<D::Error> {
    let hotdesk = hotdesk_users(endpoint);
    let owner = if kind == Kind::Device {
        let users = hotdesk.as_ref().map_or(&[][..], Vec::as_slice);
        owner_of(documents, account, endpoint, users).await
    } else {
        Owner::default()
    };
    let account = match kind {
        Kind::Account => None,
        Kind::User | Kind::Device => account_of(documents, account, endpoint).await,
    };
    let account = object_of(&account);
    let parts = match kind {
        Kind::Account => Parts { account: Some(endpoint), ..Parts::default() },
        Kind::User => Parts {
            endpoint: Some(endpoint),
            owner: Owner::User(Some(endpoint)),
            account,
            ..Parts::default()
        },
        Kind::Device => Parts {
            endpoint: Some(endpoint),
            owner: owner.map(object_of),
            account,
            ..Parts::default()
        },
    };
    let (merged, misshapen) = restrictions::merge(&parts, classifiers);
    let hotdesk = hotdesk.err().map(|raised| Misshapen::new("endpoint", endpoint, &raised));
    match hotdesk.or(misshapen) {
        Some(reason) => EndpointRestrictions::Broken { reason, otherwise: merged },
        None => EndpointRestrictions::Merged(merged),
    }
}

/// The users logged on to a device. KAZOO looks for them on every endpoint.
pub(super) fn hotdesk_users(endpoint: &Object) -> Result<Vec<&str>, NoMembers> {
    let users = kz_json::get(endpoint, &["hotdesk", "users"])?.and_then(Value::as_object);
    Ok(users.into_iter().flat_map(Object::keys).map(String::as_str).collect())
}

/// The account of an endpoint that names one.
pub(super) async fn account_of<D: Documents>(
    documents: &D,
    account: &AccountId,
    endpoint: &Object,
) -> Read {
    // One that names another account was copied here; what counts is where it lies.
    json::text(endpoint, "pvt_account_id")?;
    documents.account(account).await.ok().flatten()
}

/// Who owns a device: whoever is logged on to it, else its `owner_id`.
pub(super) async fn owner_of<D: Documents>(
    documents: &D,
    account: &AccountId,
    device: &Object,
    hotdesk_users: &[&str],
) -> Owner<Read> {
    let owner = json::text(device, "owner_id");
    let ids = match hotdesk_users {
        [] => owner.as_slice().iter().map(String::as_str).collect(),
        users => users.to_vec(),
    };
    let mut users = Vec::new();
    // Without the name of its database KAZOO finds none of a device's users.
    if json::text(device, "pvt_account_db").is_some() {
        for id in ids {
            users.extend(documents.document(account, id).await.ok().flatten());
        }
    }
    match hotdesk_users {
        [] => Owner::User(users.pop()),
        [_] => Owner::HotdeskUser(users.pop()),
        _ => Owner::HotdeskUsers(users.into_iter().map(Some).collect()),
    }
}

/// The members of a document that was read.
pub(super) fn object_of(document: &Read) -> Option<&Object> {
    document.as_ref()?.as_object()
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
