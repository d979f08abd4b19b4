//! Requests to the broker with a deadline each, and messages as KAZOO dresses them.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapin::message::{BasicReturnMessage, Delivery};
use lapin::options::{
    BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer, ErrorKind, ExchangeKind as LapinKind};
use tokio::time::timeout;

use super::link::PeerError;
use super::received::{Received, text};
use crate::amqp::{Broker, Step};
use crate::kapi::{Exchange, ExchangeKind, Message, header, message, new_msg_id};

/// What a request to the broker needs: whom, how long, and what stands in front of the names of
/// exchanges, which is nothing but in tests that share a broker.
pub(super) struct Asked<'a> {
    pub(super) broker: &'a Broker,
    pub(super) limit: Duration,
    pub(super) prefix: &'a str,
}

impl Asked<'_> {
    pub(super) fn name(&self, exchange: Exchange) -> String {
        format!("{}{}", self.prefix, exchange.name())
    }

    pub(super) async fn answer<T>(
        &self,
        step: Step,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, PeerError> {
        match timeout(self.limit, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(step.reason(self.broker, &error).into()),
            Err(_) => Err(step.unanswered(self.broker, self.limit).into()),
        }
    }

    /// Asks for something that may not be there: `None` where the broker says so, which closes
    /// the channel.
    pub(super) async fn if_there<T>(
        &self,
        step: Step,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<Option<T>, PeerError> {
        const NOT_FOUND: u16 = 404;
        let missing = |error: &lapin::Error| matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == NOT_FOUND);
        let request = async {
            match request.await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if missing(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.answer(step, request).await
    }

    pub(super) async fn channel(&self, connection: &Connection) -> Result<Channel, PeerError> {
        self.answer(Step::OpenChannel, connection.create_channel()).await
    }

    pub(super) async fn declare(
        &self,
        channel: &Channel,
        exchange: Exchange,
    ) -> Result<(), PeerError> {
        let kind = match exchange.kind() {
            ExchangeKind::Direct => LapinKind::Direct,
            ExchangeKind::Topic => LapinKind::Topic,
            ExchangeKind::Fanout => LapinKind::Fanout,
        };
        let name = self.name(exchange);
        let declare = channel.exchange_declare(
            short(&name)?,
            kind,
            // KAZOO's flags: none of them is set.
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        );
        self.answer(Step::DeclareExchange(name), declare).await
    }

    pub(super) async fn bind(
        &self,
        channel: &Channel,
        queue: &str,
        exchange: Exchange,
        key: &str,
    ) -> Result<(), PeerError> {
        let exchange = self.name(exchange);
        let step = Step::Bind { queue: queue.to_owned(), exchange: exchange.clone() };
        let bind = channel.queue_bind(
            short(queue)?,
            short(&exchange)?,
            short(key)?,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.answer(step, bind).await
    }

    /// Consumes as KAZOO does, without acknowledgements.
    pub(super) async fn consume(
        &self,
        channel: &Channel,
        queue: &str,
    ) -> Result<Consumer, PeerError> {
        let options =
            BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
        let consume = channel.basic_consume(
            short(queue)?,
            ShortString::default(),
            options,
            FieldTable::default(),
        );
        self.answer(Step::Consume(queue.to_owned()), consume).await
    }
}

/// Declares a queue of our own: it goes with the connection, and its name is new.
pub(super) async fn private_queue(
    asked: &Asked<'_>,
    channel: &Channel,
) -> Result<String, PeerError> {
    let name = format!("kazoo_dynamic_cid.call.{}", new_msg_id());
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let declare = channel.queue_declare(short(&name)?, options, FieldTable::default());
    asked.answer(Step::DeclareQueue(name.clone()), declare).await?;
    Ok(name)
}

/// A delivery as the rest of this room takes it.
pub(super) fn received(delivery: &Delivery, prefix: &str) -> Received {
    let properties = &delivery.properties;
    let exchange = delivery.exchange.as_str();
    let word = |property: &Option<ShortString>| property.as_ref().map(ToString::to_string);
    let headers = properties.headers().as_ref().map(FieldTable::inner);
    let pid = headers.and_then(|headers| headers.get(header::DELIVER_TO_PID));
    Received {
        at: Instant::now(),
        content_type: word(properties.content_type()),
        content_encoding: word(properties.content_encoding()),
        deliver_to_pid: pid.map(|pid| match pid {
            AMQPValue::LongString(text) => text.to_string(),
            AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
            other => format!("{other:?}"),
        }),
        exchange: exchange.strip_prefix(prefix).unwrap_or(exchange).to_owned(),
        routing_key: delivery.routing_key.to_string(),
        body: Received::parse(&delivery.data),
    }
}

/// The call that a message of ours which came back belongs to.
pub(super) fn call_id_of(returned: &BasicReturnMessage) -> String {
    let body = Received::parse(&returned.delivery.data);
    body.map(|body| text(&body, header::CALL_ID).to_owned()).unwrap_or_default()
}

/// The AMQP properties KAZOO sets: content type, its own kind of time, and on call events the
/// call's id, by which KAZOO spreads them over its listeners.
pub(super) fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    let long = |text: &str| AMQPValue::LongString(text.into());
    if let Some(pid) = &message.deliver_to_pid {
        headers.insert(header::DELIVER_TO_PID.into(), long(pid));
    }
    if text(&message.body, header::EVENT_CATEGORY) == "call_event"
        && message.exchange == Exchange::Callevt
    {
        headers.insert("call-id".into(), long(text(&message.body, header::CALL_ID)));
    }
    let properties = BasicProperties::default()
        .with_content_type(message::CONTENT_TYPE.into())
        .with_timestamp(message::amqp_timestamp(unix_micros()));
    if headers.inner().is_empty() { properties } else { properties.with_headers(headers) }
}

/// Microseconds since 1970.
pub(crate) fn unix_micros() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}

/// A name as the library takes it, which panics when handed more than AMQP can carry.
pub(super) fn short(name: &str) -> Result<ShortString, PeerError> {
    ShortString::try_new(name).map_err(|_| PeerError::TooLong(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;
    use crate::kapi::Identity;

    fn message(category: &str, exchange: Exchange, pid: Option<&str>) -> Message {
        let mut body = Object::new();
        body.insert("Call-ID".to_owned(), "a@b".into());
        let identity = Identity::new("n@h", "q");
        let mut message = Message::new((category, "x"), body, &identity, exchange, "key");
        message.deliver_to_pid = pid.map(str::to_owned);
        message
    }

    #[test]
    fn messages_are_dressed_as_kazoo_dresses_them() {
        for (category, exchange, pid, names) in [
            ("callflow", Exchange::Kapps, None, &[][..]),
            ("call_event", Exchange::Callevt, None, &["call-id"]),
            ("call_event", Exchange::Targeted, None, &[]),
            ("error", Exchange::Callevt, None, &[]),
            ("call", Exchange::Callctl, Some("<0.1.0>"), &["Deliver-To-PID"]),
        ] {
            let properties = properties(&message(category, exchange, pid));
            assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
            let headers = properties.headers().clone().unwrap_or_default();
            let given: Vec<_> = headers.inner().keys().map(ShortString::as_str).collect();
            assert_eq!(given, names, "{category}");
            // 2020-01-01 and 2100-01-01 on KAZOO's clock.
            let (from, to) = (63_745_056_000_000_000, 66_269_664_000_000_000);
            assert!((from..to).contains(&properties.timestamp().unwrap()));
        }
    }

    #[test]
    fn a_delivery_is_read_with_its_properties() {
        let mut delivery = Delivery::mock(1, "callctl".into(), "q".into(), false, b"{}".to_vec());
        let mut headers = FieldTable::default();
        headers.insert("Deliver-To-PID".into(), AMQPValue::LongString("<0.2.0>".into()));
        delivery.properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_content_encoding("gzip".into())
            .with_headers(headers);
        let read = received(&delivery, "");
        assert_eq!(read.deliver_to_pid.as_deref(), Some("<0.2.0>"));
        assert_eq!(read.content_type.as_deref(), Some("text/plain"));
        assert_eq!(read.content_encoding.as_deref(), Some("gzip"));
        assert_eq!((read.exchange.as_str(), read.routing_key.as_str()), ("callctl", "q"));
        assert_eq!(read.body, Ok(Object::new()));
        for payload in [&b"[]"[..], b"", b"\xff"] {
            let delivery = Delivery::mock(1, "x".into(), "q".into(), false, payload.to_vec());
            assert!(received(&delivery, "").body.is_err());
        }
    }
}
