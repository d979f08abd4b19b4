//! Keeps a session up.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Backoff, Broker, EndReason, Handler, SessionState, Tls, Topology,
    backoff::{Next, Rotation},
    session::{self, Surroundings},
};

/// What a session needs to know.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The brokers in the order of preference, KAZOO's: [`Broker::in_kazoo_order`].
    pub brokers: Vec<Broker>,
    /// Our node's name, shown to operators and part of the private queue's name.
    pub node: String,
    /// What to declare and where to listen.
    pub topology: Topology,
    /// Messages taken from each queue of work and not settled, at most; 0 is without limit.
    pub prefetch: u16,
    /// For `amqps`.
    pub tls: Tls,
    /// Deadlines and intervals.
    pub timing: Timing,
}

impl SessionConfig {
    /// The defaults for these brokers, node and topology.
    pub fn new(brokers: Vec<Broker>, node: impl Into<String>, topology: Topology) -> Self {
        Self {
            brokers,
            node: node.into(),
            topology,
            prefetch: 10_000,
            tls: Tls::default(),
            timing: Timing::default(),
        }
    }
}

/// Deadlines and intervals of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// From the first packet to the end of AMQP's greeting.
    pub connect: Duration,
    /// Heartbeat asked for, in seconds, unless the broker's URI names another.
    pub heartbeat_s: u16,
    /// For each answer of the broker, and for each confirmation.
    pub request: Duration,
    /// For the polite end of a connection.
    pub close: Duration,
    /// Between two probes through the broker.
    pub probe_every: Duration,
    /// Silence after which the connection is given up.
    pub stalled_after: Duration,
    /// Between two rounds over the brokers.
    pub backoff: Backoff,
    /// Between two rounds when every broker refuses us and an operator has to act.
    pub refused: Duration,
    /// While on a later broker of the list: how often to look for those before it.
    pub preferred: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            heartbeat_s: 10,
            request: Duration::from_secs(5),
            close: Duration::from_secs(2),
            probe_every: Duration::from_secs(5),
            stalled_after: Duration::from_secs(10),
            backoff: Backoff::default(),
            refused: Duration::from_secs(30),
            preferred: Duration::from_secs(5),
        }
    }
}

/// The two steps of stopping.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more work; what is in hand can still be answered, also over a new session.
    pub intake: CancellationToken,
    /// Close the connection. What was not acknowledged is handed out again.
    pub session: CancellationToken,
}

/// A failure that repeats itself is logged again after this time.
const LOG_AGAIN: Duration = Duration::from_secs(60);
/// A preferred broker that takes connections but does not serve is looked for ever more rarely.
const MAX_PREFERRED_FACTOR: u32 = 64;

/// Keeps a session up until [`Stop::session`]; returns when the last connection is closed and the
/// library's thread has ended, so that the runtime can end after it.
pub async fn supervise(
    config: SessionConfig,
    handler: Arc<dyn Handler>,
    stop: Stop,
    state: watch::Sender<SessionState>,
) {
    let config = Arc::new(config);
    let mut rotation = Rotation::new(config.brokers.len());
    let mut log = FailureLog::default();
    let mut preferred_factor = 1_u32;
    while !stop.session.is_cancelled() {
        let position = rotation.current();
        let Some(broker) = config.brokers.get(position) else {
            tracing::error!("no broker is configured");
            stop.session.cancelled().await;
            break;
        };
        state.send_replace(SessionState::Connecting {
            broker: broker.to_string(),
            attempt: rotation.attempt(),
            last_error: log.last.clone(),
        });
        tracing::debug!(%broker, attempt = rotation.attempt(), "connecting to the broker");
        let around = Surroundings {
            config: &config,
            handler: &handler,
            stop: &stop,
            state: &state,
            preferred: config.brokers.get(..position).unwrap_or_default(),
            look_every: config.timing.preferred * preferred_factor,
        };
        let (reason, up) = session::run(&around, broker).await;
        if up >= config.timing.backoff.longest {
            rotation.served();
            log = FailureLog::default();
            if position == 0 {
                preferred_factor = 1;
            }
        }
        let wait = match reason {
            EndReason::Stopped => break,
            EndReason::PreferredBrokerBack { .. } => {
                preferred_factor = (preferred_factor * 2).min(MAX_PREFERRED_FACTOR);
                rotation.restart();
                Duration::ZERO
            }
            // A session that served is rebuilt where it was; only then comes the next broker.
            _ if up >= config.timing.backoff.longest => {
                config.timing.backoff.wait(0, rand::random())
            }
            _ => match rotation.failed(reason.is_refusal()) {
                Next::AtOnce => Duration::ZERO,
                Next::AfterRound { refused: true, .. } => config.timing.refused,
                Next::AfterRound { round, .. } => config.timing.backoff.wait(round, rand::random()),
            },
        };
        let words = reason.to_string();
        state.send_replace(if reason.is_refusal() {
            SessionState::Refused { reason: words.clone() }
        } else {
            SessionState::Down { last_error: words.clone() }
        });
        let next = config.brokers.get(rotation.current()).unwrap_or(broker);
        log.write(&reason, words, broker, next, wait);
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.session.cancelled() => break,
        }
    }
    state.send_replace(SessionState::Stopped);
    tracing::info!("disconnected from the broker");
}

/// Says each failure once, and again from time to time while it lasts.
#[derive(Debug, Default)]
struct FailureLog {
    last: Option<String>,
    written: Option<Instant>,
}

impl FailureLog {
    fn write(
        &mut self,
        reason: &EndReason,
        words: String,
        broker: &Broker,
        next: &Broker,
        wait: Duration,
    ) {
        let repeated = self.last.as_ref() == Some(&words)
            && self.written.is_some_and(|written| written.elapsed() < LOG_AGAIN);
        let then = format!("next attempt: {next} in {:.1} s", wait.as_secs_f64());
        if repeated {
            tracing::debug!(%broker, reason = words, then, "still no session with the broker");
        } else if reason.is_refusal() {
            tracing::error!(%broker, reason = words, then, "the broker refuses us");
        } else if let EndReason::PreferredBrokerBack { .. } = reason {
            tracing::info!(%broker, reason = words, then, "changing the broker");
        } else if let EndReason::ConnectFailed { .. } = reason {
            tracing::warn!(%broker, reason = words, then, "the broker cannot be reached");
        } else {
            tracing::warn!(%broker, reason = words, then, "the session with the broker has ended");
        }
        if !repeated {
            self.written = Some(Instant::now());
        }
        self.last = Some(words);
    }
}
