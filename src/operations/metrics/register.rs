//! The names of what is counted, and what each says of itself.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;

use super::Metrics;
use crate::operations::process::ProcessMetrics;

impl Metrics {
    /// Everything of this worker, and of its process.
    pub(super) fn register(&mut self) {
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
}
