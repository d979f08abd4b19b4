//! Wins: from `route_win` to a job that any worker can take.

use std::time::Duration;

use tokio::time::Instant;

use super::offers::Win;
use super::{RouteSeam, all_done_with, comes_again, done_with};
use crate::amqp::{JOBS_QUEUE, Published, Receipt};
use crate::call::Call;
use crate::directory::AccountId;
use crate::json;
use crate::kapi::Message;
use crate::kapi::command::Dialect;
use crate::kapi::handover::Offer;
use crate::kapi::inbound::RouteWin;
use crate::worker::age::unix_micros;
use crate::worker::farewell::{Caller, farewell};
use crate::worker::session::{Kept, Session};

/// How long the offer of a win may take to turn up behind it. It was put on the queue before the
/// answer that was won, so it comes first unless something has gone wrong.
const CONTEXT: Duration = Duration::from_millis(500);

/// Takes a win: passes the call on, or tells the caller that nobody can.
pub(super) async fn take(seam: &RouteSeam, session: &Session, win: &RouteWin, receipt: Receipt) {
    let metrics = &seam.shared.metrics;
    let fetch_id = win.fetch_id.as_deref();
    let mut won = seam.offers().win(&win.call_id, fetch_id);
    if won == Win::Unknown {
        tokio::time::sleep(CONTEXT).await;
        won = seam.offers().win(&win.call_id, fetch_id);
    }
    match won {
        Win::Ours { offer, kept } => pass_on(seam, session, win, *offer, receipt, kept).await,
        Win::Again => {
            metrics.won("again");
            tracing::warn!("this call was won twice; it is served once");
            done_with(session, receipt);
        }
        Win::Unknown => {
            metrics.won("unknown");
            tracing::error!(
                control_queue = %win.control_queue,
                "a call was won of which nothing is known here (any more): it was not offered by a \
                 worker of this cluster, or came too late. The caller hears the fault prompt and \
                 is hung up"
            );
            let farewell = last_words(seam, session, win).await;
            if let Err(error) = session.settle([receipt], &farewell, Kept::InMemory).await {
                comes_again(&error, "the caller of an unknown win could not be told");
            }
        }
    }
}

async fn pass_on(
    seam: &RouteSeam,
    session: &Session,
    win: &RouteWin,
    offer: Offer,
    receipt: Receipt,
    kept: Option<Receipt>,
) {
    let mut call = Call::new(offer.call);
    call.apply_route_win(&win.body);
    let offer = Offer { call: call.into_object(), ..offer };
    let waited = unix_micros().saturating_sub(offer.offered_at);
    let job = offer.won(win.control_queue.clone(), unix_micros());
    let message = job.message(&session.identity, JOBS_QUEUE);
    let receipts = std::iter::once(receipt).chain(kept);
    match session.settle(receipts, [&message], Kept::OnDisk).await {
        Ok(published) if published.iter().all(|one| *one == Published::Routed) => {
            seam.shared.metrics.won("ours");
            tracing::info!(waited_us = waited, "the call is ours");
            let late = seam.offers().passed_on(&win.call_id, Instant::now());
            all_done_with(session, late);
        }
        // The queue of jobs was deleted under us: a new session declares it again, but this win
        // is acknowledged already.
        Ok(_) => {
            tracing::error!(queue = JOBS_QUEUE, "the queue is gone; the caller is told so");
            let late = seam.offers().passed_on(&win.call_id, Instant::now());
            all_done_with(session, late);
            let farewell = last_words(seam, session, win).await;
            if let Err(error) = session.publish_commands(&farewell).await {
                tracing::error!(%error, "the caller could not be told");
            }
        }
        Err(error) => {
            seam.offers().still_open(&win.call_id);
            comes_again(&error, "a won call could not be passed on");
        }
    }
}

async fn last_words(seam: &RouteSeam, session: &Session, win: &RouteWin) -> Vec<Message> {
    let variables = json::object(&win.body, "Custom-Channel-Vars");
    let account = variables.and_then(|variables| json::text(variables, "Account-ID"));
    let account = account.as_deref().and_then(AccountId::new);
    let caller = Caller {
        call_id: &win.call_id,
        control_queue: &win.control_queue,
        account: account.as_ref(),
        language: None,
        dialect: Dialect::V43,
    };
    farewell(&seam.shared, session, caller).await
}
