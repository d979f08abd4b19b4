//! The exchanges, queues and bindings a session needs, as data.

use lapin::{
    ExchangeKind as LapinKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// Kind of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Routes by equal key.
    Direct,
    /// Routes by pattern of words.
    Topic,
    /// Routes to every bound queue.
    Fanout,
}

/// An exchange of KAZOO's: never durable, never removed by itself (`kz_amqp_util:new_exchange/3`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ExchangeKind,
}

/// What is heard from an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// The routing key, or the pattern of it.
    pub routing_key: String,
}

/// A queue that all workers share: each message goes to one of them and is acknowledged by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkQueue {
    /// Its name.
    pub name: String,
    /// Survives a restart of the broker. RabbitMQ 4.3 and later refuse a shared queue that does
    /// not.
    pub durable: bool,
    /// What goes into it.
    pub bindings: Vec<Binding>,
    /// `x-…` arguments.
    pub arguments: Vec<(String, Argument)>,
}

/// The queue each connection has for itself: answers, call events, document changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyQueue {
    /// First part of its name; the node's name and a random part follow, so that a broker's
    /// memory of a lost connection is never in the way.
    pub prefix: String,
    /// The direct exchange on which answers reach it, by its own name.
    pub answers: String,
    /// The topic exchange on which the events of a call reach it while the call is bound.
    pub call_events: String,
    /// What else goes into it.
    pub bindings: Vec<Binding>,
    /// `x-…` arguments.
    pub arguments: Vec<(String, Argument)>,
}

/// The queue for messages that could not be understood: durable and bounded, the oldest go first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedQueue {
    /// Its name.
    pub name: String,
    /// The direct exchange on which messages reach it, by its own name.
    pub exchange: String,
    /// `x-…` arguments.
    pub arguments: Vec<(String, Argument)>,
}

/// Value of an `x-…` argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A word.
    Text(String),
}

/// Everything a session declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// KAZOO's exchanges.
    pub exchanges: Vec<Exchange>,
    /// Where work comes from. None: the session only listens.
    pub work: Vec<WorkQueue>,
    /// Where answers come from.
    pub reply: ReplyQueue,
    /// Where messages go that could not be understood.
    pub rejected: RejectedQueue,
}

/// Messages that wait on a private queue for longer than KAZOO's own queues keep theirs are of no
/// use to anyone (`kz_amqp_util:new_amqp_queue`).
const REPLY_TTL_MS: i64 = 60_000;
/// Bound for the broker's memory should this process hang; events of 10 000 calls fit in.
const REPLY_MAX_LENGTH: i64 = 50_000;
const REJECTED_MAX_LENGTH: i64 = 10_000;
const REJECTED_MAX_BYTES: i64 = 64 * 1024 * 1024;
/// AMQP allows 255 bytes.
const MAX_NODE_IN_NAME: usize = 128;

impl Topology {
    /// The topology of the execute seam: the shared queue of the contract, a private queue, and
    /// the rejected queue. `document_changes` are the routing keys on KAZOO's `configuration`
    /// exchange to hear.
    pub fn execute(document_changes: impl IntoIterator<Item = String>) -> Self {
        let exchange = |name: &str, kind| Exchange { name: name.to_owned(), kind };
        let on = |exchange: &str, routing_key: &str| Binding {
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
        };
        Self {
            exchanges: vec![
                exchange("targeted", ExchangeKind::Direct),
                exchange("callctl", ExchangeKind::Direct),
                exchange("callevt", ExchangeKind::Topic),
                exchange("kapps", ExchangeKind::Topic),
                exchange("configuration", ExchangeKind::Topic),
            ],
            work: vec![WorkQueue {
                name: "kazoo_dynamic_cid.execute".to_owned(),
                durable: true,
                bindings: vec![on("kapps", "callflow.action.dynamic_cid")],
                arguments: Vec::new(),
            }],
            reply: ReplyQueue {
                prefix: "kazoo_dynamic_cid".to_owned(),
                answers: "targeted".to_owned(),
                call_events: "callevt".to_owned(),
                bindings: document_changes
                    .into_iter()
                    .map(|routing_key| on("configuration", &routing_key))
                    .collect(),
                arguments: vec![
                    ("x-message-ttl".to_owned(), Argument::Number(REPLY_TTL_MS)),
                    ("x-max-length".to_owned(), Argument::Number(REPLY_MAX_LENGTH)),
                ],
            },
            rejected: RejectedQueue {
                name: "kazoo_dynamic_cid.rejected".to_owned(),
                exchange: "targeted".to_owned(),
                arguments: vec![
                    ("x-max-length".to_owned(), Argument::Number(REJECTED_MAX_LENGTH)),
                    ("x-max-length-bytes".to_owned(), Argument::Number(REJECTED_MAX_BYTES)),
                    ("x-overflow".to_owned(), Argument::Text("drop-head".to_owned())),
                ],
            },
        }
    }

