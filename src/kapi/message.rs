//! What every message of ours has.

use serde_json::Value;

use super::{Address, Exchange, header};
use crate::amqp::Outgoing;
use crate::json::Object;

/// The only content type KAZOO's listeners survive besides Erlang's own.
///
/// Source: `gen_listener.erl` (`handle_event/4`): any other, or none, has no matching clause.
pub const CONTENT_TYPE: &str = "application/json";

/// Name we go by in `App-Name` unless told otherwise.
pub const DEFAULT_APP_NAME: &str = "kazoo_dynamic_cid";

/// Microseconds from year 0, from which KAZOO counts, to the Unix epoch.
///
/// Source: `kz_time.hrl` (`UNIX_EPOCH_IN_GREGORIAN`).
pub const GREGORIAN_EPOCH: u64 = 62_167_219_200 * 1_000_000;

/// The AMQP property `timestamp` as KAZOO sets it: microseconds since year 0.
///
/// Source: `kz_amqp_util.erl` (`basic_publish/5`), `kz_time.erl` (`now_us/0`).
pub fn amqp_timestamp(unix_micros: u64) -> u64 {
    unix_micros.saturating_add(GREGORIAN_EPOCH)
}

/// When a message was published, in microseconds since the Unix epoch.
///
/// Reads KAZOO's microseconds since year 0 and the Unix microseconds that KAZOO 5 seems to use.
/// Anything else, such as seconds, tells nothing reliable and is `None`.
pub fn published_at(amqp_timestamp: u64) -> Option<u64> {
    /// Unix microseconds of 2001; seconds of any year to come are below.
    const FIRST_MICROS: u64 = 1_000_000_000_000_000;
    match amqp_timestamp.checked_sub(GREGORIAN_EPOCH) {
        Some(unix_micros) => Some(unix_micros),
        None => (amqp_timestamp >= FIRST_MICROS).then_some(amqp_timestamp),
    }
}

/// A fresh `Msg-ID`: 32 lower-case hex digits, as `kz_binary:rand_hex(16)`.
pub fn new_msg_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Who we are in the headers of our messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `App-Name`.
    pub app_name: String,
    /// `App-Version`.
    pub app_version: String,
    /// `Node`: our stable name `name@host`; KAZOO makes an atom of it.
    pub node: String,
    /// `Server-ID`: our private reply queue, a plain name.
    pub server_id: String,
}

impl Identity {
    /// Our own name and version at a node, with the reply queue of one connection.
    pub fn new(node: impl Into<String>, server_id: impl Into<String>) -> Self {
        Self {
            app_name: DEFAULT_APP_NAME.to_owned(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            node: node.into(),
            server_id: server_id.into(),
        }
    }
}

/// Without a word back where no queue takes it, and kept in memory, as KAZOO sends its own.
impl<'a> From<&'a Message> for Outgoing<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            exchange: message.exchange.name(),
            routing_key: &message.routing_key,
            deliver_to_pid: message.deliver_to_pid.as_deref(),
            body: message.payload(),
            mandatory: false,
            persistent: false,
        }
    }
}

/// A message ready to be published with content type [`CONTENT_TYPE`].
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Where it is published.
    pub exchange: Exchange,
    /// With which routing key.
    pub routing_key: String,
    /// Value of the AMQP header `Deliver-To-PID`, byte for byte as received.
    pub deliver_to_pid: Option<String>,
    /// The payload.
    pub body: Object,
}

impl Message {
    /// A message of a type, with the headers KAZOO requires and a fresh `Msg-ID` unless `members`
    /// has one.
    pub fn new(
        (category, name): (&str, &str),
        members: Object,
        identity: &Identity,
        exchange: Exchange,
        routing_key: impl Into<String>,
    ) -> Self {
        let mut body = members;
        for (key, value) in [
            (header::EVENT_CATEGORY, category),
            (header::EVENT_NAME, name),
            (header::APP_NAME, &identity.app_name),
            (header::APP_VERSION, &identity.app_version),
            (header::NODE, &identity.node),
            (header::SERVER_ID, &identity.server_id),
        ] {
            body.insert(key.to_owned(), Value::from(value));
        }
        body.entry(header::MSG_ID).or_insert_with(|| Value::from(new_msg_id()));
        Self { exchange, routing_key: routing_key.into(), deliver_to_pid: None, body }
    }

