//! The execute seam: `callflow/action.execute` of KAZOO master and 5.

mod serve;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use super::Shared;
use super::session::Session;
use crate::amqp::{LinkError, Receipt};
use crate::kapi::inbound::{Execute, WaitingFlow};
use crate::kapi::result::Executor;
use crate::kapi::{self, ActionResult};
use serve::Served;

/// Serves one execute and acknowledges it.
pub(super) async fn run(
    shared: Arc<Shared>,
    session: Arc<Session>,
    execute: Execute,
    doubtful: bool,
    receipt: Option<Receipt>,
) {
    let waiting = WaitingFlow {
        server_id: execute.server_id.clone(),
        msg_id: execute.msg_id.clone(),
        call_id: execute.call_id.clone(),
    };
    if !session.begin(&waiting.msg_id) {
        tracing::warn!(msg_id = waiting.msg_id, "the same execute came twice; it is served once");
        acknowledge(&session, receipt);
        return;
    }
    shared.metrics.in_flight.inc();
    // A panic would be a defect of ours; the caller must not wait for ever because of it.
    let account = execute.account_id();
    let serving = AssertUnwindSafe(async {
        match shared.gate.enter(account.as_deref().unwrap_or_default()).await {
            Ok(_pass) => serve::serve(&shared, &session, execute, doubtful).await,
            Err(limit) => {
                let account = account.as_deref().unwrap_or("none");
                shared.limits.reached(limit, &format!("account {account}"));
                release(&shared, &session, &waiting, "continue_limited").await?;
                Ok(Served::Answered)
            }
        }
    });
    let served = tokio::select! {
        biased;
        () = session.ended.cancelled() => None,
        served = serving.catch_unwind() => Some(served),
    };
    match served {
        None => tracing::warn!("the session ended; the broker will hand the call out again"),
        Some(Ok(Ok(Served::Answered))) => acknowledge(&session, receipt),
        Some(Ok(Ok(Served::NoAnswerOwed(cause)))) => {
            shared.metrics.abandoned(cause);
            acknowledge(&session, receipt);
        }
        // Not acknowledged: the session is torn down and the broker hands the call out again.
        Some(Ok(Err(error))) => tracing::warn!(%error, "the call could not be answered"),
        Some(Err(_)) => {
            tracing::error!("serving the call panicked; its flow goes on unchanged");
            shared.metrics.abandoned("panicked");
            release(&shared, &session, &waiting, "continue_panicked").await.ok();
            acknowledge(&session, receipt);
        }
    }
    shared.metrics.in_flight.dec();
    session.finish(&waiting.msg_id);
}

fn acknowledge(session: &Session, receipt: Option<Receipt>) {
    let acknowledged = receipt.map_or(Ok(()), |receipt| session.link.ack(receipt));
    if let Err(error) = acknowledged {
        tracing::warn!(%error, "an answered call could not be acknowledged; it comes again");
    }
}

/// Lets the flow go on that waits for an execute we do not serve; `kind` says why.
pub(super) async fn release(
    shared: &Shared,
    session: &Session,
    waiting: &WaitingFlow,
    kind: &'static str,
) -> Result<(), LinkError> {
    let executor = Executor {
        server_id: &waiting.server_id,
        msg_id: &waiting.msg_id,
        call_id: &waiting.call_id,
    };
    let result = kapi::result::result(&session.identity, executor, &ActionResult::Continue);
    match session.publish(&result, true).await {
        Ok(_) => {
            shared.metrics.answered("unknown", kind, 0.0);
            Ok(())
        }
        Err(error) => {
            tracing::warn!(%error, "KAZOO could not be told to go on");
            Err(error)
        }
    }
}
