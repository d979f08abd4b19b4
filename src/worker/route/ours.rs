//! Whether a call is ours to take, by the account's documents.
//!
//! It is where KAZOO's own callflow would run our action first, and only for nodes and accounts that
//! were opted in; everything else is callflow's. The order of the questions is callflow's own.
//!
//! Source: `cf_route_req.erl` (`handle_req/2`, `callflow_should_respond/1`, `maybe_prepend_preflow`).

use serde_json::Value;

use crate::call::Call;
use crate::callflow::bootstrap::{self, BootstrapSettings};
use crate::callflow::{self, Found, LookupError, OptionalGroups};
use crate::directory::{AccountId, Directory, ReadError};
use crate::dynamic_cid::CATEGORY;
use crate::json::{self, Object};
use crate::kapi::handover::Way;
use crate::numbers::OnBadRule;
use crate::worker::context;

/// The callflow module whose nodes are ours.
const MODULE: &str = "dynamic_cid";

/// Whose calls callflow routes.
const AUTHORIZING_TYPES: [&str; 9] = [
    "account",
    "user",
    "device",
    "mobile",
    "callforward",
    "clicktocall",
    "click2call",
    "conference",
    "resource",
];

/// A call that is ours to offer for.
#[derive(Debug)]
pub struct Ours {
    /// Its account.
    pub account: AccountId,
    /// The call as callflow takes it from the request.
    pub call: Call,
    /// The callflow that the number leads to.
    pub found: Found,
    /// Who else may take it.
    pub way: Way,
}

/// Why a call is callflow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The request names no account.
    NoAccount,
    /// It is authorized as something whose calls callflow does not route.
    AuthorizingType,
    /// The request describes no call.
    NoCall,
    /// A document cannot be read.
    Unreadable,
    /// No callflow has the number.
    NotFound,
    /// Only `no_match` takes the number, and may not.
    NoMatchNotAllowed,
    /// `no_match` takes the number, with something else.
    NoMatchAnswers,
    /// The callflow begins with something else.
    OtherRoot,
    /// The node is to be passed over.
    Skipped,
    /// Nobody said that calls may be taken.
    NotOptedIn,
    /// The account has a preflow.
    Preflow,
    /// The caller ID is to be checked against the numbers database.
    EnsuresCallerId,
}

impl Leave {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoAccount,
        Self::AuthorizingType,
        Self::NoCall,
        Self::Unreadable,
        Self::NotFound,
        Self::NoMatchNotAllowed,
        Self::NoMatchAnswers,
        Self::OtherRoot,
        Self::Skipped,
        Self::NotOptedIn,
        Self::Preflow,
        Self::EnsuresCallerId,
    ];

    /// The name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::AuthorizingType => "authorizing_type",
            Self::NoCall => "no_call",
            Self::Unreadable => "unreadable",
            Self::NotFound => "not_found",
            Self::NoMatchNotAllowed => "no_match_not_allowed",
            Self::NoMatchAnswers => "no_match_answers",
            Self::OtherRoot => "other_root",
            Self::Skipped => "skipped",
            Self::NotOptedIn => "not_opted_in",
            Self::Preflow => "preflow",
            Self::EnsuresCallerId => "ensures_caller_id",
        }
    }

    /// What is the matter, and what would change it.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NoAccount => "the request names no account",
            Self::AuthorizingType => "callflow does not route calls of its authorizing type",
            Self::NoCall => "the request describes no call",
            Self::Unreadable => "a document that decides it cannot be read",
            Self::NotFound => "no callflow has the number",
            Self::NoMatchNotAllowed => {
                "only `no_match` takes the number, which this caller's calls may not reach"
            }
            Self::NoMatchAnswers => "`no_match` takes the number, and begins with something else",
            Self::OtherRoot => {
                "its callflow begins with something else; the node must be the callflow's first"
            }
            Self::Skipped => "the node has `\"skip_module\": true` in its `data`",
            Self::NotOptedIn => {
                "nobody said that workers may take it; add `\"worker\": true` to the node's `data`, \
                 or the account to `worker.route_accounts` of system_config/callflow.dynamic_cid"
            }
            Self::Preflow => "the account has a preflow, which only callflow can run",
            Self::EnsuresCallerId => {
                "its caller ID is to be checked against the numbers database \
                 (`ensure_valid_caller_id`), which only callflow can do"
            }
        }
    }
}

