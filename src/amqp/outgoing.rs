//! What goes out.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

use super::{Delivery, LinkError, delivery::DELIVER_TO_PID};

/// KAZOO's listeners take `application/json` and Erlang terms; a message with another content
/// type, or none, ends the listener (`gen_listener:handle_event/4`).
const CONTENT_TYPE: &str = "application/json";
/// Microseconds from year 0, in which Erlang counts, to 1970.
const YEAR_ZERO_TO_1970_US: u64 = 62_167_219_200_000_000;
/// Kept on disk by durable queues.
const PERSISTENT: u8 = 2;
/// What is said about a rejected message is cut here, on a character.
const MAX_DETAIL_BYTES: usize = 2048;

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The exchange.
    pub exchange: &'a str,
    /// The routing key: at most 255 bytes.
    pub routing_key: &'a str,
    /// Text of the Erlang process at the queue that it is for (`pid://` addresses).
    pub deliver_to_pid: Option<&'a str>,
    /// The body: a JSON object.
    pub body: Vec<u8>,
    /// To be told when no queue takes the message. Without it such a message is lost without a
    /// sign, confirmed or not.
    pub mandatory: bool,
    /// To be kept on disk by durable queues. KAZOO's own messages never are.
    pub persistent: bool,
}

/// A message as the client library takes it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) mandatory: bool,
    pub(super) body: Vec<u8>,
    pub(super) properties: BasicProperties,
    pub(super) timestamp: u64,
}

/// Gives each message of a link a time of its own.
///
/// The time is what a returned message is known by: the library hands it to any of the
/// confirmations that are open at that moment.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// Microseconds since year 0, as KAZOO stamps its messages (`kz_time:now_us/0`); never the
    /// same twice.
    pub(super) fn next(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since_1970.as_micros())
            .unwrap_or(u64::MAX)
            .saturating_add(YEAR_ZERO_TO_1970_US);
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            Some(now.max(last.saturating_add(1)))
        });
        // The closure never declines, so both arms hold the value before.
        let (Ok(last) | Err(last)) = before;
        now.max(last.saturating_add(1))
    }
}

impl Prepared {
    pub(super) fn new(message: Outgoing<'_>, clock: &Clock) -> Result<Self, LinkError> {
        let timestamp = clock.next();
        let mut properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_timestamp(timestamp);
        if let Some(pid) = message.deliver_to_pid {
            let mut headers = FieldTable::default();
            headers.insert(DELIVER_TO_PID.into(), AMQPValue::LongString(pid.into()));
            properties = properties.with_headers(headers);
        }
        if message.persistent {
            properties = properties.with_delivery_mode(PERSISTENT);
        }
        Ok(Self {
            exchange: short("exchange", message.exchange)?,
            routing_key: short("routing key", message.routing_key)?,
            mandatory: message.mandatory,
            body: message.body,
            properties,
            timestamp,
        })
    }

    /// A message that could not be understood, whole, with the reason; kept until somebody looks.
    pub(super) fn rejected(
        delivery: &mut Delivery,
        to: &super::RejectedQueue,
        reason: &str,
        detail: &str,
        clock: &Clock,
    ) -> Result<Self, LinkError> {
        let timestamp = clock.next();
        let mut headers = FieldTable::default();
        let mut header = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        header("x-reason", reason);
        header("x-detail", cut(detail, MAX_DETAIL_BYTES));
        header("x-exchange", &delivery.exchange);
        header("x-routing-key", &delivery.routing_key);
        header("x-queue", &delivery.queue);
        if let Some(content_type) = &delivery.content_type {
            header("x-content-type", content_type);
        }
        if let Some(pid) = &delivery.deliver_to_pid {
            header(DELIVER_TO_PID, pid);
        }
        Ok(Self {
            exchange: short("exchange", &to.exchange)?,
            routing_key: short("queue name", &to.name)?,
            mandatory: true,
            body: std::mem::take(&mut delivery.payload),
            properties: BasicProperties::default()
                .with_content_type(CONTENT_TYPE.into())
                .with_delivery_mode(PERSISTENT)
                .with_timestamp(timestamp)
                .with_headers(headers),
            timestamp,
        })
    }
}

