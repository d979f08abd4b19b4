//! The execute seam: `callflow/action.execute` of KAZOO master and 5.
//!
//! ```text
//! action.execute ─> serve ─> answer                    an action that decides at once
//!                   serve ─> held ─> serve ─> answer   one that asks its caller for digits
//! ```
//!
//! KAZOO's executes live in the broker's memory. Before its caller is asked for anything, a call is
//! put on the workers' own queue on disk, in the transaction that acknowledges it, and is served
//! from there. What the caller is told at the end, the answer and the acknowledgement are one
//! transaction, too. So nobody is left in the middle, and nobody speaks after the answer.
//!
//! All other answers are confirmed first and acknowledged then, which is faster: should a worker
//! die in between, the same answer is given twice, and KAZOO ignores the second (`cf_exe.erl`,
//! `relay_amqp`).

mod serve;
mod unsent;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::Shared;
use super::session::Session;
use crate::amqp::{HELD_QUEUE, LinkError, Published, Receipt};
use crate::kapi::inbound::{Execute, WaitingFlow};
use crate::kapi::result::Executor;
use crate::kapi::{self, ActionResult};
use crate::operations::records::{Record, now_ms};
use serve::Served;
pub(super) use unsent::Unsent;

/// How long a call is kept back that could not be answered, so that it does not go round and round.
const PAUSE: Duration = Duration::from_secs(1);

/// An execute and how it came.
pub(super) struct Came {
    pub(super) execute: Box<Execute>,
    /// To settle it with.
    pub(super) receipt: Option<Receipt>,
    /// Whether its call may have ended meanwhile: it was handed out before, or it is old.
    pub(super) doubtful: bool,
    /// Whether it is kept on disk already.
    pub(super) held: bool,
}

/// Serves one execute and acknowledges it.
pub(super) async fn run(shared: Arc<Shared>, session: Arc<Session>, came: Came) {
    let Came { execute, mut receipt, doubtful, held } = came;
    let flow = execute.flow();
    // One that is put on disk may come back before its first task has ended.
    let key = format!("{}{}", if held { "held " } else { "" }, flow.msg_id);
    if !session.begin(&key) {
        tracing::warn!(msg_id = flow.msg_id, "the same execute came twice; it is served once");
        acknowledge(&session, receipt);
        return;
    }
    if held && shared.answered.has(&flow.msg_id) {
        // A broker that was killed had not yet noted on disk that it was done with.
        tracing::warn!(msg_id = flow.msg_id, "an answered call came again; it is let go");
        shared.metrics.abandoned("answered_before");
        acknowledge(&session, receipt);
        session.finish(&key);
        return;
    }
    shared.metrics.in_flight.inc();
    let task = serve::Task { execute, flow: &flow, held, receipt: &mut receipt };
    let serving = serve_within_limits(&shared, &session, task, doubtful);
    // A panic would be a defect of ours; the caller must not wait for ever because of it. On the
    // heap: gone as soon as it is over.
    let mut served = Box::pin(AssertUnwindSafe(serving).catch_unwind()).await;
    if let Ok(Ok(Served::ToHold(body))) = served {
        served = Ok(Box::pin(hold(&shared, &session, &flow, receipt.take(), body)).await);
    }
    match served {
        Ok(Ok(Served::Answered)) => {
            if held {
                shared.answered.note(&flow.msg_id);
            }
            acknowledge(&session, receipt);
        }
        Ok(Ok(Served::Held | Served::ToHold(_))) => acknowledge(&session, receipt),
        Ok(Ok(Served::NoAnswerOwed(cause))) => {
            shared.metrics.abandoned(cause);
            acknowledge(&session, receipt);
        }
        Ok(Err(error)) if session.ended.is_cancelled() => {
            tracing::warn!(%error, "the session ended; the broker will hand the call out again");
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the call could not be answered; it is handed out again");
            Box::pin(give_back(&session, receipt)).await;
        }
        Err(_) => {
            tracing::error!("serving the call panicked; its flow goes on unchanged");
            shared.metrics.abandoned("panicked");
            Box::pin(release(&shared, &session, &flow, "continue_panicked")).await.ok();
            acknowledge(&session, receipt);
        }
    }
    shared.metrics.in_flight.dec();
    session.finish(&key);
}

