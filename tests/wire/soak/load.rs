//! The calls of a soak, and what is owed to them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::json::Object;
use serde_json::Value;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::cluster::Cluster;
use crate::harness::World;
use crate::obligations::{Faults, Obligations, judge};

/// What is dialled, in turn: three static nodes, one without a number, two times each of both lists
/// (the key in a named group, and in front of the number), and two callers who type.
const DIALLED: [&str; 10] = [
    "2001",
    "*20014155551234",
    "2010",
    "*30014155551234",
    "2001",
    "2002",
    "*20014155551234",
    "2010",
    "*30014155551234",
    "2001",
];
/// How long after its beginning a call is judged: longer than any wait that a restart can cause.
const JUDGED_AFTER: Duration = Duration::from_secs(75);
const BETWEEN_JUDGEMENTS: Duration = Duration::from_secs(5);
/// From one notice of a changed document to the next.
const BETWEEN_NOTICES: Duration = Duration::from_secs(10);
/// Documents that the calls need, in turn.
const CHANGED: [(&str, &str); 4] =
    [("list_entry", "e1"), ("callflow", "cf_static_nocg"), ("list", "list1"), ("device", "dev1")];
/// How many broken promises are told in full.
const TOLD: usize = 5;

pub(crate) struct Load {
    cluster: Arc<Cluster>,
    calls: Vec<(Object, Value)>,
    database: String,
    placed: AtomicUsize,
    /// Those for which there was no broker.
    not_placed: AtomicUsize,
    faults: Mutex<Faults>,
    judged: Mutex<Judged>,
}

#[derive(Debug, Default)]
struct Judged {
    obligations: Obligations,
    /// Published while the broker went, without its word that it has them.
    unconfirmed: usize,
    broken: Vec<String>,
}

impl Load {
    pub(super) fn new(cluster: Arc<Cluster>, account: &Account, world: &World) -> Result<Self> {
        let transcript = world.transcript("static_nocg")?;
        let mut calls = Vec::new();
        for number in DIALLED {
            let call = account.call_to(transcript, number)?;
            let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no cf_flow_id")?;
            let data = account.data_of(flow);
            calls.push((call, data));
        }
        Ok(Self {
            cluster,
            calls,
            database: account.database(),
            placed: AtomicUsize::new(0),
            not_placed: AtomicUsize::new(0),
            faults: Mutex::default(),
            judged: Mutex::default(),
        })
    }

    /// Places calls by the clock, whatever becomes of those before.
    pub(super) async fn place(self: Arc<Self>, rate: u32, until: Instant) -> Result<()> {
        let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let run = rand::random::<u32>();
        let mut number = 0;
        while Instant::now() < until {
            clock.tick().await;
            number += 1;
            if !self.cluster.is_connected() {
                self.not_placed.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let load = Arc::clone(&self);
            tokio::spawn(async move {
                let (call, data) = &load.calls[number % load.calls.len()];
                let id = format!("{number}-{run:08x}@soak");
                // Without a confirmation it is judged as nobody's, see `judge_begun_before`.
                load.cluster.hand_over(&id, call, data).await.ok();
            });
            self.placed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Tells of changed documents, so that they are read again and again.
    pub(super) async fn tell_of_changes(self: Arc<Self>, stop: CancellationToken) {
        for (kind, id) in CHANGED.iter().cycle() {
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_NOTICES) => {}
                () = stop.cancelled() => return,
            }
            if !self.cluster.is_connected() {
                continue;
            }
            if let Ok(kazoo) = self.cluster.kazoo().await {
                // Lost with the broker: the worker's own time for documents is for that.
                kazoo.document_changed(&self.database, kind, id).await.ok();
            }
        }
    }

    /// Judges calls once they are old, so that they need not be remembered.
    pub(super) async fn judge(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_JUDGEMENTS) => {}
                () = stop.cancelled() => {}
            }
            let Some(time) = Instant::now().checked_sub(JUDGED_AFTER) else { continue };
            self.judge_begun_before(time);
        }
    }

    /// Judges all that are left; for when nothing is served any more.
    pub(super) fn judge_all(&self) {
        self.judge_begun_before(Instant::now());
    }

    fn judge_begun_before(&self, time: Instant) {
        let courses = self.cluster.take_begun_before(time);
        let faults = self.faults().clone();
        let mut judged = self.judged();
        for (id, course) in courses {
            if course.handed_over.is_none() {
                judged.unconfirmed += 1;
                continue;
            }
            if let Err(broken) = judge(&id, &course, &faults, &mut judged.obligations) {
                judged.broken.push(format!("{broken:#}"));
            }
        }
    }

    /// The broker is away, until told otherwise.
    pub(super) fn broker_away(&self, from: Instant, until: Instant) {
        self.faults().broker_deaths.push((from, until));
    }

    pub(super) fn broker_back(&self, from: Instant, at: Instant) {
        let mut faults = self.faults();
        faults.broker_deaths.retain(|(died, _)| *died != from);
        faults.broker_deaths.push((from, at));
    }

    pub(super) fn placed(&self) -> usize {
        self.placed.load(Ordering::Relaxed)
    }

    pub(super) fn summary(&self) -> String {
        let judged = self.judged();
        format!(
            "placed {}, without a broker to place them with {}, unconfirmed {}, {:?}, \
             messages for forgotten calls {}, promises broken {}",
            self.placed(),
            self.not_placed.load(Ordering::Relaxed),
            judged.unconfirmed,
            judged.obligations,
            self.cluster.strays(),
            judged.broken.len(),
        )
    }

    /// Whether everybody got what was owed.
    pub(super) fn verdict(&self) -> Result<()> {
        let judged = self.judged();
        let told = judged.broken.iter().take(TOLD).cloned().collect::<Vec<_>>();
        ensure!(told.is_empty(), "{} broken:\n{}", judged.broken.len(), told.join("\n"));
        ensure!(self.cluster.strays() == 0, "messages came for calls long over");
        let Obligations { owed, answered, spoken_to, .. } = judged.obligations;
        ensure!(owed + judged.unconfirmed == self.placed(), "calls are not accounted for");
        ensure!(answered > owed / 2 && spoken_to > owed / 20, "{:?}", judged.obligations);
        Ok(())
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judged(&self) -> MutexGuard<'_, Judged> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
