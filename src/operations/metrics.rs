//! What is counted, in Prometheus' words.
//!
//! Every name of ours starts with `kazoo_dynamic_cid_`; `docs/metrics.md` has them all. Label values
//! are small closed sets: reason codes, outcomes, database classes; never a call id or a number.
//! Names of lists and entries are bounded by a setting.

mod register;

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::ends;
use super::running::Running;
use super::selections::Selections;
use super::timeline::Timeline;
use crate::amqp::SessionState;

/// How many lists and entries are told apart where nothing else is said.
const SERIES: usize = 1000;
/// Seconds that answers are sorted by: from the cache, from the database, after a caller typed.
const ANSWER_BUCKETS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 120.0,
];
/// The same up to where a machine, not a caller, is waited for.
const MACHINE_BUCKETS: usize = 14;

/// A label set of name and value pairs with fixed names.
type Labels = Vec<(&'static str, &'static str)>;

/// Modes whose time tells nothing of the worker: the caller types, or nobody knows the mode.
const WAITING: [&str; 2] = ["manual", "unknown"];

/// All metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Labels, Counter>,
    answers: Family<Labels, Counter>,
    abandoned: Family<Labels, Counter>,
    rejected: Family<Labels, Counter>,
    reads: Family<Labels, Counter>,
    following: Family<Labels, Counter>,
    violations: Counter,
    sessions: Family<Labels, Counter>,
    answer_seconds: Family<Labels, Histogram>,
    route_requests: Family<Labels, Counter>,
    route_answer_seconds: Histogram,
    route_wins: Family<Labels, Counter>,
    limits: Family<Labels, Counter>,
    zones: Family<Vec<(&'static str, String)>, Gauge<i64, AtomicI64>>,
    timeline: Timeline,
    /// Calls being served.
    pub running: Running,
    selections: Selections,
    database_seconds: Family<Labels, Histogram>,
    session_state: Family<Labels, Gauge<i64, AtomicI64>>,
    queue_messages: Family<Labels, Gauge<i64, AtomicI64>>,
    kept: Family<Labels, Gauge<i64, AtomicI64>>,
    /// Tasks of the runtime that have not ended.
    pub tasks: Gauge<i64, AtomicI64>,
    /// Whether CouchDB answered when it was last asked: 1 or 0.
    pub couchdb_up: Gauge<i64, AtomicI64>,
    /// Calls in flight.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Whether the worker consumes: 1 or 0.
    pub consuming: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Self {
        Self::with_series(SERIES)
    }

    /// The same with so many lists and entries counted by name.
    pub fn with_series(series: usize) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            calls: Family::default(),
            answers: Family::default(),
            abandoned: Family::default(),
            rejected: Family::default(),
            reads: Family::default(),
            following: Family::default(),
            violations: Counter::default(),
            sessions: Family::default(),
            answer_seconds: Family::new_with_constructor(|| Histogram::new(ANSWER_BUCKETS)),
            route_requests: Family::default(),
            route_answer_seconds: machine_seconds(),
            route_wins: Family::default(),
            limits: Family::default(),
            zones: Family::default(),
            timeline: Timeline::default(),
            running: Running::default(),
            selections: Selections::new(series),
            database_seconds: Family::new_with_constructor(machine_seconds),
            session_state: Family::default(),
            queue_messages: Family::default(),
            kept: Family::default(),
            tasks: Gauge::default(),
            couchdb_up: Gauge::default(),
            in_flight: Gauge::default(),
            consuming: Gauge::default(),
        };
        metrics.register();
        metrics.session(&SessionState::Starting);
        metrics
    }

    /// A caller ID was taken from an entry of a list.
    pub fn selected(&self, account: &str, list: &str, entry: &str) {
        self.selections.selected(account, list, entry);
    }

    /// CouchDB was asked for something.
    pub fn database_asked(&self, kind: &'static str, outcome: &'static str, seconds: f64) {
        let labels = vec![("kind", kind), ("outcome", outcome)];
        self.database_seconds.get_or_create(&labels).observe(seconds);
    }

    /// What the session with RabbitMQ is doing now.
    pub fn session(&self, now: &SessionState) {
        for state in SessionState::NAMES {
            let is_now = i64::from(state == now.name());
            self.session_state.get_or_create(&vec![("state", state)]).set(is_now);
        }
    }

    /// How many messages wait in a queue; `None` where that is not known.
    pub fn queue_messages(&self, queue: &'static str, messages: Option<u32>) {
        let labels = vec![("queue", queue)];
        match messages {
            Some(messages) => {
                self.queue_messages.get_or_create(&labels).set(i64::from(messages));
            }
            None => {
                self.queue_messages.remove(&labels);
            }
        }
    }

    /// So many things of a kind are kept in memory.
    pub fn kept(&self, what: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.kept.get_or_create(&vec![("what", what)]).set(count);
    }

    /// An action was decided.
    pub fn decided(&self, mode: &'static str, outcome: &'static str, reason: &'static str) {
        let labels = vec![("mode", mode), ("outcome", outcome), ("reason", reason)];
        self.calls.get_or_create(&labels).inc();
    }

    /// An answer was confirmed by the broker.
    pub fn answered(&self, mode: &'static str, answer: &'static str, seconds: f64) {
        debug_assert!(ends::known(answer).is_some(), "{answer} is no known end");
        self.answers.get_or_create(&vec![("answer", answer)]).inc();
        self.answer_seconds.get_or_create(&vec![("mode", mode)]).observe(seconds);
        self.timeline.ended(answer, (!WAITING.contains(&mode)).then_some(seconds));
    }

    /// A route request was heard.
    pub fn route_request(&self, outcome: &'static str) {
        self.route_requests.get_or_create(&vec![("outcome", outcome)]).inc();
    }

    /// A route request was answered.
    pub fn route_answered(&self, seconds: f64) {
        self.route_answer_seconds.observe(seconds);
    }

    /// A call was won.
    pub fn won(&self, outcome: &'static str) {
        self.route_wins.get_or_create(&vec![("outcome", outcome)]).inc();
    }

    /// Whether another zone's notices are heard; zones are those of `config.ini`.
    pub fn zone_connected(&self, zone: &str, connected: bool) {
        let labels = vec![("zone", zone.to_owned())];
        self.zones.get_or_create(&labels).set(i64::from(connected));
    }

    /// A limit was reached.
    pub fn limit(&self, limit: &'static str) {
        self.limits.get_or_create(&vec![("limit", limit)]).inc();
    }

    /// An action was given up; nobody waits for its answer.
    pub fn abandoned(&self, cause: &'static str) {
        debug_assert!(ends::known(cause).is_some(), "{cause} is no known end");
        self.abandoned.get_or_create(&vec![("cause", cause)]).inc();
        self.timeline.ended(cause, None);
    }

    /// A message could not be understood.
    pub fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&vec![("reason", reason)]).inc();
    }

    /// Something was read, or not.
    pub fn read(&self, what: &'static str, outcome: &'static str) {
        self.reads.get_or_create(&vec![("what", what), ("outcome", outcome)]).inc();
    }

    /// The flow behind a remote node was searched.
    pub fn followed(&self, outcome: &'static str) {
        self.following.get_or_create(&vec![("outcome", outcome)]).inc();
    }

    /// A document violates its schema.
    pub fn violated(&self) {
        self.violations.inc();
    }

    /// An AMQP session ended.
    pub fn session_ended(&self, cause: &'static str) {
        self.sessions.get_or_create(&vec![("cause", cause)]).inc();
    }

    /// The last minutes, for charts.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Metrics with one sample of each, for whoever compares them with what is written about them:
    /// those without a sample are not rendered.
    pub fn example() -> Self {
        let metrics = Self::new();
        metrics.decided("static", "continue", "static");
        metrics.answered("static", "static", 0.0);
        metrics.abandoned("destroyed");
        metrics.route_request("offered");
        metrics.route_answered(0.0);
        metrics.won("offered");
        metrics.zone_connected("west", true);
        metrics.limit("calls");
        metrics.rejected("not_json");
        metrics.read("list", "read");
        metrics.followed("found");
        metrics.violated();
        metrics.session_ended("stopped");
        metrics.selected("account", "list", "01");
        metrics.database_asked("view", "ok", 0.0);
        metrics.queue_messages("execute", Some(0));
        metrics.kept("lists", 0);
        metrics
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn machine_seconds() -> Histogram {
    Histogram::new(ANSWER_BUCKETS.into_iter().take(MACHINE_BUCKETS))
}

#[cfg(test)]
mod tests;
