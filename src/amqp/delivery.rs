//! What came in.

use std::{fmt, sync::Arc};

use lapin::{message::Delivery as Received, types::AMQPValue};

use super::Settling;

/// Header by which KAZOO names the process a message is for.
pub(super) const DELIVER_TO_PID: &str = "Deliver-To-PID";

/// Which kind of queue a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// A queue of work: to be settled, once.
    Work,
    /// The private queue: already acknowledged.
    Reply,
}

/// One message as it came in.
#[derive(PartialEq, Eq)]
pub struct Delivery {
    /// Kind of queue.
    pub kind: QueueKind,
    /// Name of the queue.
    pub queue: Arc<str>,
    /// The exchange it was published to.
    pub exchange: String,
    /// The key it was published with.
    pub routing_key: String,
    /// The content type, as the publisher wrote it.
    pub content_type: Option<String>,
    /// Header `Deliver-To-PID`.
    pub deliver_to_pid: Option<String>,
    /// The broker has handed it out before: to a worker that died, or gave it back.
    pub redelivered: bool,
    /// When it was published, in the publisher's unit: microseconds since year 0 from KAZOO 4 and
    /// master, microseconds since 1970 perhaps from KAZOO 5.
    pub timestamp: Option<u64>,
    /// The body, whatever it is.
    pub payload: Vec<u8>,
    /// To settle it with; none on the private queue.
    pub receipt: Option<Receipt>,
}

/// The right to settle one delivery, once, on the link it came from.
///
/// Not to be cloned, and bound to its session: delivery tags begin again at 1 with each session,
/// so that a receipt used on a later one would settle somebody else's message.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(super) session: u64,
    pub(super) tag: u64,
    pub(super) settling: Settling,
}

#[cfg(test)]
impl Receipt {
    /// A receipt of no session, for bookkeeping that is tested without a broker.
    pub(crate) fn mock(tag: u64) -> Self {
        Self { session: 0, tag, settling: Settling::Transaction }
    }
}

/// What deliveries of one queue have in common.
pub(super) struct Source {
    pub(super) kind: QueueKind,
    pub(super) queue: Arc<str>,
    pub(super) session: u64,
    pub(super) settling: Settling,
}

impl Delivery {
    pub(super) fn of(received: Received, source: &Source) -> Self {
        let &Source { kind, session, settling, .. } = source;
        let properties = &received.properties;
        Self {
            kind,
            queue: Arc::clone(&source.queue),
            content_type: properties.content_type().as_ref().map(ToString::to_string),
            deliver_to_pid: properties
                .headers()
                .as_ref()
                .and_then(|headers| headers.inner().get(DELIVER_TO_PID))
                .and_then(text),
            redelivered: received.redelivered,
            timestamp: *properties.timestamp(),
            exchange: received.exchange.into(),
            routing_key: received.routing_key.into(),
            payload: received.data,
            receipt: (kind == QueueKind::Work).then_some(Receipt {
                session,
                tag: received.delivery_tag,
                settling,
            }),
        }
    }
}

/// The body is left out: it is long, and a call's data does not belong into logs.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", &self.queue)
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("content_type", &self.content_type)
            .field("deliver_to_pid", &self.deliver_to_pid)
            .field("redelivered", &self.redelivered)
            .field("timestamp", &self.timestamp)
            .field("bytes", &self.payload.len())
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

/// KAZOO writes the header as a byte array; other clients write a long string.
fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ByteArray(bytes) => Some(String::from_utf8_lossy(bytes.as_slice()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lapin::{BasicProperties, types::FieldTable};

    use super::*;

    fn received(properties: BasicProperties) -> Received {
        let mut received =
            Received::mock(7, "targeted".into(), "my queue".into(), true, b"{}".to_vec());
        received.properties = properties;
        received
    }

    fn source(kind: QueueKind) -> Source {
        Source { kind, queue: Arc::from("q"), session: 3, settling: Settling::Transaction }
    }

    #[test]
    fn a_bare_message_is_taken_as_it_is() {
        let delivery =
            Delivery::of(received(BasicProperties::default()), &source(QueueKind::Reply));
        assert_eq!(
            delivery,
            Delivery {
                kind: QueueKind::Reply,
                queue: Arc::from("q"),
                exchange: "targeted".to_owned(),
                routing_key: "my queue".to_owned(),
                content_type: None,
                deliver_to_pid: None,
                redelivered: true,
                timestamp: None,
                payload: b"{}".to_vec(),
                receipt: None,
            }
        );
    }

    #[test]
    fn the_pid_header_is_read_whatever_its_type() {
        for value in [
            AMQPValue::LongString("<0.1.0>".into()),
            AMQPValue::ByteArray(b"<0.1.0>".as_slice().into()),
            AMQPValue::ShortString("<0.1.0>".into()),
        ] {
            let mut headers = FieldTable::default();
            headers.insert(DELIVER_TO_PID.into(), value);
            let properties = BasicProperties::default()
                .with_headers(headers)
                .with_content_type("application/json".into())
                .with_timestamp(63_000_000_000_000_000);
            let delivery = Delivery::of(received(properties), &source(QueueKind::Work));
            assert_eq!(delivery.deliver_to_pid.as_deref(), Some("<0.1.0>"));
            assert_eq!(delivery.content_type.as_deref(), Some("application/json"));
            assert_eq!(delivery.timestamp, Some(63_000_000_000_000_000));
            let settling = Settling::Transaction;
            assert_eq!(delivery.receipt, Some(Receipt { session: 3, tag: 7, settling }));
        }
    }
}
