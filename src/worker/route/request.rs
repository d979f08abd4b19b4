//! Route requests: is this call ours, and what do we say then?
//!
//! We answer only where KAZOO's own callflow would run our action first, and only for nodes and
//! accounts that were opted in; everything else is left to callflow in silence. The order of the
//! questions is callflow's own.
//!
//! Source: `cf_route_req.erl` (`handle_req/2`, `callflow_should_respond/1`, `maybe_prepend_preflow`,
//! `send_route_response/3`).

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{Came, RouteSeam, all_done_with, comes_again, done_with};
use crate::amqp::Published;
use crate::call::Call;
use crate::callflow::bootstrap::{self, BootstrapSettings};
use crate::callflow::{self, Found, LookupError, OptionalGroups};
use crate::directory::{AccountId, Directory, ReadError};
use crate::dynamic_cid::CATEGORY;
use crate::json::{self, Object};
use crate::kapi::handover::{Offer, Way};
use crate::kapi::inbound::RouteReq;
use crate::kapi::route_resp::{self, PrePark, Taken};
use crate::kapi::{Identity, Message};
use crate::numbers::OnBadRule;
use crate::worker::age::unix_micros;
use crate::worker::context;
use crate::worker::session::{Kept, Session};

/// How soon an answer has to leave where callflow answers, too: it does within a few milliseconds,
/// and what comes much later is never taken.
const SHARED: Duration = Duration::from_millis(100);
/// How soon where nobody else answers: ecallmgr gives up after 2.6 s.
const EXCLUSIVE: Duration = Duration::from_secs(2);

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
struct Ours {
    account: AccountId,
    call: Call,
    found: Found,
    way: Way,
}

/// Why a call is left to callflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    NewerKazoo,
    NoAccount,
    AuthorizingType,
    NoCall,
    Unreadable,
    NotFound,
    NoMatchNotAllowed,
    NoMatchAnswers,
    OtherRoot,
    Skipped,
    NotOptedIn,
    Preflow,
    EnsuresCallerId,
    Late,
    Limited,
}

impl Leave {
    /// The name, for logs and metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::NewerKazoo => "newer_kazoo",
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
            Self::Late => "late",
            Self::Limited => "limited",
        }
    }
}

/// Answers a request, or leaves it alone.
pub(super) async fn answer(seam: &RouteSeam, session: &Session, request: &RouteReq, came: Came) {
    let win_queue = session.link.process_queue().unwrap_or_default();
    let decided = match decide(seam, request).await {
        Ok(ours) => prepare(seam, &session.identity, request, ours, win_queue).await,
        Err(leave) => Err(leave),
    };
    let in_time = decided.and_then(|(offer, response)| {
        let limit = match offer.way {
            Way::Shared => SHARED,
            Way::Exclusive => EXCLUSIVE,
        };
        if came.at.elapsed() <= limit { Ok((offer, response)) } else { Err(Leave::Late) }
    });
    match in_time {
        Ok((offer, response)) => send(seam, session, win_queue, offer, &response, came).await,
        Err(leave) => {
            seam.shared.metrics.route_request(leave.as_str());
            tracing::debug!(
                reason = leave.as_str(),
                took_ms = came.at.elapsed().as_millis(),
                "the call is left to callflow"
            );
            done_with(session, came.receipt);
        }
    }
}

