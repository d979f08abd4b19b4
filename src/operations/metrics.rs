//! What is counted, in Prometheus' words.
//!
//! Every name starts with `kazoo_dynamic_cid_`. Label values are small closed sets: reason codes,
//! outcomes, database classes; never a call id or a number.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::ends;
use super::running::Running;
use super::timeline::Timeline;

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
        // 100 µs to about 3 min: an action that answers at once and one that waits for digits.
        let answer_seconds = Family::<Labels, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.0001, 2.0, 22))
        });
        let mut metrics = Self {
            registry: Registry::with_prefix("kazoo_dynamic_cid"),
            calls: Family::default(),
            answers: Family::default(),
            abandoned: Family::default(),
            rejected: Family::default(),
            reads: Family::default(),
            following: Family::default(),
            violations: Counter::default(),
            sessions: Family::default(),
            answer_seconds,
            route_requests: Family::default(),
            // 100 µs to 1.6 s: from answers out of the cache to those that come too late.
            route_answer_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            route_wins: Family::default(),
            limits: Family::default(),
            zones: Family::default(),
            timeline: Timeline::default(),
            running: Running::default(),
            in_flight: Gauge::default(),
            consuming: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
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
        registry.register(
            "answer_seconds",
            "From the receipt of a call to its confirmed answer",
            self.answer_seconds.clone(),
        );
        registry.register(
            "route_requests",
            "Route requests heard, by what became of them",
            self.route_requests.clone(),
        );
        registry.register(
            "route_answer_seconds",
            "From the receipt of a route request to its confirmed answer",
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

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
