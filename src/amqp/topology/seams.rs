//! Which queues the seams into KAZOO need, and how they hang together.

use super::{
    Argument, Binding, Exchange, ExchangeKind, MAX_NODE_IN_NAME, RejectedQueue, ReplyQueue,
    Settling, Topology, WorkQueue, in_name,
};

/// Executes, from KAZOO master and 5. Its name is a contract.
pub const EXECUTE_QUEUE: &str = "kazoo_dynamic_cid.execute";
/// Executes whose callers are asked for digits: kept on disk, unlike what KAZOO sends.
pub const HELD_QUEUE: &str = "kazoo_dynamic_cid.held";
/// Route requests, as callflow hears them.
pub const ROUTE_QUEUE: &str = "kazoo_dynamic_cid.route";
/// Won calls whose own worker did not take care of them in time.
pub const TAKEOVER_QUEUE: &str = "kazoo_dynamic_cid.takeover";
/// Calls to serve, for any worker.
pub const JOBS_QUEUE: &str = "kazoo_dynamic_cid.jobs";
/// What could not be understood.
pub const REJECTED_QUEUE: &str = "kazoo_dynamic_cid.rejected";
/// First part of the name of a process's own queue for the calls it has won.
const WIN_QUEUE: &str = "kazoo_dynamic_cid.win";

/// Messages that wait on a private queue for longer than KAZOO's own queues keep theirs are of no
/// use to anyone (`kz_amqp_util:new_amqp_queue`).
const REPLY_TTL_MS: i64 = 60_000;
/// Bound for the broker's memory should this process hang; events of 10 000 calls fit in.
const REPLY_MAX_LENGTH: i64 = 50_000;
const REJECTED_MAX_LENGTH: i64 = 10_000;
const REJECTED_MAX_BYTES: i64 = 64 * 1024 * 1024;
/// Ecallmgr has taken another answer by then, and gives up soon after.
const ROUTE_TTL_MS: i64 = 2000;
/// More could not be answered in time anyway.
const ROUTE_MAX_LENGTH: i64 = 1000;
/// A caller whose call was won hears nothing until it is taken care of.
const WIN_TTL_MS: i64 = 2000;
/// Longer than a worker needs to come back, and than anything can still be on its way to it.
const WIN_EXPIRES_MS: i64 = 300_000;
/// Of the part of a process queue's name that tells processes of one node apart.
const MAX_PROCESS_IN_NAME: usize = 64;

impl Topology {
    /// KAZOO's exchanges, a private queue and the rejected queue, without any work.
    /// `document_changes` are the routing keys on KAZOO's `configuration` exchange to hear.
    pub fn new(document_changes: impl IntoIterator<Item = String>) -> Self {
        Self {
            exchanges: vec![
                exchange("targeted", ExchangeKind::Direct),
                exchange("callctl", ExchangeKind::Direct),
                exchange("callevt", ExchangeKind::Topic),
                exchange("kapps", ExchangeKind::Topic),
                exchange("configuration", ExchangeKind::Topic),
            ],
            work: Vec::new(),
            process_queue: None,
            reply: ReplyQueue {
                prefix: "kazoo_dynamic_cid".to_owned(),
                answers: "targeted".to_owned(),
                call_events: "callevt".to_owned(),
                bindings: document_changes
                    .into_iter()
                    .map(|routing_key| on("configuration", &routing_key))
                    .collect(),
                arguments: vec![
                    number("x-message-ttl", REPLY_TTL_MS),
                    number("x-max-length", REPLY_MAX_LENGTH),
                ],
            },
            rejected: Some(RejectedQueue {
                name: REJECTED_QUEUE.to_owned(),
                exchange: "targeted".to_owned(),
                arguments: vec![
                    number("x-max-length", REJECTED_MAX_LENGTH),
                    number("x-max-length-bytes", REJECTED_MAX_BYTES),
                    text("x-overflow", "drop-head"),
                ],
            }),
        }
    }

