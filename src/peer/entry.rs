//! From a dialled number to the node that is handed over, as KAZOO gets there.
//!
//! Source: `cf_route_req.erl` (`handle_req`, `maybe_prepend_preflow`), `kapps_call.erl`
//! (`to_e164`), `cf_flow.erl` (`lookup`), `cf_exe.erl` (`find_cf_module`, `continue`, `branch`).

use serde_json::{Value, json};

use super::path::{self, Wanted};
use super::scenario::{Account, Caller, CallerId, Callflow, Endpoint, Scenario};
use crate::callflow::{
    AccountId, Documents, EndpointRestrictions, ExclusiveDocuments, Found, LookupError,
    OptionalGroups, Via, account_rules, lookup, lookup_exclusive, restrictions,
};
use crate::directory::{ReadError, ReadErrorClass};
use crate::json::{self, Object};
use crate::numbers::{OnBadRule, Rules};

/// What KAZOO calls the user and the realm of an address that has none.
const NO_REALM: &str = "norealm";

/// A call to be placed.
#[derive(Debug, Clone)]
pub struct Placing<'a> {
    /// In which account.
    pub account: &'a AccountId,
    /// Its database as messages name it.
    pub database: String,
    /// The number.
    pub dialled: &'a str,
    /// The device or user who calls.
    pub from: Option<&'a str>,
    /// The system's number rules.
    pub rules: &'a Rules,
    /// The system's language of prompts.
    pub language: &'a str,
    /// Host name in the names of the nodes we play.
    pub host: &'a str,
}

/// Why KAZOO would hand over no such call, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The account does not exist.
    #[error(
        "account `{id}` does not exist: there is no database `{database}` with a document of that \
         id; check --account and --couchdb-uri"
    )]
    NoAccount {
        /// Its id.
        id: String,
        /// Where its document should lie.
        database: String,
    },
    /// Something cannot be read.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// The caller is none that can call.
    #[error("--from {id}: {reason}")]
    Caller {
        /// The id given.
        id: String,
        /// Why.
        reason: String,
    },
    /// One of the account's number rules is broken.
    #[error("the number cannot be normalised, of which KAZOO's route request dies: {0}")]
    BadRule(String),
    /// No callflow takes the number.
    #[error("KAZOO has no callflow for this call: {reason}.{tried}")]
    NoCallflow {
        /// Why, with the number as looked up.
        reason: String,
        /// The patterns of the account, with a blank in front; empty without any.
        tried: String,
    },
    /// The callflow has no such node.
    #[error(
        "callflow `{callflow}` has no dynamic_cid node on its way: KAZOO runs {passed} and no \
         more, as far as branches `_` lead"
    )]
    NoNode {
        /// Id of the callflow.
        callflow: String,
        /// The modules on the way, in words.
        passed: String,
    },
    /// KAZOO runs its own module.
    #[error(
        "the dynamic_cid node at {path} of callflow `{callflow}` is not for remote execution, so \
         KAZOO runs its own module and no worker sees the call. Add `\"remote_execution\": true` \
         beside `module`:\n\n{node}"
    )]
    NotRemote {
        /// Id of the callflow.
        callflow: String,
        /// Where in it the node stands.
        path: String,
        /// The node's beginning as it should be.
        node: String,
    },
    /// KAZOO passes the node over.
    #[error(
        "the dynamic_cid node at {path} of callflow `{callflow}` has `\"skip_module\": true` in \
         its `data`, so KAZOO passes it over and goes on with its branch `_`; remove the key to \
         have the action done"
    )]
    Skipped {
        /// Id of the callflow.
        callflow: String,
        /// Where in it the node stands.
        path: String,
    },
}

/// Finds out what KAZOO would hand over.
pub async fn scenario<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
) -> Result<Scenario, EntryError> {
    let found = find(documents, placing).await?;
    enter(documents, placing, found, Wanted::Remote).await
}

/// The same, but a node that is not for remote execution will do.
pub async fn native_scenario<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
) -> Result<Scenario, EntryError> {
    let found = find(documents, placing).await?;
    enter(documents, placing, found, Wanted::Any).await
}

/// What a worker of the route seam would take: any node, and numbers that only workers know.
pub async fn route_scenario<D: ExclusiveDocuments>(
    documents: &D,
    placing: &Placing<'_>,
) -> Result<Scenario, EntryError> {
    let missing = match find(documents, placing).await {
        Ok(found) => return enter(documents, placing, found, Wanted::Any).await,
        Err(missing @ EntryError::NoCallflow { .. }) => missing,
        Err(error) => return Err(error),
    };
    let number = request_user(documents, placing).await?;
    let groups = OptionalGroups::NoCapture;
    match lookup_exclusive(documents, placing.account, &number, groups).await {
        Ok(Some(found)) => enter(documents, placing, found, Wanted::Any).await,
        Ok(None) => Err(missing),
        Err(error) => Err(unreadable("the callflows that only workers know".to_owned(), &error)),
    }
}

