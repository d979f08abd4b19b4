//! Where a reply or a command goes.

use super::routing::MAX_KEY_BYTES;

/// The value of a `Server-ID`, `Controller-Queue` or `Control-Queue`.
///
/// Either a plain queue name, or `pid://<pid text>/<queue>`: the queue belongs to a listener that
/// passes the message on to the process named in the AMQP header `Deliver-To-PID`.
///
/// Source: `kz_amqp_util.erl` (`basic_publish/5`), `kapi.erl` (`encode_pid/2`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Queue name, which is also the routing key on `targeted` and `callctl`.
    pub queue: String,
    /// Text of the process id exactly as received, `<A.B.C>`.
    pub pid: Option<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no queue name.
    #[error("`{0}` names no queue; without one nothing can be sent there")]
    NoQueue(String),
    /// The process id is none; sending it on would crash the listener that converts it.
    #[error("`{address}` has `{pid}` where a process id of the form <A.B.C> belongs")]
    BadPid {
        /// The whole address.
        address: String,
        /// What stands in the process id's place.
        pid: String,
    },
    /// The queue name cannot be a routing key.
    #[error("a queue name of {0} bytes is longer than the {MAX_KEY_BYTES} that AMQP can carry")]
    TooLong(usize),
}

const PID_SCHEME: &str = "pid://";
/// Prefix of KAZOO's federation; it should never leave a KAZOO node.
const CONSUMER_SCHEME: &str = "consumer://";

impl Address {
    /// A plain queue name of our own.
    pub fn queue(name: impl Into<String>) -> Self {
        Self { queue: name.into(), pid: None }
    }

    /// Reads an address; `pid://` and `consumer://` are split at the last `/`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (pid, queue) = if let Some(rest) = text.strip_prefix(PID_SCHEME) {
            let (pid, queue) =
                rest.rsplit_once('/').ok_or_else(|| AddressError::NoQueue(text.to_owned()))?;
            (Some(pid), queue)
        } else if let Some(rest) = text.strip_prefix(CONSUMER_SCHEME) {
            (None, rest.rsplit_once('/').map_or(rest, |(_, queue)| queue))
        } else {
            (None, text)
        };
        if queue.is_empty() {
            return Err(AddressError::NoQueue(text.to_owned()));
        }
        if queue.len() > MAX_KEY_BYTES {
            return Err(AddressError::TooLong(queue.len()));
        }
        if let Some(pid) = pid
            && !is_pid(pid)
        {
            return Err(AddressError::BadPid { address: text.to_owned(), pid: pid.to_owned() });
        }
        Ok(Self { queue: queue.to_owned(), pid: pid.map(ToOwned::to_owned) })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.pid {
            Some(pid) => write!(formatter, "{PID_SCHEME}{pid}/{}", self.queue),
            None => formatter.write_str(&self.queue),
        }
    }
}

/// `<A.B.C>` with three numbers that Erlang's `list_to_pid` can hold.
fn is_pid(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return false;
    };
    let mut parts = 0;
    inner.split('.').all(|part| {
        parts += 1;
        part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u32>().is_ok()
    }) && parts == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_the_last_slash() {
        for (text, pid, queue) in [
            ("dcid-worker-1-replies", None, "dcid-worker-1-replies"),
            ("pid://<0.5432.0>/callflow_route_0f3c", Some("<0.5432.0>"), "callflow_route_0f3c"),
            (
                "pid://<0.300.0>/ecallmgr@apps1-listener-<0.300.0>-1a2b",
                Some("<0.300.0>"),
                "ecallmgr@apps1-listener-<0.300.0>-1a2b",
            ),
            ("consumer://<0.1.0>/replies", None, "replies"),
            ("consumer://a/b/replies", None, "replies"),
            ("consumer://replies", None, "replies"),
            ("a/b", None, "a/b"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.pid.as_deref(), address.queue.as_str()), (pid, queue), "{text}");
        }
    }

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in ["replies", "pid://<0.5432.0>/callflow_route_0f3c"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_without_a_queue_is_refused() {
        for text in
            ["", "pid://", "pid://<0.1.0>", "pid://<0.1.0>/", "consumer://", "consumer://a/"]
        {
            assert_eq!(Address::parse(text), Err(AddressError::NoQueue(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_process_id_that_would_crash_a_listener_is_refused() {
        for pid in [
            "",
            "0.1.0",
            "<0.1>",
            "<0.1.0.2>",
            "<0.1.x>",
            "<..>",
            "<0.1.0",
            "<0.+1.0>",
            "<0. 1.0>",
            "<0.99999999999.0>",
            "#PID<0.1.0>",
            "<0.1.0>/<0.1.0>",
            "<٣.1.0>",
        ] {
            let text = format!("pid://{pid}/queue");
            assert_eq!(
                Address::parse(&text),
                Err(AddressError::BadPid { address: text.clone(), pid: pid.to_owned() }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_queue_name_longer_than_a_routing_key_is_refused() {
        assert!(Address::parse(&"q".repeat(255)).is_ok());
        assert_eq!(Address::parse(&"q".repeat(256)), Err(AddressError::TooLong(256)));
    }
}
