//! Whether the worker can serve calls, and since when it cannot.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use super::http::Readiness;
use super::records::Records;
use crate::amqp::SessionState;
use crate::directory::Directory;

/// How often the database is asked whether it is there, and what is kept is counted.
const PROBE: Duration = Duration::from_secs(5);

/// What keeps the database from answering, if anything does; `None` before it was first asked.
pub type DatabaseState = Option<Result<(), String>>;

/// The worker's health.
#[derive(Debug)]
pub struct Health {
    session: watch::Receiver<SessionState>,
    database: watch::Receiver<DatabaseState>,
}

impl Health {
    /// Health of a session and a database.
    pub fn new(
        session: watch::Receiver<SessionState>,
        database: watch::Receiver<DatabaseState>,
    ) -> Self {
        Self { session, database }
    }

    /// What the session is doing.
    pub fn session(&self) -> SessionState {
        self.session.borrow().clone()
    }

    /// Whether the database answers.
    pub fn database(&self) -> DatabaseState {
        self.database.borrow().clone()
    }
}

#[async_trait]
impl Readiness for Health {
    async fn obstacles(&self) -> Vec<String> {
        let session = self.session.borrow().clone();
        let session = (!session.is_up()).then(|| format!("RabbitMQ: {session}"));
        let database = match &*self.database.borrow() {
            None => Some("CouchDB: not asked yet".to_owned()),
            Some(Ok(())) => None,
            Some(Err(reason)) => Some(format!("CouchDB: {reason}")),
        };
        session.into_iter().chain(database).collect()
    }
}

/// Keeps the metrics of session and database current; ends with the first of the two.
pub async fn count(
    mut session: watch::Receiver<SessionState>,
    mut database: watch::Receiver<DatabaseState>,
    metrics: Arc<Metrics>,
) {
    loop {
        metrics.session(&session.borrow_and_update());
        let up = matches!(&*database.borrow_and_update(), Some(Ok(())));
        metrics.couchdb_up.set(i64::from(up));
        let gone = tokio::select! {
            changed = session.changed() => changed.is_err(),
            changed = database.changed() => changed.is_err(),
        };
        if gone {
            return;
        }
    }
}

/// Keeps the metrics of what the worker holds current, until it stops.
pub async fn count_kept(
    directory: Directory,
    records: Arc<Records>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let runtime = tokio::runtime::Handle::current();
    loop {
        for (what, count) in directory.kept() {
            metrics.kept(what, count);
        }
        metrics.kept("records", records.count() as u64);
        let tasks = runtime.metrics().num_alive_tasks();
        metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
        tokio::select! {
            () = tokio::time::sleep(PROBE) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Asks the database every few seconds, and says when it comes and goes.
pub fn watch_database(
    directory: Directory,
    stop: CancellationToken,
) -> watch::Receiver<DatabaseState> {
    let (sender, receiver) = watch::channel(None);
    let asking = async move {
        loop {
            let now = directory.answers().await.map_err(|error| error.to_string());
            let before = sender.send_replace(Some(now.clone()));
            match (before, now) {
                (Some(Ok(())), Ok(())) | (Some(Err(_)), Err(_)) => {}
                (_, Ok(())) => tracing::info!("CouchDB answers"),
                (_, Err(reason)) => tracing::error!(
                    reason,
                    "CouchDB does not answer; it is asked again every few seconds. Until then \
                     lists and callflows come from the cache, and calls that need more go on with \
                     KAZOO's own caller ID"
                ),
            }
            tokio::time::sleep(PROBE).await;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = asking => {}
        }
    });
    receiver
}
