//! Where a broker is, and how to get in.

use std::{fmt, str::FromStr};

use lapin::uri::AMQPUri;
use url::{Host, Url};

/// A broker's address with its credentials. Printing it, also with `{:?}`, shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    uri: AMQPUri,
    written: String,
}

/// Why a text is not a broker's address. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a broker's URI: {0}; expected amqp://user:password@host:5672/virtual-host")]
pub struct BrokerError(String);

impl Broker {
    /// The order in which KAZOO prefers the brokers of its zone: by the text of the URI, whatever
    /// the order in `config.ini` (`kz_amqp_connections:primary_broker/0`). Doubles are dropped.
    pub fn in_kazoo_order(brokers: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut brokers: Vec<Self> = brokers.into_iter().collect();
        brokers.sort_by(|one, other| one.written.cmp(&other.written));
        brokers.dedup_by(|one, other| one.uri == other.uri);
        brokers
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    pub(super) fn uri(&self) -> &AMQPUri {
        &self.uri
    }
}

impl FromStr for Broker {
    type Err = BrokerError;

    /// Reads a URI as RabbitMQ's clients do (`amqp_uri.erl`, which KAZOO uses): no path means the
    /// virtual host `/`, a path of `/` alone the one with the empty name.
    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|error| BrokerError(error.to_string()))?;
        if url.cannot_be_a_base() {
            return Err(BrokerError("the `//` before the host is missing".to_owned()));
        }
        let mut uri = AMQPUri::from_str(text).map_err(BrokerError)?;
        // The client library takes `localhost` where the host is an IPv6 address.
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        Ok(Self { uri, written: text.to_owned() })
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        let (open, close) = if authority.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(
            f,
            "{}://{}@{open}{}{close}:{}",
            self.uri.scheme, authority.userinfo.username, authority.host, authority.port
        )?;
        if self.uri.vhost == "/" { Ok(()) } else { write!(f, "/{}", self.uri.vhost) }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_printed_without_its_password() {
        for (text, shown) in [
            ("amqp://guest:s3cret@10.0.0.1:5672", "amqp://guest@10.0.0.1:5672"),
            (
                "amqp://kz:s3cret@rabbit.example.com/voice",
                "amqp://kz@rabbit.example.com:5672/voice",
            ),
            ("amqps://kz:s3cret@rabbit/%2f?heartbeat=5", "amqps://kz@rabbit:5671"),
            ("amqp://kz:s3cret@[::1]:5673", "amqp://kz@[::1]:5673"),
            ("amqp://127.0.0.1", "amqp://guest@127.0.0.1:5672"),
        ] {
            let broker: Broker = text.parse().unwrap();
            assert_eq!(broker.to_string(), shown);
            assert_eq!(format!("{broker:?}"), format!("Broker({shown})"));
        }
    }

    #[test]
    fn a_broken_uri_is_refused_without_showing_it() {
        for text in
            ["", "10.0.0.1:5672", "amqp:s3cret", "http://kz:s3cret@a", "amqp://a:s3cret@b:99999"]
        {
            let error = text.parse::<Broker>().unwrap_err().to_string();
            assert!(error.contains("amqp://user:password@host"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn kazoo_takes_the_smallest_uri_first() {
        let brokers =
            ["amqp://b", "amqp://a:1@z", "amqp://a", "amqp://b"].map(|text| text.parse().unwrap());
        let shown: Vec<String> =
            Broker::in_kazoo_order(brokers).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["amqp://guest@a:5672", "amqp://a@z:5672", "amqp://guest@b:5672"]);
    }
}