/// The offer, and the answer that callflow would have sent.
async fn prepare(
    seam: &RouteSeam,
    identity: &Identity,
    request: &RouteReq,
    ours: Ours,
    win_queue: &str,
) -> Result<(Offer, Message), Leave> {
    let directory = &seam.shared.directory.within(EXCLUSIVE);
    let Ours { account, mut call, found, way } = ours;
    let metaflow = bootstrap::metaflow(directory, &account, &found).await;
    bootstrap::entered(&mut call, &found, metaflow);
    let presence_id = bootstrap::presence_id(directory, &account, &call).await;
    let account = directory.account(&account).await.map_err(|_| Leave::Unreadable)?;
    let realm =
        account.as_deref().and_then(Value::as_object).and_then(|it| json::text(it, "realm"));
    let callflow = directory.config("callflow").await.map_err(|_| Leave::Unreadable)?;
    let ring_ready = callflow.get("ring_ready_offnet").is_none_or(json::value_is_true);
    let media = |own: &str, asked: &str| {
        let ringback = found.document.as_object().and_then(|it| json::object(it, "ringback"));
        ringback.and_then(|it| json::text(it, own)).or_else(|| json::text(&request.body, asked))
    };
    let (transfer, early) = (media("transfer", "Transfer-Media"), media("early", "Ringback-Media"));
    let nothing = Object::new();
    let (inception, authorizing_type) = (call.inception(), call.authorizing_type());
    let taken = Taken {
        win_queue,
        callflow_id: &found.id,
        channel_vars: call.channel_variables().unwrap_or(&nothing),
        application_vars: call
            .get("Custom-Application-Vars")
            .and_then(Value::as_object)
            .unwrap_or(&nothing),
        presence_id: presence_id.as_deref(),
        account_realm: realm.as_deref(),
        pre_park: PrePark::of(ring_ready, inception.as_deref(), authorizing_type.as_deref()),
        transfer_media: transfer.as_deref(),
        ringback_media: early.as_deref(),
    };
    let response = route_resp::take(identity, request, &taken);
    let offer = Offer {
        call_id: request.call_id.clone(),
        fetch_id: request.fetch_id.clone(),
        data: json::object(found.flow(), "data").cloned().unwrap_or_default(),
        child: callflow::wildcard_child(found.flow()).cloned(),
        flow_id: found.id,
        way,
        offered_at: unix_micros(),
        call: call.into_object(),
        other: Object::new(),
    };
    Ok((offer, response))
}

/// Puts the offer where it outlives us and answers, in this order and together.
async fn send(
    seam: &RouteSeam,
    session: &Session,
    win_queue: &str,
    offer: Offer,
    response: &Message,
    came: Came,
) {
    let metrics = &seam.shared.metrics;
    let (call_id, way) = (offer.call_id.clone(), offer.way);
    let kept = offer.message(&session.identity, win_queue);
    let superseded = seam.offers().make(offer, Instant::now());
    all_done_with(session, superseded);
    match session.settle([came.receipt], [&kept, response], Kept::InMemory).await {
        Ok(published) if published.iter().all(|one| *one == Published::Routed) => {
            let took = came.at.elapsed();
            metrics.route_request("offered");
            metrics.route_answered(took.as_secs_f64());
            tracing::debug!(
                way = way.as_str(),
                took_us = took.as_micros(),
                "offered to take the call"
            );
        }
        Ok(_) => {
            metrics.route_request("nobody_asks");
            tracing::info!("whoever asked for a route is gone");
            let kept = seam.offers().withdraw(&call_id);
            all_done_with(session, kept);
        }
        Err(error) => {
            seam.offers().withdraw(&call_id);
            comes_again(&error, "a route request could not be answered");
        }
    }
}

async fn decide(seam: &RouteSeam, request: &RouteReq) -> Result<Ours, Leave> {
    if seam.neighbours.are_newer(request) {
        return Err(Leave::NewerKazoo);
    }
    let directory = &seam.shared.directory.within(EXCLUSIVE);
    let account = request.account_id.as_deref().and_then(AccountId::new).ok_or(Leave::NoAccount)?;
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
    let data = json::object(found.flow(), "data").cloned().unwrap_or_default();
    if json::is_true(&data, "skip_module", false) {
        return Err(Leave::Skipped);
    }
    if way == Way::Shared && !is_opted_in(directory, &account, &data).await {
        return Err(Leave::NotOptedIn);
    }
    if has_preflow(directory, &account, &call).await.map_err(unreadable)? {
        return Err(Leave::Preflow);
    }
    if let Err(limit) = seam.shared.gate.has_room(account.as_str()) {
        seam.shared.limits.reached(limit, &format!("account {}", account.as_str()));
        return Err(Leave::Limited);
    }
    Ok(Ours { account, call, found, way })
}

async fn call_of(
    directory: &Directory,
    account: &AccountId,
    request: &RouteReq,
) -> Result<Call, Leave> {
    let rules = directory.number_rules().await;
    let account_rules = callflow::account_rules(directory, account).await;
    let account_rules = account_rules.map_err(|_| Leave::Unreadable)?;
    let normalised = |user: &str| {
        let normalised = rules.normalise_for_account(user, &account_rules, OnBadRule::Skip);
        normalised.unwrap_or_else(|_| user.to_owned())
    };
    Call::from_route_req(&request.body, normalised).map_err(|_| Leave::NoCall)
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