    /// A private queue that hears of document changes, and nothing else: nothing is left behind on
    /// the broker, and no work is taken.
    pub fn listening(document_changes: impl IntoIterator<Item = String>) -> Self {
        let Self { reply, .. } = Self::new(document_changes);
        Self {
            exchanges: vec![
                exchange("targeted", ExchangeKind::Direct),
                exchange("configuration", ExchangeKind::Topic),
            ],
            work: Vec::new(),
            process_queue: None,
            reply,
            rejected: None,
        }
    }

    /// [`new`](Self::new) with the execute seam alone.
    pub fn execute(document_changes: impl IntoIterator<Item = String>) -> Self {
        Self::new(document_changes).with_execute()
    }

    /// Adds the execute seam: the shared queue of the contract, and the one for calls that take
    /// longer.
    #[must_use]
    pub fn with_execute(mut self) -> Self {
        let queue = |name: &str, direct: Option<&str>, bindings| WorkQueue {
            name: name.to_owned(),
            durable: true,
            settling: Settling::Transaction,
            direct: direct.map(str::to_owned),
            bindings,
            arguments: Vec::new(),
        };
        self.work.extend([
            queue(EXECUTE_QUEUE, None, vec![on("kapps", "callflow.action.dynamic_cid")]),
            queue(HELD_QUEUE, Some("targeted"), Vec::new()),
        ]);
        self
    }

    /// Adds the exchange on which nodes tell of themselves, where it is not there already.
    #[must_use]
    pub fn with_advertising(mut self) -> Self {
        if !self.exchanges.iter().any(|exchange| exchange.name == "nodes") {
            self.exchanges.push(exchange("nodes", ExchangeKind::Fanout));
        }
        self
    }

    /// Adds the route seam.
    ///
    /// Requests come on one shared queue. Calls we win come on a queue that this process has for
    /// itself but that outlives it, for as long as it may still be named as the one to tell; what
    /// waits there for too long moves to the takeover queue. From both, calls are put on the queue
    /// of jobs, which any worker takes from. `process` tells the processes of one `node` apart and
    /// must be the same for the whole life of one.
    #[must_use]
    pub fn with_route(mut self, node: &str, process: &str) -> Self {
        let win = format!(
            "{WIN_QUEUE}.{}.{}",
            in_name(node, MAX_NODE_IN_NAME),
            in_name(process, MAX_PROCESS_IN_NAME)
        );
        let queue = |name: &str, direct: Option<&str>, bindings, arguments| WorkQueue {
            name: name.to_owned(),
            durable: true,
            settling: Settling::Transaction,
            direct: direct.map(str::to_owned),
            bindings,
            arguments,
        };
        let targeted = Some("targeted");
        self.exchanges.push(exchange("callmgr", ExchangeKind::Topic));
        self.exchanges.push(exchange("nodes", ExchangeKind::Fanout));
        // Whoever is won may have hung up before anything of that call is bound.
        self.reply.bindings.extend([on("nodes", ""), on("callevt", "call.CHANNEL_DESTROY.*")]);
        self.work.extend([
            queue(
                ROUTE_QUEUE,
                None,
                vec![on("callmgr", "route.req.audio.*"), on("callmgr", "route.req.video.*")],
                vec![
                    number("x-message-ttl", ROUTE_TTL_MS),
                    number("x-max-length", ROUTE_MAX_LENGTH),
                    text("x-overflow", "drop-head"),
                ],
            ),
            queue(
                &win,
                targeted,
                Vec::new(),
                vec![
                    number("x-expires", WIN_EXPIRES_MS),
                    number("x-message-ttl", WIN_TTL_MS),
                    name("x-dead-letter-exchange", "targeted"),
                    name("x-dead-letter-routing-key", TAKEOVER_QUEUE),
                ],
            ),
            // One worker at a time takes over, so that two wins of one call meet.
            queue(
                TAKEOVER_QUEUE,
                targeted,
                Vec::new(),
                vec![("x-single-active-consumer".to_owned(), Argument::Bool(true))],
            ),
            queue(JOBS_QUEUE, targeted, Vec::new(), Vec::new()),
        ]);
        self.process_queue = Some(win);
        self
    }
}

