//! Route requests: what we say to a call that looks for somebody to take it.
//!
//! Only what is [`ours`](fn@ours) is answered; everything else is left to callflow in silence.
//!
//! Source: `cf_route_req.erl` (`send_route_response/3`).

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::ours::{Leave, Ours, ours};
use super::{Came, RouteSeam, all_done_with, comes_again, done_with};
use crate::amqp::Published;
use crate::callflow::{self, bootstrap};
use crate::directory::ReadError;
use crate::json::{self, Object};
use crate::kapi::handover::{Offer, Way};
use crate::kapi::inbound::RouteReq;
use crate::kapi::route_resp::{self, PrePark, Taken};
use crate::kapi::{Identity, Message};
use crate::worker::age::unix_micros;
use crate::worker::session::{Kept, Session};

/// How soon an answer has to leave where callflow answers, too: it does within a few milliseconds,
/// and what comes much later is never taken.
const SHARED: Duration = Duration::from_millis(100);
/// How soon where nobody else answers: ecallmgr gives up after 2.6 s.
const EXCLUSIVE: Duration = Duration::from_secs(2);

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// The call is callflow's.
    Left(Leave),
    /// KAZOO takes no call back: it is newer than 4.3.
    NewerKazoo,
    /// The answer would come too late.
    Late,
    /// A limit of ours was reached.
    Limited,
}

impl Silence {
    /// The name, for logs and metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Left(leave) => leave.as_str(),
            Self::NewerKazoo => "newer_kazoo",
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
        Err(silence) => Err(silence),
    };
    let in_time = decided.and_then(|(offer, response)| {
        let limit = match offer.way {
            Way::Shared => SHARED,
            Way::Exclusive => EXCLUSIVE,
        };
        if came.at.elapsed() <= limit { Ok((offer, response)) } else { Err(Silence::Late) }
    });
    match in_time {
        Ok((offer, response)) => send(seam, session, win_queue, offer, &response, came).await,
        Err(silence) => {
            seam.shared.metrics.route_request(silence.as_str());
            tracing::debug!(
                reason = silence.as_str(),
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
    mut ours: Ours,
    win_queue: &str,
) -> Result<(Offer, Message), Silence> {
    let directory = &seam.shared.directory.within(EXCLUSIVE);
    ours.enter(directory).await;
    let data = ours.data();
    let Ours { account, call, found, way } = ours;
    let unreadable = |_: ReadError| Silence::Left(Leave::Unreadable);
    let presence_id = bootstrap::presence_id(directory, &account, &call).await;
    let account = directory.account(&account).await.map_err(unreadable)?;
    let realm =
        account.as_deref().and_then(Value::as_object).and_then(|it| json::text(it, "realm"));
    let callflow = directory.config("callflow").await.map_err(unreadable)?;
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
        data,
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

async fn decide(seam: &RouteSeam, request: &RouteReq) -> Result<Ours, Silence> {
    if seam.neighbours.are_newer(request) {
        return Err(Silence::NewerKazoo);
    }
    let directory = &seam.shared.directory.within(EXCLUSIVE);
    let account = request.account_id.as_deref();
    let ours = ours(directory, account, &request.body).await.map_err(Silence::Left)?;
    let account = ours.account.as_str();
    if let Err(limit) = seam.shared.gate.has_room(account) {
        seam.shared.limits.reached(limit, &format!("account {account}"));
        return Err(Silence::Limited);
    }
    Ok(ours)
}
