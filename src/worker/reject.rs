//! Messages that cannot be understood.

use super::Shared;
use super::execute;
use super::farewell::{Caller, farewell};
use super::session::Session;
use crate::amqp::Delivery;
use crate::kapi::Rejection;
use crate::kapi::command::Dialect;
use crate::kapi::inbound::{Waiting, WaitingCaller};

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
