//! What is counted, in Prometheus' words.
//!
//! Every name of ours starts with `kazoo_dynamic_cid_`; `docs/metrics.md` has them all. Label values
//! are small closed sets: reason codes, outcomes, database classes; never a call id or a number.
//! Names of lists and entries are bounded by a setting.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::ends;
use super::process::ProcessMetrics;
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

    fn register(&mut self) {
        self.registry.register_collector(Box::new(ProcessMetrics));
        let registry = self.registry.sub_registry_with_prefix("kazoo_dynamic_cid");
        registry.register(
            "build",
            "The version of this worker; always 1",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "calls",
            "Actions decided, by mode, outcome and reason",
            self.calls.clone(),
        );
        registry.register("answers", "Answers to KAZOO, by kind", self.answers.clone());
        registry.register(
            "abandoned",
            "Actions given up because the call was no longer ours, by cause",
            self.abandoned.clone(),
        );
        registry.register(
            "rejected_messages",
            "Messages moved to the rejected queue, by reason",
            self.rejected.clone(),
        );
        registry.register("reads", "Reads of documents and views, by outcome", self.reads.clone());
        registry.register(
            "following_flow",
            "Searches for the flow behind a remote node, by outcome",
            self.following.clone(),
        );
        registry.register(
            "schema_violations",
            "Violations of a JSON schema, once per document revision",
            self.violations.clone(),
        );
        registry.register(
            "amqp_sessions",
            "Ends of AMQP sessions, by cause",
            self.sessions.clone(),
        );
        registry.register_with_unit(
            "answer",
            "From the receipt of a call to its confirmed answer",
            Unit::Seconds,
            self.answer_seconds.clone(),
        );
        registry.register(
            "route_requests",
            "Route requests heard, by what became of them",
            self.route_requests.clone(),
        );
        registry.register_with_unit(
            "route_answer",
            "From the receipt of a route request to its confirmed answer",
            Unit::Seconds,
            self.route_answer_seconds.clone(),
        );
        registry.register(
            "route_wins",
            "Calls won over the route seam, by whether they were offered for",
            self.route_wins.clone(),
        );
        registry.register(
            "zone_connected",
            "Whether the change notices of another zone are heard",
            self.zones.clone(),
        );
        registry.register("limits", "How often a limit was reached", self.limits.clone());
        registry.register("in_flight", "Actions running now", self.in_flight.clone());
        registry.register("consuming", "Whether work is consumed now", self.consuming.clone());
        self.register_surroundings();
    }

    /// What is around the worker: lists, database, broker.
    fn register_surroundings(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("kazoo_dynamic_cid");
        let selections = &self.selections;
        registry.register(
            "list_selections",
            "Caller IDs taken from a list, by account and list",
            selections.lists.clone(),
        );
        registry.register(
            "entry_selections",
            "Caller IDs taken from an entry of a list, by account, list and key",
            selections.entries.clone(),
        );
        registry.register(
            "selection_overflows",
            "Selections counted as other because there are too many names",
            selections.overflows.clone(),
        );
        registry.register_with_unit(
            "couchdb_request",
            "How long CouchDB took for one request, by kind and outcome",
            Unit::Seconds,
            self.database_seconds.clone(),
        );
        registry.register(
            "couchdb_up",
            "Whether CouchDB answered when it was last asked",
            self.couchdb_up.clone(),
        );
        registry.register(
            "amqp_state",
            "What the session with RabbitMQ is doing: 1 for that state",
            self.session_state.clone(),
        );
        registry.register(
            "queue_messages",
            "Messages that wait in a queue of the workers, as last seen",
            self.queue_messages.clone(),
        );
        registry.register(
            "kept",
            "Things kept in memory, by kind, as last seen",
            self.kept.clone(),
        );
        registry.register(
            "tasks",
            "Tasks of the runtime that have not ended, as last seen",
            self.tasks.clone(),
        );
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
mod tests {
    use super::*;

    #[test]
    fn the_process_and_its_surroundings_are_rendered() {
        let metrics = Metrics::new();
        metrics.session(&SessionState::Up { broker: "b".to_owned() });
        metrics.queue_messages("execute", Some(7));
        metrics.queue_messages("held", Some(1));
        metrics.queue_messages("held", None);
        metrics.database_asked("view", "ok", 0.02);
        metrics.selected("a", "l", "01");
        let text = metrics.render();
        for line in [
            "kazoo_dynamic_cid_amqp_state{state=\"up\"} 1",
            "kazoo_dynamic_cid_amqp_state{state=\"starting\"} 0",
            "kazoo_dynamic_cid_queue_messages{queue=\"execute\"} 7",
            "kazoo_dynamic_cid_couchdb_request_seconds_bucket{le=\"0.025\",kind=\"view\",outcome=\"ok\"} 1",
            "kazoo_dynamic_cid_list_selections_total{account=\"a\",list=\"l\"} 1",
            "kazoo_dynamic_cid_build_info{version=",
            "process_open_fds ",
            "process_max_fds ",
            "process_cpu_seconds_total ",
            "process_start_time_seconds ",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("queue=\"held\""), "{text}");
        let resident =
            text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        assert!(resident.unwrap().parse::<f64>().unwrap() > 1_000_000.0, "{text}");
    }

    #[test]
    fn what_happened_is_rendered() {
        let metrics = Metrics::new();
        metrics.decided("static", "continue", "static");
        metrics.answered("static", "static", 0.0004);
        metrics.rejected("not_json");
        metrics.in_flight.set(3);
        let text = metrics.render();
        for line in [
            "kazoo_dynamic_cid_calls_total{mode=\"static\",outcome=\"continue\",reason=\"static\"} 1",
            "kazoo_dynamic_cid_answers_total{answer=\"static\"} 1",
            "kazoo_dynamic_cid_rejected_messages_total{reason=\"not_json\"} 1",
            "kazoo_dynamic_cid_in_flight 3",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
