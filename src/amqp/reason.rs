//! Why a session ended, in words that name the cure where an operator has to act.

use std::time::Duration;

use lapin::{ErrorKind, protocol::AMQPErrorKind};

use super::Broker;

/// Why a session ended or never came up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// No connection, or none that got through the greeting.
    #[error("cannot connect to {broker}: {reason}")]
    ConnectFailed {
        /// The broker, without password.
        broker: String,
        /// What the network or the broker said.
        reason: String,
    },
    /// The broker will not have us as we are configured. Trying again fast is of no use.
    #[error("{broker} refuses {what} ({code}: {text}). {cure}")]
    Refused {
        /// The broker, without password.
        broker: String,
        /// What was asked for.
        what: String,
        /// AMQP's reply code.
        code: u16,
        /// The broker's own words.
        text: String,
        /// What an operator can do about it.
        cure: String,
    },
    /// An exchange of KAZOO's is not there, as after a restart of the broker before KAZOO is back,
    /// and our user may not declare it.
    #[error(
        "KAZOO has not declared the exchange `{exchange}` on {broker} yet, and this user may not \
         ({text}): start KAZOO, or let the user configure it"
    )]
    KazooMissing {
        /// The broker, without password.
        broker: String,
        /// The exchange.
        exchange: String,
        /// The broker's own words.
        text: String,
    },
    /// The connection ended.
    #[error("the connection ended: {reason}")]
    ConnectionClosed {
        /// What the network or the broker said.
        reason: String,
    },
    /// The broker closed a channel; such a channel is silent for ever, so the session goes with it.
    #[error("the broker closed the channel for {what}: {reason}")]
    ChannelClosed {
        /// What the channel was used for.
        what: String,
        /// The broker's own words.
        reason: String,
    },
    /// The broker cancelled a consumer, as it does when the queue is deleted.
    #[error("the broker stopped delivering from queue `{queue}`: was the queue deleted?")]
    ConsumerEnded {
        /// The queue.
        queue: String,
    },
    /// A queue of ours is not there any more; a new session declares it again.
    #[error("the queue `{queue}` is gone: {reason}")]
    QueueGone {
        /// The queue.
        queue: String,
        /// The broker's own words.
        reason: String,
    },
    /// Nothing came back through the broker for too long, although the connection looks open.
    #[error("no sign of life from the broker for {after:?}: the connection is half open or stuck")]
    Stalled {
        /// How long it has been silent.
        after: Duration,
    },
    /// The broker did not answer a request in time.
    #[error("the broker did not answer {what} within {after:?}")]
    Unanswered {
        /// What was asked for.
        what: String,
        /// How long we waited.
        after: Duration,
    },
    /// A broker before this one in KAZOO's order is back; KAZOO moves there, and so do we.
    #[error("{broker}, which comes first in KAZOO's order, is back")]
    PreferredBrokerBack {
        /// That broker, without password.
        broker: String,
    },
    /// We were told to stop.
    #[error("stopped on request")]
    Stopped,
}

impl EndReason {
    /// Whether only an operator can mend it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// What was being done when an error came up; decides what the error means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    DeclareExchange(String),
    DeclareQueue(String),
    Bind {
        queue: String,
        exchange: String,
    },
    Consume(String),
    OpenChannel,
    /// The session is up; the text says what the channel is for.
    Serve(&'static str),
}

impl Step {
    fn words(&self) -> String {
        match self {
            Self::Connect => "the login".to_owned(),
            Self::DeclareExchange(name) => format!("the exchange `{name}`"),
            Self::DeclareQueue(name) => format!("the queue `{name}`"),
            Self::Bind { queue, exchange } => {
                format!("binding the queue `{queue}` to the exchange `{exchange}`")
            }
            Self::Consume(queue) => format!("consuming from the queue `{queue}`"),
            Self::OpenChannel => "a channel".to_owned(),
            Self::Serve(what) => (*what).to_owned(),
        }
    }

    /// Makes a reason of an error of the client library.
    pub(crate) fn reason(&self, broker: &Broker, error: &lapin::Error) -> EndReason {
        let reason = error.to_string();
        let ErrorKind::ProtocolError(protocol) = error.kind() else {
            return match (self, error.kind()) {
                (Self::Connect, _) => {
                    EndReason::ConnectFailed { broker: broker.to_string(), reason }
                }
                (_, ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidChannel(_)) => {
                    EndReason::ChannelClosed { what: self.words(), reason }
                }
                _ => EndReason::ConnectionClosed { reason },
            };
        };
        let (code, text) = (protocol.get_id(), protocol.get_message().to_string());
        if let (Self::DeclareExchange(exchange), 403) = (self, code) {
            let (broker, exchange) = (broker.to_string(), exchange.clone());
            return EndReason::KazooMissing { broker, exchange, text };
        }
        if let Some(cure) = self.cure(broker, code) {
            return EndReason::Refused {
                broker: broker.to_string(),
                what: self.words(),
                code,
                text,
                cure,
            };
        }
        let reason = format!("{code} {text}");
        match (self, protocol.kind()) {
            (Self::Connect, _) => EndReason::ConnectFailed { broker: broker.to_string(), reason },
            (_, AMQPErrorKind::Soft(_)) => EndReason::ChannelClosed { what: self.words(), reason },
            (_, AMQPErrorKind::Hard(_)) => EndReason::ConnectionClosed { reason },
        }
    }

    pub(crate) fn unanswered(&self, broker: &Broker, after: Duration) -> EndReason {
        match self {
            Self::Connect => EndReason::ConnectFailed {
                broker: broker.to_string(),
                reason: format!("no answer within {after:?}"),
            },
            _ => EndReason::Unanswered { what: self.words(), after },
        }
    }

