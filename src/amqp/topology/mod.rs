//! The exchanges, queues and bindings a session needs, as data.

mod seams;

use lapin::{
    ExchangeKind as LapinKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

pub use seams::{
    EXECUTE_QUEUE, HELD_QUEUE, JOBS_QUEUE, REJECTED_QUEUE, ROUTE_QUEUE, TAKEOVER_QUEUE,
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

/// How the deliveries of a queue are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// One by one, apart from what is published because of them: a delivery whose consequences
    /// went out just before the connection was lost comes again.
    Acknowledge,
    /// Together with what is published because of them, or not at all: [`Link::settle`].
    ///
    /// [`Link::settle`]: super::Link::settle
    Transaction,
}

impl Settling {
    /// What the channel is for that such deliveries come on.
    pub(super) fn channel_for(self) -> &'static str {
        match self {
            Self::Acknowledge => "deliveries",
            Self::Transaction => "transactions",
        }
    }
}

/// A queue that outlives its consumers: each message goes to one of them and is settled by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkQueue {
    /// Its name.
    pub name: String,
    /// Survives a restart of the broker. RabbitMQ 4.3 and later refuse a shared queue that does
    /// not.
    pub durable: bool,
    /// How its deliveries are settled.
    pub settling: Settling,
    /// The direct exchange on which messages reach it, by its own name.
    pub direct: Option<String>,
    /// What else goes into it.
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
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A word.
    Text(String),
    /// The name of an exchange or a queue.
    Name(String),
}

/// Everything a session declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// KAZOO's exchanges.
    pub exchanges: Vec<Exchange>,
    /// Where work comes from. None: the session only listens.
    pub work: Vec<WorkQueue>,
    /// Name of the one of them that is this process's own.
    pub process_queue: Option<String>,
    /// Where answers come from.
    pub reply: ReplyQueue,
    /// Where messages go that could not be understood; none where nothing is kept.
    pub rejected: Option<RejectedQueue>,
}

/// AMQP allows 255 bytes.
const MAX_NODE_IN_NAME: usize = 128;

impl Topology {
    /// The same topology with `prefix` before every name, so that several can live on one broker
    /// without hearing each other.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        let put = |name: &mut String| name.insert_str(0, prefix);
        self.exchanges.iter_mut().for_each(|exchange| put(&mut exchange.name));
        for queue in &mut self.work {
            put(&mut queue.name);
            queue.direct.iter_mut().for_each(put);
            queue.bindings.iter_mut().for_each(|binding| put(&mut binding.exchange));
            for (_, argument) in &mut queue.arguments {
                if let Argument::Name(name) = argument {
                    put(name);
                }
            }
        }
        self.process_queue.iter_mut().for_each(put);
        put(&mut self.reply.prefix);
        put(&mut self.reply.answers);
        put(&mut self.reply.call_events);
        self.reply.bindings.iter_mut().for_each(|binding| put(&mut binding.exchange));
        if let Some(rejected) = &mut self.rejected {
            put(&mut rejected.name);
            put(&mut rejected.exchange);
        }
        self
    }
}

impl ReplyQueue {
    /// A name no connection has had before.
    pub(super) fn new_name(&self, node: &str) -> String {
        format!(
            "{}.{}.{:016x}",
            self.prefix,
            in_name(node, MAX_NODE_IN_NAME),
            rand::random::<u64>()
        )
    }
}

/// A part of a queue's name. Only characters that KAZOO carries unharmed through FreeSWITCH's
/// comma-joined lists and that need no escaping anywhere.
fn in_name(part: &str, longest: usize) -> String {
    part.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' })
        .take(longest)
        .collect()
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
            Argument::Bool(yes) => AMQPValue::Boolean(*yes),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(text) | Argument::Name(text) => {
                AMQPValue::LongString(text.as_str().into())
            }
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
    fn a_prefix_separates_everything() {
        let topology = Topology::execute(["doc_new.#".to_owned()])
            .with_route("kazoo_dynamic_cid@host", "0a1b")
            .prefixed("t1-");
        for queue in &topology.work {
            assert!(queue.name.starts_with("t1-kazoo_dynamic_cid."), "{}", queue.name);
            let exchanges = queue.bindings.iter().map(|binding| &binding.exchange);
            for exchange in exchanges.chain(&queue.direct) {
                assert!(exchange.starts_with("t1-"), "{}: {exchange}", queue.name);
            }
        }
        let process = topology.process_queue.unwrap();
        assert_eq!(process, "t1-kazoo_dynamic_cid.win.kazoo_dynamic_cid@host.0a1b");
        let win = topology.work.iter().find(|queue| queue.name == process).unwrap();
        for (argument, name) in [
            ("x-dead-letter-exchange", "t1-targeted"),
            ("x-dead-letter-routing-key", "t1-kazoo_dynamic_cid.takeover"),
        ] {
            let expected = (argument.to_owned(), Argument::Name(name.to_owned()));
            assert!(win.arguments.contains(&expected), "{:?}", win.arguments);
        }
        assert_eq!(topology.reply.bindings[0].exchange, "t1-configuration");
        assert_eq!(topology.reply.call_events, "t1-callevt");
        assert_eq!(topology.rejected.unwrap().exchange, "t1-targeted");
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

    #[test]
    fn arguments_keep_their_types() {
        let arguments = [
            ("yes", Argument::Bool(true), AMQPValue::Boolean(true)),
            ("number", Argument::Number(-1), AMQPValue::LongLongInt(-1)),
            ("text", Argument::Text("a".to_owned()), AMQPValue::LongString("a".into())),
            ("name", Argument::Name("q".to_owned()), AMQPValue::LongString("q".into())),
        ];
        let given: Vec<_> =
            arguments.iter().map(|(name, value, _)| ((*name).to_owned(), value.clone())).collect();
        let table = table(&given);
        for (name, _, value) in arguments {
            assert_eq!(table.inner().get(name), Some(&value), "{name}");
        }
    }
}
