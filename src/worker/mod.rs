//! Jobs: from a message to its acknowledged answer.
//!
//! [`Worker`] is the handler of the AMQP session. It decodes each delivery, gives calls' events to
//! the jobs that wait for them and document notices to the directory, and runs one task per piece
//! of work. A delivery is acknowledged only when its answer is confirmed, or when it is known that
//! none is owed; when a session ends, its jobs end with it and the broker hands them out again.

mod age;
pub mod answer;
pub mod call_control;
mod channel;
pub mod context;
mod conversation;
mod documents;
mod execute;
mod farewell;
mod gate;
pub mod hand_back;
mod handler;
mod lately;
mod reject;
mod reports;
pub mod route;
mod session;
pub mod zones;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::amqp::Delivery;
use crate::directory::{Database, Directory};
use crate::kapi::inbound::{DecodeLimits, Delivered, DocumentChange, EventName, RejectReason};
use crate::kapi::{self, Inbound, Rejection};
use crate::operations::Metrics;
use crate::operations::advertisement::Advertiser;
use crate::operations::inspection::Inspected;
use crate::operations::limits::{Limit, Limits};
use crate::operations::records::Records;
use crate::settings::Seams;
use age::{age, is_doubtful};
use execute::Unsent;
use gate::Gate;
use lately::Lately;
use reject::{reject, unexpected};
use reports::Reports;
use route::{Came, RouteSeam};
use session::Session;

/// How often the worker looks for what is over.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a call on disk that was answered is remembered: a broker needs less to come back.
const ANSWERED: Duration = Duration::from_secs(15 * 60);
/// How long a call that ended is remembered: longer than a won call waits for a worker.
const ENDED: Duration = Duration::from_secs(60);

/// What a worker is told.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Our name.
    pub node: String,
    /// Where calls come from.
    pub seams: Seams,
    /// How many calls may be in flight.
    pub calls: u16,
    /// How many calls one account may begin in a second.
    pub account_rate: u32,
    /// What is read of messages.
    pub messages: DecodeLimits,
    /// How long may be read between two things that a caller hears.
    pub read_deadline: Duration,
}

/// What every job uses.
pub struct Shared {
    /// What is read.
    directory: Directory,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What became of the last calls.
    records: Arc<Records>,
    /// Limits that were reached.
    limits: Limits,
    /// Answers that wait for a session.
    unsent: Unsent,
    /// Calls on disk that were answered lately.
    ///
    /// RabbitMQ writes acknowledgements to disk a moment later than it says so. Killed within that
    /// moment, it hands out again what was answered, and its caller would be asked for digits in
    /// the middle of what follows. A worker remembers its own; one that another worker answered is
    /// beyond its knowledge.
    answered: Lately,
    /// Calls that ended, of all there are: one may end before its events are bound. Only heard of
    /// where the route seam is on; elsewhere the executor is KAZOO's, and knows by itself.
    ended_calls: Lately,
    /// What was said already.
    reports: Reports,
    /// Who is let in.
    gate: Gate,
    options: WorkerOptions,
}

impl Shared {
    /// The directory for a caller who waits from now on.
    fn reading(&self) -> Directory {
        self.directory.within(self.options.read_deadline)
    }

    fn decode(&self, delivery: &Delivery) -> Result<Inbound, Rejection> {
        let delivered = Delivered {
            exchange: &delivery.exchange,
            routing_key: &delivery.routing_key,
            content_type: delivery.content_type.as_deref(),
            payload: &delivery.payload,
        };
        let decoded = kapi::inbound::decode_within(&delivered, self.options.messages);
        if let Err(rejection) = &decoded {
            let limit = match rejection.reason {
                RejectReason::TooLarge => Limit::MessageSize,
                RejectReason::TooDeep => Limit::MessageDepth,
                _ => return decoded,
            };
            self.limits.reached(limit, &rejection.detail);
        }
        decoded
    }
}

/// Serves what the session brings.
pub struct Worker {
    shared: Arc<Shared>,
    inspected: Option<Arc<Inspected>>,
    advertiser: Option<Advertiser>,
    tasks: TaskTracker,
    session: Mutex<Option<Arc<Session>>>,
    /// `None` where the route seam is off.
    route: Option<Arc<RouteSeam>>,
}

impl Worker {
    /// A worker that reads from a directory.
    pub fn new(
        options: WorkerOptions,
        directory: Directory,
        metrics: Arc<Metrics>,
        records: Arc<Records>,
    ) -> Self {
        let seams = options.seams;
        let reports = Reports::new(records.masking());
        let shared = Arc::new(Shared {
            directory,
            records,
            limits: Limits::new(Arc::clone(&metrics)),
            unsent: Unsent::default(),
            answered: Lately::new(ANSWERED),
            ended_calls: Lately::new(ENDED),
            metrics,
            reports,
            gate: Gate::new(options.calls, options.account_rate),
            options,
        });
        let tasks = TaskTracker::new();
        let route = seams
            .route
            .then(|| Arc::new(RouteSeam::new(Arc::clone(&shared), tasks.clone(), seams.execute)));
        Self { shared, inspected: None, advertiser: None, tasks, session: Mutex::default(), route }
    }

    /// The same worker, which says when the cluster's schemas change.
    #[must_use]
    pub fn inspecting(self, inspected: Arc<Inspected>) -> Self {
        Self { inspected: Some(inspected), ..self }
    }

    /// The same worker, which tells the cluster of itself while it has a session.
    #[must_use]
    pub fn advertising(self, advertiser: Option<Advertiser>) -> Self {
        Self { advertiser, ..self }
    }