    /// What to do about a reply code, where waiting does not help. While the session is up only a
    /// withdrawn permission is such a case: 406 is then a late acknowledgement and 541 a fault of
    /// the broker, which a new session mends.
    fn cure(&self, broker: &Broker, code: u16) -> Option<String> {
        let (user, vhost) = (broker.user(), broker.vhost());
        match (self, code) {
            (Self::Connect, 403) => Some(format!(
                "The user name or the password in the broker's URI is wrong: correct the URI, or \
                 the user with `rabbitmqctl add_user {user}` or `rabbitmqctl change_password \
                 {user}`."
            )),
            (Self::Connect, 530) => Some(format!(
                "The virtual host is missing, full, or closed to this user: `rabbitmqctl \
                 add_vhost {vhost}`, `rabbitmqctl set_permissions -p {vhost} {user} …`, or correct \
                 the URI."
            )),
            (_, 403 | 530) => Some(format!(
                "Grant the user what it lacks: `rabbitmqctl set_permissions -p {vhost} {user} \
                 CONFIGURE WRITE READ` (the least that is needed is in the README, for `--advertise` \
                 in docs/advertisement.md)."
            )),
            (Self::DeclareQueue(queue), 406) => Some(format!(
                "The queue `{queue}` exists with other properties: remove it with `rabbitmqctl \
                 delete_queue -p {vhost} {queue}` (messages waiting in it are lost), then it is \
                 declared anew."
            )),
            (Self::DeclareExchange(exchange), 406) => Some(format!(
                "The exchange `{exchange}` exists with other properties than KAZOO's: remove it, \
                 for example with `rabbitmqadmin -V {vhost} delete exchange name={exchange}`, \
                 then it is declared anew."
            )),
            (Self::DeclareQueue(queue) | Self::Consume(queue), 405) => Some(format!(
                "Another connection holds the queue `{queue}` for itself: find it with \
                 `rabbitmqctl list_queues -p {vhost} name owner_pid` and end it."
            )),
            (Self::DeclareQueue(_), 541) => Some(
                "RabbitMQ 4.3 and later refuse queues that are neither durable nor exclusive: \
                 permit them with `deprecated_features.permit.transient_nonexcl_queues = true` in \
                 rabbitmq.conf, or configure the queue as durable."
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::{AMQPError, AMQPHardError, AMQPSoftError};

    use super::*;

    fn broker() -> Broker {
        "amqp://kz:s3cret@rabbit:5672/voice".parse().unwrap()
    }

    fn error(kind: impl Into<AMQPErrorKind>, text: &str) -> lapin::Error {
        ErrorKind::ProtocolError(AMQPError::new(kind.into(), text.into())).into()
    }

    #[test]
    fn what_an_operator_must_mend_names_the_cure() {
        let queue = || Step::DeclareQueue("kazoo_dynamic_cid.execute".to_owned());
        for (step, kind, cure) in [
            (Step::Connect, AMQPSoftError::ACCESSREFUSED.into(), "change_password kz"),
            (Step::Connect, AMQPHardError::NOTALLOWED.into(), "add_vhost voice"),
            (
                queue(),
                AMQPSoftError::PRECONDITIONFAILED.into(),
                "`rabbitmqctl delete_queue -p voice kazoo_dynamic_cid.execute`",
            ),
            (queue(), AMQPSoftError::ACCESSREFUSED.into(), "set_permissions -p voice kz"),
            (queue(), AMQPSoftError::RESOURCELOCKED.into(), "list_queues -p voice"),
            (queue(), AMQPHardError::INTERNALERROR.into(), "transient_nonexcl_queues = true"),
            (
                Step::DeclareExchange("kapps".to_owned()),
                AMQPSoftError::PRECONDITIONFAILED.into(),
                "delete exchange name=kapps",
            ),
            (Step::Serve("publishing"), AMQPSoftError::ACCESSREFUSED.into(), "set_permissions"),
        ] {
            let kind: AMQPErrorKind = kind;
            let reason = step.reason(&broker(), &error(kind, "SAID SO"));
            let words = reason.to_string();
            assert!(reason.is_refusal(), "{words}");
            assert!(words.contains(cure) && words.contains("SAID SO"), "{words}");
            assert!(!words.contains("s3cret"), "{words}");
        }
    }

    #[test]
    fn what_a_new_session_mends_is_no_refusal() {
        for (step, kind, words) in [
            (
                Step::Serve("deliveries"),
                AMQPErrorKind::from(AMQPSoftError::PRECONDITIONFAILED),
                "the broker closed the channel for deliveries: 406 SAID SO",
            ),
            (
                Step::Serve("publishing"),
                AMQPSoftError::NOTFOUND.into(),
                "the broker closed the channel for publishing: 404 SAID SO",
            ),
            (
                Step::Serve("publishing"),
                AMQPHardError::CONNECTIONFORCED.into(),
                "the connection ended: 320 SAID SO",
            ),
            (
                Step::DeclareExchange("kapps".to_owned()),
                AMQPSoftError::ACCESSREFUSED.into(),
                "KAZOO has not declared the exchange `kapps` on amqp://kz@rabbit:5672/voice yet, \
                 and this user may not (SAID SO): start KAZOO, or let the user configure it",
            ),
            (
                Step::Connect,
                AMQPHardError::CONNECTIONFORCED.into(),
                "cannot connect to amqp://kz@rabbit:5672/voice: 320 SAID SO",
            ),
        ] {
            assert_eq!(step.reason(&broker(), &error(kind, "SAID SO")).to_string(), words);
        }
    }
}
