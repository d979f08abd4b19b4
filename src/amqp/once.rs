//! A few messages over a connection of their own, for subcommands that are no worker.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Connection, ErrorKind};
use tokio::time::timeout;

use super::outgoing::{Clock, Prepared};
use super::{Broker, EndReason, LinkError, Outgoing, SessionConfig, Step, Tls, Topology, open};

/// AMQP's reply code where something does not exist.
const NOT_FOUND: u16 = 404;

/// Why messages did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody has declared the exchange on this broker, so nobody listens there.
    #[error(
        "there is no exchange `{exchange}` on {broker}: no KAZOO has been there since it started"
    )]
    NoExchange {
        /// The exchange.
        exchange: String,
        /// The broker, without password.
        broker: String,
    },
    /// No connection, or it ended.
    #[error(transparent)]
    Ended(#[from] EndReason),
    /// A message that cannot be sent, or that the broker did not keep.
    #[error(transparent)]
    Message(#[from] LinkError),
    /// No broker was named.
    #[error("no broker is named")]
    NoBroker,
}

/// Publishes messages over the first of the brokers that can be reached, and waits for the broker's
/// word on each. `node` is the name that the broker shows for the connection.
///
/// # Errors
///
/// Where no broker can be reached, or the one reached takes them not all.
pub async fn send_once(
    brokers: &[Broker],
    tls: &Tls,
    node: &str,
    messages: Vec<Outgoing<'_>>,
) -> Result<(), SendError> {
    let topology = Topology::listening(std::iter::empty::<String>());
    let mut config = SessionConfig::new(brokers.to_vec(), node, topology);
    config.tls = tls.clone();
    let mut last = SendError::NoBroker;
    for broker in brokers {
        match open(&config, broker).await {
            Ok(opened) => {
                let sent = send(&opened.connection, broker, &config, messages).await;
                opened.close(true, config.timing.close).await;
                return sent;
            }
            Err(reason) => last = reason.into(),
        }
    }
    Err(last)
}

async fn send(
    connection: &Connection,
    broker: &Broker,
    config: &SessionConfig,
    messages: Vec<Outgoing<'_>>,
) -> Result<(), SendError> {
    let limit = config.timing.request;
    let step = || Step::Serve("publishing");
    let unanswered = |_| SendError::from(step().unanswered(broker, limit));
    let ended = |step: Step, error: &lapin::Error| SendError::from(step.reason(broker, error));
    let channel = timeout(limit, connection.create_channel())
        .await
        .map_err(unanswered)?
        .map_err(|error| ended(Step::OpenChannel, &error))?;
    timeout(limit, channel.confirm_select(ConfirmSelectOptions::default()))
        .await
        .map_err(unanswered)?
        .map_err(|error| ended(step(), &error))?;
    let clock = Clock::default();
    for message in messages {
        let exchange = message.exchange.to_owned();
        let refused = |error: lapin::Error| match error.kind() {
            ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND => {
                SendError::NoExchange { exchange: exchange.clone(), broker: broker.to_string() }
            }
            _ => ended(step(), &error),
        };
        let message = Prepared::new(message, &clock)?;
        let options =
            BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() };
        let publish = channel.basic_publish(
            message.exchange,
            message.routing_key,
            options,
            &message.body,
            message.properties,
        );
        let confirm = timeout(limit, publish).await.map_err(unanswered)?.map_err(refused)?;
        let confirmation = timeout(limit, confirm).await.map_err(unanswered)?.map_err(refused)?;
        if confirmation.is_nack() {
            return Err(LinkError::Nacked.into());
        }
    }
    Ok(())
}
