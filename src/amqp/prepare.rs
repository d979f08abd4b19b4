//! What has to be in place before a session consumes: exchanges, queues, bindings, channels.

use std::time::Duration;

use futures_util::future::try_join_all;
use lapin::{
    Channel, Connection, ErrorKind,
    options::{BasicQosOptions, ConfirmSelectOptions, QueueBindOptions},
    types::FieldTable,
};
use tokio::time::timeout;

use super::{
    Binding, Broker, EndReason, Exchange, Link, SessionConfig,
    link::Channels,
    reason::Step,
    topology::{exchange_options, private_queue_options, shared_queue_options, table},
};

/// Channels that calls are bound on. The library keeps a list of each channel's bindings and goes
/// through all of it, on the thread that serves the connection, for each one that is removed.
const BINDING_CHANNELS: usize = 16;

/// A session that is ready to consume.
pub(super) struct Ready {
    pub(super) reply_queue: String,
    pub(super) link: Link,
}

/// Asks the broker for something; the answer must come in time.
pub(super) struct Ask<'a> {
    pub(super) broker: &'a Broker,
    pub(super) limit: Duration,
}

impl Ask<'_> {
    pub(super) async fn answer<T>(
        &self,
        step: Step,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, EndReason> {
        match timeout(self.limit, request).await {
            Ok(answer) => answer.map_err(|error| step.reason(self.broker, &error)),
            Err(_) => Err(step.unanswered(self.broker, self.limit)),
        }
    }
}

/// Declares and binds everything and opens the channels.
pub(super) async fn prepare(
    config: &SessionConfig,
    broker: &Broker,
    connection: &Connection,
) -> Result<Ready, EndReason> {
    let ask = Ask { broker, limit: config.timing.request };
    let topology = &config.topology;
    for exchange in &topology.exchanges {
        declare_exchange(&ask, connection, exchange).await?;
    }
    let requests = ask.answer(Step::OpenChannel, connection.create_channel()).await?;
    let shared = topology.work.iter().map(|work| (&work.name, work.durable, &work.arguments));
    let rejected = topology.rejected.as_ref();
    let kept = rejected.map(|rejected| (&rejected.name, true, &rejected.arguments));
    for (name, durable, arguments) in shared.chain(kept) {
        let declare = requests.queue_declare(
            name.as_str().into(),
            shared_queue_options(durable),
            table(arguments),
        );
        ask.answer(Step::DeclareQueue(name.clone()), declare).await?;
    }
    let reply = &topology.reply;
    let reply_queue = reply.new_name(&config.node);
    let declare = requests.queue_declare(
        reply_queue.as_str().into(),
        private_queue_options(),
        table(&reply.arguments),
    );
    ask.answer(Step::DeclareQueue(reply_queue.clone()), declare).await?;

    let by_name = |exchange: &str, queue: &str| Binding {
        exchange: exchange.to_owned(),
        routing_key: queue.to_owned(),
    };
    if let Some(rejected) = rejected {
        let binding = by_name(&rejected.exchange, &rejected.name);
        bind(&ask, &requests, &rejected.name, &binding).await?;
    }
    bind(&ask, &requests, &reply_queue, &by_name(&reply.answers, &reply_queue)).await?;
    for binding in &reply.bindings {
        bind(&ask, &requests, &reply_queue, binding).await?;
    }
    for work in &topology.work {
        if let Some(exchange) = &work.direct {
            bind(&ask, &requests, &work.name, &by_name(exchange, &work.name)).await?;
        }
        for binding in &work.bindings {
            bind(&ask, &requests, &work.name, binding).await?;
        }
    }

    let deliveries = ask.answer(Step::OpenChannel, connection.create_channel()).await?;
    let transactions = ask.answer(Step::OpenChannel, connection.create_channel()).await?;
    ask.answer(Step::OpenChannel, transactions.tx_select()).await?;
    for channel in [&deliveries, &transactions] {
        let qos = channel.basic_qos(config.prefetch, BasicQosOptions::default());
        ask.answer(Step::OpenChannel, qos).await?;
    }
    let publishing = ask.answer(Step::OpenChannel, connection.create_channel()).await?;
    let confirm = publishing.confirm_select(ConfirmSelectOptions::default());
    ask.answer(Step::OpenChannel, confirm).await?;
    let open =
        (0..BINDING_CHANNELS).map(|_| ask.answer(Step::OpenChannel, connection.create_channel()));
    let bindings = try_join_all(open).await?;
    let channels = Channels { deliveries, transactions, requests, bindings, publishing };
    let link = Link::new(broker, topology, &reply_queue, channels, config.timing.request);
    Ok(Ready { reply_queue, link })
}

/// Uses the exchange as it is, and declares it where KAZOO has not yet done so: looking needs no
/// permission to configure KAZOO's exchanges. A missing one closes the channel that asked.
async fn declare_exchange(
    ask: &Ask<'_>,
    connection: &Connection,
    exchange: &Exchange,
) -> Result<(), EndReason> {
    let step = || Step::DeclareExchange(exchange.name.clone());
    for passive in [true, false] {
        let channel = ask.answer(Step::OpenChannel, connection.create_channel()).await?;
        let declare = channel.exchange_declare(
            exchange.name.as_str().into(),
            exchange.kind.lapin(),
            exchange_options(passive),
            FieldTable::default(),
        );
        match timeout(ask.limit, declare).await {
            Ok(Ok(())) => {
                ask.answer(Step::OpenChannel, channel.close(200, "OK".into())).await?;
                return Ok(());
            }
            Ok(Err(error)) if passive && is_not_found(&error) => {}
            Ok(Err(error)) => return Err(step().reason(ask.broker, &error)),
            Err(_) => return Err(step().unanswered(ask.broker, ask.limit)),
        }
    }
    Ok(())
}

fn is_not_found(error: &lapin::Error) -> bool {
    const NOT_FOUND: u16 = 404;
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == NOT_FOUND)
}

async fn bind(
    ask: &Ask<'_>,
    channel: &Channel,
    queue: &str,
    binding: &Binding,
) -> Result<(), EndReason> {
    let step = Step::Bind { queue: queue.to_owned(), exchange: binding.exchange.clone() };
    let bind = channel.queue_bind(
        queue.into(),
        binding.exchange.as_str().into(),
        binding.routing_key.as_str().into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    ask.answer(step, bind).await
}
