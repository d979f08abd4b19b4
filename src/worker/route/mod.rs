//! The route seam: KAZOO 4.3's calls, taken by answering route requests.
//!
//! ```text
//! route_req ─> request ─> offer (kept on our win queue, and here) ─> route_resp
//! route_win ─> win ─────> job (on the workers' durable queue)
//! job ───────> job ─────> serve: KAZOO's checks, the action ─> resume, or the end of the call
//! ```
//!
//! Each arrow takes effect together with the acknowledgement of what it came from, in one
//! transaction of the broker: whatever kills a worker, the message before the arrow is handed out
//! again, or the message behind it is there, never both and never neither. The win queue outlives
//! its worker; what waits there too long moves to the takeover queue, offer first, win behind it,
//! where another worker puts them together.

pub mod hand_back;
mod job;
mod neighbours;
mod offers;
pub mod ours;
mod request;
mod serve;
mod win;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::Shared;
use super::session::Session;
use crate::amqp::{LinkError, Receipt};
use crate::kapi::handover::{Job, Offer};
use crate::kapi::inbound::{NodeAdvertisement, RouteReq, RouteWin, Unworkable};
use neighbours::Neighbours;
use offers::Offers;

/// The route seam of a worker.
pub(super) struct RouteSeam {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    offers: Mutex<Offers>,
    neighbours: Neighbours,
}

/// What came with a message of work.
pub(super) struct Came {
    /// When it came.
    pub(super) at: Instant,
    /// To settle it with.
    pub(super) receipt: Receipt,
    /// Whether its call may have ended meanwhile: it was handed out before, or it is old.
    pub(super) doubtful: bool,
    /// How old it is, where it says so.
    pub(super) age: Option<Duration>,
}

impl RouteSeam {
    /// Tasks run under `tasks`. `execute` is whether the execute seam is on, too.
    pub(super) fn new(shared: Arc<Shared>, tasks: TaskTracker, execute: bool) -> Self {
        let neighbours = Neighbours::new(execute);
        Self { shared, tasks, offers: Mutex::default(), neighbours }
    }

    /// A call looks for somebody to take it.
    pub(super) fn request(self: &Arc<Self>, session: Arc<Session>, request: RouteReq, came: Came) {
        let seam = Arc::clone(self);
        let span = tracing::error_span!("call", call_id = %request.call_id);
        let task = async move { request::answer(&seam, &session, &request, came).await };
        self.tasks.spawn(task.instrument(span));
    }

    /// What a worker knew comes back: this one, or one that is gone.
    pub(super) fn offer(&self, session: &Session, offer: Offer, receipt: Receipt) {
        let settled = self.offers().came(offer, receipt, Instant::now());
        all_done_with(session, settled);
    }

    /// A call is ours.
    pub(super) fn win(self: &Arc<Self>, session: Arc<Session>, win: RouteWin, receipt: Receipt) {
        let seam = Arc::clone(self);
        let span = tracing::error_span!("call", call_id = %win.call_id);
        let task = async move { win::take(&seam, &session, &win, receipt).await };
        self.tasks.spawn(task.instrument(span));
    }

    /// A won call is to be served.
    pub(super) fn job(self: &Arc<Self>, session: Arc<Session>, job: Job, came: Came) {
        let seam = Arc::clone(self);
        let span = tracing::error_span!("call", call_id = %job.offer.call_id);
        let task = async move { job::run(&seam.shared, &session, job, came).await };
        self.tasks.spawn(task.instrument(span));
    }

    /// A message of another worker that cannot be followed.
    pub(super) fn unworkable(
        self: &Arc<Self>,
        session: Arc<Session>,
        message: Unworkable,
        came: Came,
    ) {
        let seam = Arc::clone(self);
        let span = tracing::error_span!("call", call_id = %message.call_id);
        let task = async move { job::unworkable(&seam.shared, &session, message, came).await };
        self.tasks.spawn(task.instrument(span));
    }

    /// A node of the cluster says that it is there.
    pub(super) fn node(&self, node: &NodeAdvertisement) {
        self.neighbours.node(node);
    }

    /// Lets go of offers that nobody will win any more.
    pub(super) fn expire(&self, session: Option<&Session>) {
        let over = self.offers().expire(Instant::now());
        if let Some(session) = session {
            all_done_with(session, over);
        }
    }

    /// No more calls are taken: what we know of those that may still be won goes to whoever takes
    /// over.
    pub(super) fn release(&self, session: &Session) {
        for receipt in self.offers().give_back() {
            if let Err(error) = session.link.requeue(receipt) {
                tracing::debug!(%error, "an offer goes back with the end of the session");
                return;
            }
        }
    }

    /// Nothing that came before can be settled any more.
    pub(super) fn session_ended(&self) {
        self.offers().session_ended();
    }

    fn offers(&self) -> MutexGuard<'_, Offers> {
        // Nothing of ours panics while holding it.
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Acknowledges messages that lead to nothing.
fn all_done_with(session: &Session, receipts: impl IntoIterator<Item = Receipt>) {
    for receipt in receipts {
        done_with(session, receipt);
    }
}

/// Acknowledges a message that leads to nothing.
fn done_with(session: &Session, receipt: Receipt) {
    if let Err(error) = session.link.ack(receipt) {
        tracing::debug!(%error, "a message could not be acknowledged; it comes again");
    }
}

/// Says that something is not in place yet; the broker hands out again what it came from.
fn comes_again(error: &LinkError, what: &str) {
    tracing::warn!(%error, "{what}; the broker hands it out again");
}