    /// A message of a type to an address.
    pub fn to(
        kind: (&str, &str),
        members: Object,
        identity: &Identity,
        exchange: Exchange,
        address: &Address,
    ) -> Self {
        let mut message = Self::new(kind, members, identity, exchange, address.queue.clone());
        message.deliver_to_pid.clone_from(&address.pid);
        message
    }

    /// The same message with another `Msg-ID`.
    #[must_use]
    pub fn with_msg_id(mut self, msg_id: impl Into<String>) -> Self {
        self.body.insert(header::MSG_ID.to_owned(), Value::String(msg_id.into()));
        self
    }

    /// The `Msg-ID`, which errors and replies carry.
    pub fn msg_id(&self) -> &str {
        self.body.get(header::MSG_ID).and_then(Value::as_str).unwrap_or_default()
    }

    /// The payload's bytes: one JSON object.
    pub fn payload(&self) -> Vec<u8> {
        /// Bytes of most messages.
        const USUAL: usize = 1024;
        let mut payload = Vec::with_capacity(USUAL);
        // Keys are texts and JSON numbers are finite, so there is nothing that could fail.
        match serde_json::to_writer(&mut payload, &self.body) {
            Ok(()) => payload,
            Err(_) => b"{}".to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity() -> Identity {
        Identity::new("dcid@host1", "replies")
    }

    #[test]
    fn a_message_has_the_headers_kazoo_requires() {
        let members = json!({"Call-ID": "a@b"}).as_object().cloned().unwrap();
        let message =
            Message::new(("call", "command"), members, &identity(), Exchange::Callctl, "queue");
        let expected = json!({
            "Call-ID": "a@b",
            "Event-Category": "call",
            "Event-Name": "command",
            "App-Name": "kazoo_dynamic_cid",
            "App-Version": env!("CARGO_PKG_VERSION"),
            "Node": "dcid@host1",
            "Server-ID": "replies",
            "Msg-ID": message.msg_id(),
        });
        assert_eq!(serde_json::from_slice::<Value>(&message.payload()).unwrap(), expected);
        assert_eq!(message.deliver_to_pid, None);
    }

    #[test]
    fn a_msg_id_given_is_kept() {
        let members = json!({"Msg-ID": "given"}).as_object().cloned().unwrap();
        let message = Message::new(("a", "b"), members, &identity(), Exchange::Targeted, "q");
        assert_eq!(message.msg_id(), "given");
        assert_eq!(message.with_msg_id("other").msg_id(), "other");
    }

    #[test]
    fn a_message_to_a_process_names_it_in_the_header() {
        let address = Address::parse("pid://<0.12.0>/listener").unwrap();
        let message =
            Message::to(("a", "b"), Object::new(), &identity(), Exchange::Targeted, &address);
        assert_eq!(message.routing_key, "listener");
        assert_eq!(message.deliver_to_pid.as_deref(), Some("<0.12.0>"));
    }

    #[test]
    fn msg_ids_are_32_lower_case_hex_digits_and_differ() {
        let (one, other) = (new_msg_id(), new_msg_id());
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.len(), 32);
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        }
    }

    #[test]
    fn timestamps_are_microseconds_since_year_0() {
        assert_eq!(amqp_timestamp(0), 62_167_219_200_000_000);
        assert_eq!(amqp_timestamp(1_726_237_589_123_456), 63_893_456_789_123_456);
        for (timestamp, unix_micros) in [
            (63_893_456_789_123_456, Some(1_726_237_589_123_456)),
            (1_726_237_589_123_456, Some(1_726_237_589_123_456)),
            (1_726_237_589, None),
            (0, None),
        ] {
            assert_eq!(published_at(timestamp), unix_micros, "{timestamp}");
        }
    }
}