/// Serves an execute, unless a limit is reached.
async fn serve_within_limits(
    shared: &Shared,
    session: &Session,
    task: serve::Task<'_>,
    doubtful: bool,
) -> Result<Served, LinkError> {
    // Nothing could be said while the broker is short of memory; calls wait for that to end.
    session.link.unblocked().await;
    let entered = if task.held {
        Ok(Box::pin(shared.gate.let_in_again()).await)
    } else {
        let account = task.execute.account_id();
        Box::pin(shared.gate.enter(account.as_deref().unwrap_or_default())).await
    };
    match entered {
        Ok(_pass) => serve::serve(shared, session, task, doubtful).await,
        Err(limit) => {
            let account = task.execute.account_id();
            let account = account.as_deref().unwrap_or("none");
            shared.limits.reached(limit, &format!("account {account}"));
            Box::pin(release(shared, session, task.flow, "continue_limited")).await?;
            Ok(Served::Answered)
        }
    }
}

/// Puts a call on disk, together with its acknowledgement, before its caller hears anything:
/// whatever dies then, somebody knows that an answer is owed. It is served anew from there. It
/// waits as text and nothing else, for thousands may wait for the broker's disk at once.
async fn hold(
    shared: &Shared,
    session: &Session,
    flow: &WaitingFlow,
    receipt: Option<Receipt>,
    body: Vec<u8>,
) -> Result<Served, LinkError> {
    if session.put_on_disk(receipt, HELD_QUEUE, body).await? == Published::Routed {
        return Ok(Served::Held);
    }
    // A new session declares it again, but this execute is acknowledged already.
    tracing::error!(queue = HELD_QUEUE, "the queue is gone; the call goes on unchanged");
    release(shared, session, flow, "continue_unheld").await?;
    Ok(Served::Answered)
}

fn acknowledge(session: &Session, receipt: Option<Receipt>) {
    let acknowledged = receipt.map_or(Ok(()), |receipt| session.link.ack(receipt));
    if let Err(error) = acknowledged {
        tracing::warn!(%error, "an answered call could not be acknowledged; it comes again");
    }
}

/// The session lives on, but took nothing from us; somebody tries again.
async fn give_back(session: &Session, receipt: Option<Receipt>) {
    tokio::time::sleep(PAUSE).await;
    let given_back = receipt.map_or(Ok(()), |receipt| session.link.requeue(receipt));
    if let Err(error) = given_back {
        tracing::debug!(%error, "the call comes again with the end of the session");
    }
}

/// Lets the flow go on that waits for an execute we do not serve, and leaves a record of it; `kind`
/// says why.
pub(super) async fn release(
    shared: &Shared,
    session: &Session,
    flow: &WaitingFlow,
    kind: &'static str,
) -> Result<(), LinkError> {
    let WaitingFlow { server_id, msg_id, call_id } = flow;
    let executor = Executor { server_id, msg_id, call_id };
    let result = kapi::result::result(&session.identity, executor, ActionResult::Continue);
    match session.publish(&result, true).await {
        Ok(_) => {
            shared.metrics.answered("unknown", kind, 0.0);
            shared.records.add(Record {
                call_id: call_id.clone(),
                began_at_ms: now_ms(),
                seam: serve::SEAM.to_owned(),
                end: kind.to_owned(),
                ..Record::default()
            });
            Ok(())
        }
        Err(error) => {
            tracing::warn!(%error, "KAZOO could not be told to go on");
            Err(error)
        }
    }
}
