//! KAZOO's side of the broker: exchanges as KAZOO declares them, messages as it publishes them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::events;

/// The queue all workers share.
pub(crate) const WORK: &str = "kazoo_dynamic_cid.execute";
/// Where calls are kept whose callers are asked for digits.
pub(crate) const HELD: &str = "kazoo_dynamic_cid.held";
/// Where messages are kept that nobody understands.
pub(crate) const REJECTED: &str = "kazoo_dynamic_cid.rejected";

/// Where calls of KAZOO 4.3 wait for a worker.
pub(crate) const JOBS: &str = "kazoo_dynamic_cid.jobs";
/// Where wins go whose worker does not take them.
pub(crate) const TAKEOVER: &str = "kazoo_dynamic_cid.takeover";
/// Where route requests come in.
pub(crate) const ROUTE: &str = "kazoo_dynamic_cid.route";

/// From the year 0 to 1970.
const GREGORIAN_EPOCH_MICROS: u64 = 62_167_219_200_000_000;

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) exchange: String,
    pub(crate) content_type: Option<String>,
    /// Whether there is a content encoding.
    pub(crate) encoded: bool,
    pub(crate) timestamp: Option<u64>,
    /// `Deliver-To-PID`.
    pub(crate) pid: Option<String>,
    /// JSON null where it is no JSON.
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Received {
    fn new(delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        Self {
            exchange: delivery.exchange.to_string(),
            content_type: properties.content_type().as_ref().map(ToString::to_string),
            encoded: properties.content_encoding().is_some(),
            timestamp: *properties.timestamp(),
            pid: header(properties, "Deliver-To-PID"),
            body: serde_json::from_slice(&delivery.data).unwrap_or_default(),
            at: Instant::now(),
        }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }
}

/// A text among the headers of a message.
pub(crate) fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A connection as one of KAZOO's.
pub(crate) struct Kazoo {
    connection: Connection,
    pub(crate) channel: Channel,
}

impl Kazoo {
    pub(crate) async fn connect(uri: &str) -> Result<Self> {
        let properties =
            ConnectionProperties::default().with_connection_name("kazoo (a test)".into());
        let connection =
            Connection::connect(uri, properties).await.with_context(|| "the test's AMQP broker")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        for (name, kind) in [
            ("targeted", ExchangeKind::Direct),
            ("callctl", ExchangeKind::Direct),
            ("callevt", ExchangeKind::Topic),
            ("kapps", ExchangeKind::Topic),
            ("callmgr", ExchangeKind::Topic),
            ("configuration", ExchangeKind::Topic),
            ("nodes", ExchangeKind::Fanout),
        ] {
            // Neither durable nor removed by itself: `kz_amqp_util:new_exchange/3`.
            let options = ExchangeDeclareOptions::default();
            channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await?;
        }
        Ok(Self { connection, channel })
    }

    pub(crate) async fn close(self) {
        // How it ends does not matter any more.
        self.connection.close(200, "OK".into()).await.ok();
    }