fn exchange(name: &str, kind: ExchangeKind) -> Exchange {
    Exchange { name: name.to_owned(), kind }
}

fn on(exchange: &str, routing_key: &str) -> Binding {
    Binding { exchange: exchange.to_owned(), routing_key: routing_key.to_owned() }
}

fn number(argument: &str, number: i64) -> (String, Argument) {
    (argument.to_owned(), Argument::Number(number))
}

fn text(argument: &str, text: &str) -> (String, Argument) {
    (argument.to_owned(), Argument::Text(text.to_owned()))
}

fn name(argument: &str, name: &str) -> (String, Argument) {
    (argument.to_owned(), Argument::Name(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_execute_seam_has_the_names_of_the_contract() {
        let topology = Topology::execute(["doc_edited.#".to_owned()]);
        let names: Vec<&str> = topology.work.iter().map(|queue| queue.name.as_str()).collect();
        assert_eq!(names, ["kazoo_dynamic_cid.execute", HELD_QUEUE]);
        for queue in &topology.work {
            assert!(queue.durable && queue.settling == Settling::Transaction, "{}", queue.name);
        }
        assert_eq!(topology.process_queue, None);
        assert_eq!(topology.rejected.unwrap().name, "kazoo_dynamic_cid.rejected");
        assert_eq!(topology.reply.bindings, [on("configuration", "doc_edited.#")]);
        let name = topology.reply.new_name("kazoo_dynamic_cid@host.example.com");
        assert!(
            name.starts_with("kazoo_dynamic_cid.kazoo_dynamic_cid@host.example.com."),
            "{name}"
        );
    }

    #[test]
    fn who_only_listens_leaves_nothing_behind() {
        let topology = Topology::listening(["doc_edited.#".to_owned()]);
        assert_eq!(topology.work, []);
        assert_eq!(topology.rejected, None);
        assert_eq!(topology.reply.bindings, [on("configuration", "doc_edited.#")]);
        let names: Vec<&str> = topology.exchanges.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["targeted", "configuration"]);
    }

    #[test]
    fn the_route_seam_settles_by_transaction_on_queues_that_outlive_it() {
        let topology = Topology::new(["doc_edited.#".to_owned()]).with_route("n@host", "0a1b");
        let names: Vec<&str> = topology.work.iter().map(|queue| queue.name.as_str()).collect();
        let win = "kazoo_dynamic_cid.win.n@host.0a1b";
        assert_eq!(names, [ROUTE_QUEUE, win, TAKEOVER_QUEUE, JOBS_QUEUE]);
        assert_eq!(topology.process_queue.as_deref(), Some(win));
        for queue in &topology.work {
            assert!(queue.durable, "{}", queue.name);
            assert_eq!(queue.settling, Settling::Transaction, "{}", queue.name);
            assert_eq!(queue.direct.is_none(), queue.name == ROUTE_QUEUE, "{}", queue.name);
        }
        assert_eq!(
            topology.work[0].bindings,
            [on("callmgr", "route.req.audio.*"), on("callmgr", "route.req.video.*")]
        );
        let bindings = [
            on("configuration", "doc_edited.#"),
            on("nodes", ""),
            on("callevt", "call.CHANNEL_DESTROY.*"),
        ];
        assert_eq!(topology.reply.bindings, bindings);
        let exchanges: Vec<&str> =
            topology.exchanges.iter().map(|exchange| exchange.name.as_str()).collect();
        assert!(exchanges.ends_with(&["callmgr", "nodes"]), "{exchanges:?}");
    }

    #[test]
    fn a_process_queue_s_name_is_fixed_and_needs_no_escaping() {
        let node = format!("a,b=c;d/e f@{}", "x".repeat(300));
        let name = || Topology::new([]).with_route(&node, &"p,".repeat(300)).process_queue.unwrap();
        assert_eq!(name(), name());
        assert!(name().starts_with("kazoo_dynamic_cid.win.a-b-c-d-e-f@xxx"), "{}", name());
        assert!(
            name().ends_with("x.p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-p-")
        );
        assert!(name().len() < 230, "{}", name().len());
    }
}