async fn find<D: Documents>(documents: &D, placing: &Placing<'_>) -> Result<Found, EntryError> {
    account_document(documents, placing).await?;
    let number = request_user(documents, placing).await?;
    match lookup(documents, placing.account, &number, OptionalGroups::Crash).await {
        Ok(found) => Ok(found),
        Err(error) => Err(no_callflow(documents, placing, &number, error).await),
    }
}

async fn enter<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
    found: Found,
    wanted: Wanted,
) -> Result<Scenario, EntryError> {
    let account = account_document(documents, placing).await?;
    let request_user = request_user(documents, placing).await?;
    let (caller, language) = caller(documents, placing, &account).await?;
    let flow = with_preflow(&account, found.flow());
    let exit_keys = json::object(&flow, "children").into_iter().flatten();
    let exit_keys = exit_keys.map(|(key, _)| key.clone()).collect();
    let node = path::to_node(documents, placing.account, &found.id, flow, wanted).await?;
    let document = found.document.as_object();
    let name = document.and_then(|document| json::text(document, "name"));
    Ok(Scenario {
        account: Account {
            id: placing.account.to_string(),
            database: placing.database.clone(),
            realm: json::text(&account, "realm").unwrap_or_else(|| NO_REALM.to_owned()),
            name: json::text(&account, "name"),
        },
        caller,
        dialled: placing.dialled.to_owned(),
        callflow: Callflow {
            name: name.unwrap_or_else(|| request_user.clone()),
            found_by: found_by(&found),
            capture_group: found.capture_group(),
            capture_groups: found.capture_groups(),
            no_match: found.no_match,
            exit_keys,
            id: found.id,
        },
        request_user,
        node,
        language,
        host: placing.host.to_owned(),
    })
}

async fn account_document<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
) -> Result<Object, EntryError> {
    let missing = || EntryError::NoAccount {
        id: placing.account.to_string(),
        database: placing.database.clone(),
    };
    match documents.account(placing.account).await {
        Ok(Some(document)) => Ok(document.as_object().cloned().unwrap_or_default()),
        Ok(None) => Err(missing()),
        Err(error) if says_no_database(&error) => Err(missing()),
        Err(error) => Err(unreadable(format!("account `{}`", placing.account), &error)),
    }
}

fn says_no_database(error: &(dyn std::error::Error + 'static)) -> bool {
    let class = error.downcast_ref::<ReadError>().map(ReadError::class);
    class == Some(ReadErrorClass::MissingDatabase)
}

fn unreadable(what: String, error: &dyn std::error::Error) -> EntryError {
    EntryError::Unreadable { what, reason: error.to_string() }
}

/// The number as callflow looks it up. What begins with `*` is looked up as dialled.
async fn request_user<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
) -> Result<String, EntryError> {
    if placing.dialled.starts_with('*') {
        return Ok(placing.dialled.to_owned());
    }
    let rules = account_rules(documents, placing.account).await;
    let rules =
        rules.map_err(|error| unreadable("the account's number rules".to_owned(), &error))?;
    placing
        .rules
        .normalise_for_account(placing.dialled, &rules, OnBadRule::Raise)
        .map_err(|error| EntryError::BadRule(error.to_string()))
}

async fn no_callflow<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
    request_user: &str,
    error: LookupError<D::Error>,
) -> EntryError {
    if let LookupError::Unreadable { .. } = error {
        return unreadable("the callflows".to_owned(), &error);
    }
    let mut reason = error.to_string();
    if request_user != placing.dialled {
        reason = format!("{} is {request_user} by the account's rules; {reason}", placing.dialled);
    }
    let tried = match documents.patterns(placing.account).await {
        Ok(patterns) => {
            let texts: Vec<String> = patterns
                .tried()
                .map(|(pattern, flow)| format!("`{pattern}` (of {flow})"))
                .collect();
            match texts.len() {
                0 => " The account has no patterns.".to_owned(),
                _ => format!(" Patterns tried: {}.", texts.join(", ")),
            }
        }
        Err(error) => format!(" KAZOO takes patterns it cannot read for none: {error}."),
    };
    EntryError::NoCallflow { reason, tried }
}