/// AMQP's short strings hold 255 bytes; the client library panics when handed more.
pub(super) fn short(what: &'static str, text: &str) -> Result<ShortString, LinkError> {
    ShortString::try_new(text).map_err(|_| LinkError::TooLong { what, bytes: text.len() })
}

fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::QueueKind, *};

    fn message<'a>(routing_key: &'a str, pid: Option<&'a str>) -> Outgoing<'a> {
        Outgoing {
            exchange: "targeted",
            routing_key,
            deliver_to_pid: pid,
            body: b"{}".to_vec(),
            mandatory: true,
            persistent: false,
        }
    }

    #[test]
    fn a_message_looks_as_kazoo_wants_it() {
        let clock = Clock::default();
        let prepared = Prepared::new(message("q", Some("<0.5432.0>")), &clock).unwrap();
        let properties = &prepared.properties;
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
        assert_eq!(
            properties.headers().as_ref().unwrap().inner().get(DELIVER_TO_PID),
            Some(&AMQPValue::LongString("<0.5432.0>".into()))
        );
        // 2020-01-01 and 2100-01-01 on KAZOO's clock.
        let (from, to) = (63_745_056_000_000_000, 66_269_664_000_000_000);
        assert!((from..to).contains(&properties.timestamp().unwrap()), "{properties:?}");
        assert!(properties.delivery_mode().is_none());
        assert!(properties.content_encoding().is_none());
        let plain = Prepared::new(message("q", None), &clock).unwrap();
        assert!(plain.properties.headers().is_none());
        let kept = Outgoing { persistent: true, ..message("q", None) };
        let kept = Prepared::new(kept, &clock).unwrap();
        assert_eq!(*kept.properties.delivery_mode(), Some(PERSISTENT));
    }

    #[test]
    fn every_message_has_a_time_of_its_own() {
        let clock = Clock::default();
        let times: Vec<u64> = (0..10_000).map(|_| clock.next()).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_name_that_amqp_cannot_carry_is_refused_by_name() {
        let error = Prepared::new(message(&"k".repeat(256), None), &Clock::default()).unwrap_err();
        assert_eq!(error.to_string(), "the routing key has 256 bytes, AMQP allows 255");
    }

    #[test]
    fn a_rejected_message_is_kept_whole_with_its_reason() {
        let mut delivery = Delivery {
            kind: QueueKind::Work,
            queue: Arc::from("work"),
            exchange: "kapps".to_owned(),
            routing_key: "callflow.action.dynamic_cid".to_owned(),
            content_type: Some("text/plain".to_owned()),
            deliver_to_pid: None,
            redelivered: false,
            timestamp: None,
            payload: b"\xff not JSON".to_vec(),
            receipt: None,
        };
        let to = super::super::Topology::execute([]).rejected.unwrap();
        let detail = format!("{}é", "x".repeat(MAX_DETAIL_BYTES - 1));
        let clock = Clock::default();
        let prepared = Prepared::rejected(&mut delivery, &to, "not_json", &detail, &clock).unwrap();
        assert_eq!(prepared.body, b"\xff not JSON");
        assert_eq!(prepared.routing_key.as_str(), "kazoo_dynamic_cid.rejected");
        let headers = prepared.properties.headers().clone().unwrap();
        for (name, value) in [
            ("x-reason", "not_json"),
            ("x-detail", &"x".repeat(MAX_DETAIL_BYTES - 1)),
            ("x-exchange", "kapps"),
            ("x-routing-key", "callflow.action.dynamic_cid"),
            ("x-queue", "work"),
            ("x-content-type", "text/plain"),
        ] {
            assert_eq!(
                headers.inner().get(name),
                Some(&AMQPValue::LongString(value.into())),
                "{name}"
            );
        }
    }
}