    /// Waits until no job runs any more, at most for `grace`; the number of those that still do.
    pub async fn drain(&self, grace: Duration) -> usize {
        if let (Some(route), Some(session)) = (&self.route, self.current()) {
            route.release(&session);
        }
        self.tasks.close();
        let _ = tokio::time::timeout(grace, self.tasks.wait()).await;
        self.tasks.len()
    }

    /// Lets go of what is over, until stopped.
    pub async fn tidy_up(self: Arc<Self>, stop: CancellationToken) {
        let Some(route) = &self.route else {
            return;
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP) => {}
            }
            route.expire(self.current().as_deref());
        }
    }

    /// Empties the caches, as SIGHUP asks for.
    pub fn forget_everything(&self) {
        self.shared.directory.forget_everything();
    }

    fn current(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, session: Option<Arc<Session>>) -> Option<Arc<Session>> {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, session)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// An execute, or what else is on its queues. It is read by its own task: what comes faster
    /// than it can be served waits as the bytes that came.
    fn execute(&self, session: Arc<Session>, delivery: Delivery) {
        let shared = Arc::clone(&self.shared);
        // On the heap: while the call is served, its room in the task would be empty.
        let delivery = Box::new(delivery);
        self.spawn(async move {
            match came(&shared, delivery) {
                Ok(came) => {
                    // At this level no filter that lets lines through takes the call id off them.
                    let span = tracing::error_span!("call", call_id = %came.execute.call_id);
                    let run = execute::run(shared, session, came);
                    // On the heap: a call that still waits to be read needs no room for it.
                    Box::pin(run.instrument(span)).await;
                }
                Err((delivery, rejection)) => {
                    Box::pin(reject(&shared, &session, *delivery, rejection)).await;
                }
            }
        });
    }

    /// Work of the route seam.
    fn route(&self, session: Arc<Session>, inbound: Inbound, mut delivery: Delivery) {
        let doubtful = is_doubtful(&delivery);
        let Some(route) = &self.route else {
            return self.reject(session, delivery, unexpected(&inbound));
        };
        let Some(receipt) = delivery.receipt.take() else {
            return self.reject(session, delivery, unexpected(&inbound));
        };
        let came = Came { at: Instant::now(), receipt, doubtful, age: age(delivery.timestamp) };
        match inbound {
            Inbound::RouteReq(request) => route.request(session, request, came),
            Inbound::RouteWin(win) => route.win(session, win, came.receipt),
            Inbound::Offer(offer) => route.offer(&session, *offer, came.receipt),
            Inbound::Job(job) => route.job(session, *job, came),
            Inbound::Unworkable(message) => route.unworkable(session, *message, came),
            other => {
                let rejection = unexpected(&other);
                delivery.receipt = Some(came.receipt);
                self.reject(session, delivery, rejection);
            }
        }
    }

    fn reject(&self, session: Arc<Session>, delivery: Delivery, rejection: Rejection) {
        let shared = Arc::clone(&self.shared);
        self.spawn(async move { reject(&shared, &session, delivery, rejection).await });
    }

    fn changed(&self, change: &DocumentChange) {
        let Some(database) = Database::from_encoded(&change.database) else {
            return;
        };
        tracing::debug!(database = database.name(), document = change.id, "a document changed");
        if let (Some(inspected), true) = (&self.inspected, database == Database::system_schemas()) {
            inspected.schemas_changed();
        }
        if change.change.is_database() {
            self.shared.directory.forget_database(&database);
        } else {
            self.shared.directory.forget(&database, change.doc_type.as_deref(), &change.id);
        }
    }

    /// Hands an event to the jobs of its call.
    fn hear(&self, session: &Session, inbound: Inbound) {
        let (first, second) = match &inbound {
            Inbound::DocumentChange(change) => return self.changed(change),
            // Events of a leg that KAZOO originated are routed by another id than they name.
            Inbound::CallEvent(event) => (Some(&event.call_id), Some(&event.routed_call_id)),
            Inbound::DialplanError(error) => (error.call_id.as_ref(), None),
            Inbound::UsurpControl(usurp) => (Some(&usurp.call_id), None),
            Inbound::ChannelStatus(status) => (Some(&status.call_id), None),
            Inbound::NodeAdvertisement(node) => {
                if let Some(route) = &self.route {
                    route.node(node);
                }
                return;
            }
            Inbound::Execute(_)
            | Inbound::HeldExecute(_)
            | Inbound::RouteReq(_)
            | Inbound::RouteWin(_)
            | Inbound::Offer(_)
            | Inbound::Job(_)
            | Inbound::Unworkable(_)
            | Inbound::Ignored { .. } => (None, None),
        };
        let ids: Vec<String> = [first, second].into_iter().flatten().cloned().collect();
        if matches!(&inbound, Inbound::CallEvent(event) if event.name == EventName::ChannelDestroy)
        {
            for id in &ids {
                self.shared.ended_calls.note(id);
            }
        }
        let inbound = Arc::new(inbound);
        for id in ids {
            if session.dispatch(&id, &inbound) {
                return;
            }
        }
    }
}

/// Reads an execute. Of the delivery only the receipt is left then: its bytes are of no use, for
/// however long the caller takes.
fn came(
    shared: &Shared,
    mut delivery: Box<Delivery>,
) -> Result<execute::Came, (Box<Delivery>, Rejection)> {
    let (execute, held) = match shared.decode(&delivery) {
        Ok(Inbound::Execute(execute)) => (Box::new(execute), false),
        Ok(Inbound::HeldExecute(execute)) => (execute, true),
        Ok(other) => return Err((delivery, unexpected(&other))),
        Err(rejection) => return Err((delivery, rejection)),
    };
    let doubtful = is_doubtful(&delivery);
    Ok(execute::Came { execute, receipt: delivery.receipt.take(), doubtful, held })
}