    /// A channel of its own, with confirms.
    pub(crate) async fn channel(&self) -> Result<Channel> {
        let channel = self.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    /// What earlier tests may have left behind.
    pub(crate) async fn forget_old_work(&self) -> Result<()> {
        for queue in [WORK, HELD, REJECTED, JOBS, TAKEOVER, ROUTE] {
            let options = QueueDeleteOptions::default();
            self.channel.queue_delete(queue.into(), options).await?;
        }
        Ok(())
    }

    /// The messages that wait in a queue; `None` where there is no such queue.
    pub(crate) async fn waiting(&self, queue: &str) -> Option<u32> {
        // A queue that is not there closes the channel.
        let channel = self.connection.create_channel().await.ok()?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        let count = declared.ok()?.message_count();
        channel.close(200, "OK".into()).await.ok();
        Some(count)
    }

    /// How many consumers a queue has.
    pub(crate) async fn consumers(&self, queue: &str) -> Result<u32> {
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        let count = declared.consumer_count();
        channel.close(200, "OK".into()).await.ok();
        Ok(count)
    }

    /// Takes a message out of a queue, waiting for it.
    pub(crate) async fn take(&self, queue: &str, patience: Duration) -> Result<BasicGetMessage> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            let options = BasicGetOptions::default();
            if let Some(message) = self.channel.basic_get(queue.into(), options).await? {
                message.ack(BasicAckOptions::default()).await?;
                return Ok(message);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("nothing came into {queue} within {patience:?}")
    }

    /// Publishes a call's event.
    pub(crate) async fn event(&self, event: &Value) -> Result<()> {
        event_on(&self.channel, event).await
    }

    /// Publishes a message as KAZOO does.
    pub(crate) async fn publish(&self, exchange: &str, key: &str, body: &Value) -> Result<()> {
        publish(&self.channel, exchange, key, body.to_string().as_bytes(), properties()).await
    }

    /// Tells of a changed document, as KAZOO does after each save.
    pub(crate) async fn document_changed(
        &self,
        database: &str,
        kind: &str,
        id: &str,
    ) -> Result<()> {
        let database = database.replace('/', "%2F");
        let body = serde_json::json!({
            "Event-Category": "configuration", "Event-Name": "doc_edited", "App-Name": "datamgr",
            "App-Version": "4.0.0", "Node": "kazoo_apps@127.0.0.1", "Msg-ID": "7d41c1a0",
            "ID": id, "Database": database, "Type": kind, "Rev": "2-5d0c8a2f",
            "Is-Soft-Deleted": false, "Origin-Cache": "kazoo_data_cache",
        });
        let key = format!("doc_edited.{database}.{kind}.{}", events::encode(id));
        self.publish("configuration", &key, &body).await
    }

    /// A queue of its own, bound to the exchanges with the keys, and what comes into it.
    pub(crate) async fn listen(
        &self,
        queue: &str,
        bindings: &[(&str, &str)],
    ) -> Result<mpsc::UnboundedReceiver<Received>> {
        let channel = self.connection.create_channel().await?;
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        for (exchange, key) in bindings {
            let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
            let (exchange, key) = ((*exchange).into(), (*key).into());
            channel.queue_bind(queue.into(), exchange, key, options, arguments).await?;
        }
        let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
        let arguments = FieldTable::default();
        let mut consumer =
            channel.basic_consume(queue.into(), "".into(), options, arguments).await?;
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Held, or the channel would be closed.
            let _channel = channel;
            while let Some(Ok(delivery)) = consumer.next().await {
                if sender.send(Received::new(&delivery)).is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}

/// Publishes a call's event on `callevt`.
pub(crate) async fn event_on(channel: &Channel, event: &Value) -> Result<()> {
    let mut headers = FieldTable::default();
    let call_id = event["Call-ID"].as_str().unwrap_or_default();
    headers.insert("call-id".into(), AMQPValue::LongString(call_id.into()));
    let properties = properties().with_headers(headers);
    let body = event.to_string();
    publish(channel, "callevt", &events::routing_key(event), body.as_bytes(), properties).await
}

/// What KAZOO sets on every message.
pub(crate) fn properties() -> BasicProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = u64::try_from(now.as_micros()).unwrap_or_default();
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_timestamp(micros + GREGORIAN_EPOCH_MICROS)
}

/// Publishes and waits until the broker has it.
pub(crate) async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<()> {
    let options = BasicPublishOptions::default();
    let (exchange, key) = (exchange.into(), key.into());
    let confirm = channel.basic_publish(exchange, key, options, body, properties).await?;
    confirm.await?;
    Ok(())
}

/// Publishes work with `mandatory`; an error where no queue took it.
pub(crate) async fn publish_work(
    channel: &Channel,
    body: &[u8],
    properties: BasicProperties,
) -> Result<()> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let (exchange, key) = ("kapps".into(), "callflow.action.dynamic_cid".into());
    let confirm = channel.basic_publish(exchange, key, options, body, properties).await?;
    match confirm.await?.take_message() {
        None => Ok(()),
        Some(returned) => bail!("the execute was returned: {}", returned.reply_text),
    }
}
