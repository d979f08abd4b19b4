//! Messages that cannot be understood.

use super::Shared;
use super::execute;
use super::farewell::{Caller, farewell};
use super::session::Session;
use crate::amqp::Delivery;
use crate::kapi::command::Dialect;
use crate::kapi::inbound::{RejectReason, Waiting, WaitingCaller};
use crate::kapi::{Inbound, Rejection};

/// Keeps such a message on the rejected queue, and lets KAZOO go on where it can be told.
pub(super) async fn reject(
    shared: &Shared,
    session: &Session,
    delivery: Delivery,
    rejection: Rejection,
) {
    let reason = rejection.reason.as_str();
    shared.metrics.rejected(reason);
    tracing::warn!(
        reason,
        detail = rejection.detail,
        exchange = delivery.exchange,
        routing_key = delivery.routing_key,
        bytes = delivery.payload.len(),
        "a message cannot be understood; it is kept on the rejected queue"
    );
    match rejection.waiting.as_deref() {
        Some(Waiting::Flow(flow)) => {
            execute::release(shared, session, flow, "continue_rejected").await.ok();
        }
        Some(Waiting::Caller(WaitingCaller { call_id, control_queue })) => {
            let caller = Caller {
                call_id,
                control_queue,
                account: None,
                language: None,
                dialect: Dialect::V43,
            };
            let farewell = farewell(shared, session, caller).await;
            if let Err(error) = session.publish_commands(&farewell).await {
                tracing::warn!(%error, "the caller could not be told");
            }
        }
        None => {}
    }
    if let Err(error) = session.link.reject(delivery, reason, &rejection.detail).await {
        tracing::warn!(%error, "the rejected message could not be kept; it comes again");
    }
}

/// A message that has no business on the work queue.
pub(super) fn unexpected(inbound: &Inbound) -> Rejection {
    Rejection {
        reason: RejectReason::BadValue,
        detail: format!("{} has no business on a queue of work", kind(inbound)),
        waiting: None,
    }
}

fn kind(inbound: &Inbound) -> String {
    match inbound {
        Inbound::Execute(_) => "callflow/action.execute".to_owned(),
        Inbound::HeldExecute(_) => "kazoo_dynamic_cid/held_execute".to_owned(),
        Inbound::RouteReq(_) => "dialplan/route_req".to_owned(),
        Inbound::RouteWin(_) => "dialplan/route_win".to_owned(),
        Inbound::NodeAdvertisement(_) => "nodes/advertise".to_owned(),
        Inbound::Offer(_) => "kazoo_dynamic_cid/route_offer".to_owned(),
        Inbound::Job(_) => "kazoo_dynamic_cid/route_job".to_owned(),
        Inbound::Unworkable(unworkable) => {
            format!("kazoo_dynamic_cid/{}", unworkable.kind.as_str())
        }
        Inbound::CallEvent(event) => format!("call_event/{}", event.name.as_str()),
        Inbound::DialplanError(_) => "error/dialplan".to_owned(),
        Inbound::UsurpControl(_) => "call_event/usurp_control".to_owned(),
        Inbound::ChannelStatus(_) => "channel_status_resp".to_owned(),
        Inbound::DocumentChange(change) => format!("configuration/{}", change.change.as_str()),
        Inbound::Ignored { category, name } => format!("{category}/{name}"),
    }
}