/// Whether the call of a route request is ours; `account` is what the request names, `request` its
/// members.
pub async fn ours(
    directory: &Directory,
    account: Option<&str>,
    request: &Object,
) -> Result<Ours, Leave> {
    let account = account.and_then(AccountId::new).ok_or(Leave::NoAccount)?;
    let mut call = call_of(directory, &account, request).await?;
    let kind = call.authorizing_type();
    if kind.is_some_and(|kind| !AUTHORIZING_TYPES.contains(&kind.as_str())) {
        return Err(Leave::AuthorizingType);
    }
    let unreadable = |_: ReadError| Leave::Unreadable;
    bootstrap::transferred(directory, &account, &mut call).await.map_err(unreadable)?;
    let settings = context::bootstrap_settings(directory).await;
    if bootstrap::needs_number_database(&call, &settings) {
        return Err(Leave::EnsuresCallerId);
    }
    let (found, way) = find(directory, &account, &call, &settings).await?;
    if !callflow::runs(found.flow(), MODULE) {
        // Nothing that callflow's `no_match` takes can be exclusive.
        return Err(if found.no_match { Leave::NoMatchAnswers } else { Leave::OtherRoot });
    }
    let ours = Ours { account, call, found, way };
    let data = ours.data();
    if json::is_true(&data, "skip_module", false) {
        return Err(Leave::Skipped);
    }
    if way == Way::Shared && !is_opted_in(directory, &ours.account, &data).await {
        return Err(Leave::NotOptedIn);
    }
    if has_preflow(directory, &ours.account, &ours.call).await.map_err(unreadable)? {
        return Err(Leave::Preflow);
    }
    Ok(ours)
}

impl Ours {
    /// The data of the node.
    pub fn data(&self) -> Object {
        json::object(self.found.flow(), "data").cloned().unwrap_or_default()
    }

    /// Tells the call its callflow, as callflow does before it answers.
    pub async fn enter(&mut self, directory: &Directory) {
        let metaflow = bootstrap::metaflow(directory, &self.account, &self.found).await;
        bootstrap::entered(&mut self.call, &self.found, metaflow);
    }
}

async fn call_of(
    directory: &Directory,
    account: &AccountId,
    request: &Object,
) -> Result<Call, Leave> {
    let rules = directory.number_rules().await;
    let account_rules = callflow::account_rules(directory, account).await;
    let account_rules = account_rules.map_err(|_| Leave::Unreadable)?;
    let normalised = |user: &str| {
        let normalised = rules.normalise_for_account(user, &account_rules, OnBadRule::Skip);
        normalised.unwrap_or_else(|_| user.to_owned())
    };
    Call::from_route_req(request, normalised).map_err(|_| Leave::NoCall)
}

/// The callflow, and whether KAZOO's callflow finds it, too.
async fn find(
    directory: &Directory,
    account: &AccountId,
    call: &Call,
    settings: &BootstrapSettings,
) -> Result<(Found, Way), Leave> {
    let number = call.request_user();
    let leave = match callflow::lookup(directory, account, &number, OptionalGroups::Crash).await {
        Ok(found) if !found.no_match => return Ok((found, Way::Shared)),
        Ok(found) => match bootstrap::allow_no_match(directory, account, call, settings).await {
            Ok(true) => return Ok((found, Way::Shared)),
            Ok(false) => Leave::NoMatchNotAllowed,
            Err(_) => return Err(Leave::Unreadable),
        },
        Err(LookupError::Unreadable { .. }) => return Err(Leave::Unreadable),
        Err(_) => Leave::NotFound,
    };
    // Callflow has nothing for this call and stays silent.
    let groups = OptionalGroups::NoCapture;
    match callflow::lookup_exclusive(directory, account, &number, groups).await {
        Ok(Some(found)) => Ok((found, Way::Exclusive)),
        Ok(None) => Err(leave),
        Err(_) => Err(Leave::Unreadable),
    }
}

/// Whether the node or its account says that calls may be taken over this seam.
async fn is_opted_in(directory: &Directory, account: &AccountId, data: &Object) -> bool {
    let by_node = match data.get("worker") {
        Some(Value::Object(worker)) => json::is_true(worker, "route", false),
        Some(other) => json::value_is_true(other),
        None => false,
    };
    if by_node {
        return true;
    }
    let Ok(config) = directory.config(CATEGORY).await else {
        return false;
    };
    let accounts = config.at(&["worker", "route_accounts"]).and_then(Value::as_array);
    accounts.is_some_and(|accounts| accounts.iter().any(|one| one == account.as_str()))
}

/// KAZOO runs an account's preflow before the callflow, except for transferred calls; that cannot
/// be done here.
async fn has_preflow(
    directory: &Directory,
    account: &AccountId,
    call: &Call,
) -> Result<bool, ReadError> {
    if bootstrap::is_transferred(call) {
        return Ok(false);
    }
    let document = directory.account(account).await?;
    let document = document.as_deref().and_then(Value::as_object);
    Ok(document.is_some_and(|document| {
        json::object(document, "preflow").is_some_and(|it| json::text(it, "always").is_some())
    }))
}