    /// The same topology with `prefix` before every name, so that several can live on one broker
    /// without hearing each other.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        let put = |name: &mut String| name.insert_str(0, prefix);
        self.exchanges.iter_mut().for_each(|exchange| put(&mut exchange.name));
        for queue in &mut self.work {
            put(&mut queue.name);
            queue.bindings.iter_mut().for_each(|binding| put(&mut binding.exchange));
        }
        put(&mut self.reply.prefix);
        put(&mut self.reply.answers);
        put(&mut self.reply.call_events);
        self.reply.bindings.iter_mut().for_each(|binding| put(&mut binding.exchange));
        put(&mut self.rejected.name);
        put(&mut self.rejected.exchange);
        self
    }
}

impl ReplyQueue {
    /// A name no connection has had before. Only characters that KAZOO carries unharmed through
    /// FreeSWITCH's comma-joined lists and that need no escaping anywhere.
    pub(super) fn new_name(&self, node: &str) -> String {
        let node: String = node
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' })
            .take(MAX_NODE_IN_NAME)
            .collect();
        format!("{}.{node}.{:016x}", self.prefix, rand::random::<u64>())
    }
}

impl ExchangeKind {
    pub(super) fn lapin(self) -> LapinKind {
        match self {
            Self::Direct => LapinKind::Direct,
            Self::Topic => LapinKind::Topic,
            Self::Fanout => LapinKind::Fanout,
        }
    }
}

/// Arguments as the client library wants them.
pub(super) fn table(arguments: &[(String, Argument)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
        };
        table.insert(name.as_str().into(), value);
    }
    table
}

/// KAZOO's flags; `passive` only asks whether the exchange is there.
pub(super) fn exchange_options(passive: bool) -> ExchangeDeclareOptions {
    ExchangeDeclareOptions {
        passive,
        durable: false,
        auto_delete: false,
        internal: false,
        nowait: false,
    }
}

pub(super) fn shared_queue_options(durable: bool) -> QueueDeclareOptions {
    QueueDeclareOptions { durable, ..QueueDeclareOptions::default() }
}

pub(super) fn private_queue_options() -> QueueDeclareOptions {
    QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let topology = Topology::execute(["doc_edited.#".to_owned()]);
        assert_eq!(topology.work[0].name, "kazoo_dynamic_cid.execute");
        assert!(topology.work[0].durable);
        assert_eq!(topology.rejected.name, "kazoo_dynamic_cid.rejected");
        assert_eq!(
            topology.reply.bindings,
            [Binding { exchange: "configuration".into(), routing_key: "doc_edited.#".into() }]
        );
        let name = topology.reply.new_name("kazoo_dynamic_cid@host.example.com");
        assert!(
            name.starts_with("kazoo_dynamic_cid.kazoo_dynamic_cid@host.example.com."),
            "{name}"
        );
    }

    #[test]
    fn a_prefix_separates_everything() {
        let topology = Topology::execute(["doc_new.#".to_owned()]).prefixed("t1-");
        assert_eq!(topology.work[0].name, "t1-kazoo_dynamic_cid.execute");
        assert_eq!(topology.work[0].bindings[0].exchange, "t1-kapps");
        assert_eq!(topology.reply.bindings[0].exchange, "t1-configuration");
        assert_eq!(topology.reply.call_events, "t1-callevt");
        assert_eq!(topology.rejected.exchange, "t1-targeted");
        assert!(topology.exchanges.iter().all(|exchange| exchange.name.starts_with("t1-")));
    }

    #[test]
    fn a_private_name_is_new_each_time_and_needs_no_escaping() {
        let reply = Topology::execute([]).reply;
        let node = format!("a,b=c;d/e f@{}", "x".repeat(300));
        let (one, other) = (reply.new_name(&node), reply.new_name(&node));
        assert_ne!(one, other);
        assert!(one.starts_with("kazoo_dynamic_cid.a-b-c-d-e-f@xxx"), "{one}");
        assert!(one.len() < 255, "{}", one.len());
    }
}