fn found_by(found: &Found) -> String {
    match &found.via {
        Via::Number(number) => format!("its number {number}"),
        Via::Pattern(found) => format!("its pattern `{}`", found.pattern),
        Via::NoMatch => "`no_match`, as no other callflow takes the number".to_owned(),
    }
}

/// The flow as KAZOO runs it: an account's preflow is run before it.
fn with_preflow(account: &Object, flow: &Object) -> Object {
    let preflow =
        json::object(account, "preflow").and_then(|preflow| json::text(preflow, "always"));
    match (preflow, json!({"_": flow})) {
        (Some(id), children) => {
            [("module", json!("callflow")), ("data", json!({"id": id})), ("children", children)]
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect()
        }
        (None, _) => flow.clone(),
    }
}

/// Who calls, and in which language prompts are played.
async fn caller<D: Documents>(
    documents: &D,
    placing: &Placing<'_>,
    account: &Object,
) -> Result<(Caller, String), EntryError> {
    let Some(id) = placing.from else {
        let language = language(&[account], placing.language);
        return Ok((stranger(), language));
    };
    let refuse = |reason: &str| EntryError::Caller { id: id.to_owned(), reason: reason.to_owned() };
    let document = documents.document(placing.account, id).await;
    let document = document.map_err(|error| unreadable(format!("endpoint `{id}`"), &error))?;
    let Some(document) = document else {
        return Err(refuse("the account has no document of that id"));
    };
    let endpoint = document.as_object().cloned().unwrap_or_default();
    let kind = json::text(&endpoint, "pvt_type").unwrap_or_default();
    if !matches!(kind.as_str(), "device" | "user") {
        return Err(refuse(&format!("it is a document of type `{kind}`, not a device or user")));
    }
    if !json::is_true(&endpoint, "enabled", true) {
        return Err(refuse(&format!("the {kind} is disabled, so KAZOO lets nobody call from it")));
    }
    let owner =
        if kind == "user" { Some(id.to_owned()) } else { json::text(&endpoint, "owner_id") };
    let owner_document = match &owner {
        Some(owner) if owner != id => {
            documents.document(placing.account, owner).await.ok().flatten()
        }
        _ => None,
    };
    let owner_object = owner_document.as_deref().and_then(Value::as_object).cloned();
    let owner_object = owner_object.unwrap_or_default();
    let sources = [&endpoint, &owner_object, account];
    let user = json::object(&endpoint, "sip").and_then(|sip| json::text(sip, "username"));
    let user = user.or_else(|| json::text(&endpoint, "username")).unwrap_or_else(|| id.to_owned());
    let name = json::text(&endpoint, "name");
    let part = |key: &str| {
        sources.iter().find_map(|source| {
            json::text(json::object(json::object(source, "caller_id")?, "internal")?, key)
        })
    };
    let caller_id = CallerId {
        name: part("name").or_else(|| name.clone()).unwrap_or_else(|| user.clone()),
        number: part("number").unwrap_or_else(|| user.clone()),
    };
    let endpoint = Endpoint {
        id: id.to_owned(),
        kind,
        name,
        owner,
        denied_restrictions: denied_by(documents, placing, id).await,
    };
    Ok((Caller { caller_id, user, endpoint: Some(endpoint) }, language(&sources, placing.language)))
}

/// Somebody KAZOO does not know, under the names it gives such a one.
fn stranger() -> Caller {
    let caller_id = CallerId { name: "unknown".to_owned(), number: "anonymous".to_owned() };
    Caller { caller_id, user: "nouser".to_owned(), endpoint: None }
}

fn language(sources: &[&Object], default: &str) -> String {
    let own = sources.iter().find_map(|source| json::text(source, "language"));
    own.unwrap_or_else(|| default.to_owned()).to_lowercase()
}

/// The members of the merged endpoint's restrictions that deny something.
async fn denied_by<D: Documents>(documents: &D, placing: &Placing<'_>, id: &str) -> Object {
    let classifiers: Vec<&str> = placing.rules.classifier_names().collect();
    let merged = match restrictions(documents, placing.account, Some(id), &classifiers).await {
        EndpointRestrictions::None(_) => return Object::new(),
        EndpointRestrictions::Merged(merged)
        | EndpointRestrictions::Broken { otherwise: merged, .. } => merged,
    };
    let restrictions = merged.get("call_restriction").and_then(Value::as_object);
    let denies = |restriction: &Value| restriction.get("action").is_some_and(|it| it == "deny");
    let those = restrictions.into_iter().flatten().filter(|(_, value)| denies(value));
    those.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
