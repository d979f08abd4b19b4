//! One session: from the connection to its end.

use std::{sync::Arc, time::Duration};

use lapin::{
    Channel, Consumer,
    options::{BasicCancelOptions, BasicConsumeOptions},
    types::{FieldTable, ShortString},
};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Broker, Delivery, EndReason, Link, QueueKind, SessionConfig, SessionState, Settling, Stop,
    connect::{self, Opened},
    consume::{Forward, events},
    delivery::Source,
    depth,
    prepare::{Ask, Ready, prepare},
    reason::Step,
    transactions,
    watchdog::{Act, Limits, PROBE, Pulse, Watchdog},
};

/// Takes what a session brings. The calls come from the session's own tasks: they must be quick
/// and must not block; a handler passes things on to its own tasks.
///
/// Each `connected` is followed by one `disconnected`, and no delivery comes outside of the two.
pub trait Handler: Send + Sync + 'static {
    /// A session is up; deliveries follow.
    fn connected(&self, link: Link);
    /// A message from a queue of work.
    fn work(&self, delivery: Delivery);
    /// A message from the private queue.
    fn reply(&self, delivery: Delivery);
    /// The session is over. What was not acknowledged is handed out again, to us or others.
    fn disconnected(&self, reason: &EndReason);
    /// The broker takes no messages from us for this reason, or, with `None`, does again.
    fn blocked(&self, reason: Option<&str>) {
        let _ = reason;
    }
    /// How many messages wait in a queue of ours, asked from time to time; `None` where the broker
    /// does not say.
    fn waiting(&self, queue: &str, messages: Option<u32>) {
        let _ = (queue, messages);
    }
}

/// What a session needs from outside.
pub(super) struct Surroundings<'a> {
    pub(super) config: &'a Arc<SessionConfig>,
    pub(super) handler: &'a Arc<dyn Handler>,
    pub(super) stop: &'a Stop,
    pub(super) state: &'a tokio::sync::watch::Sender<SessionState>,
    /// Brokers before the current one in KAZOO's order, and how often to look for them.
    pub(super) preferred: &'a [Broker],
    pub(super) look_every: Duration,
}

/// Runs one session to its end; also says how long it was up.
pub(super) async fn run(around: &Surroundings<'_>, broker: &Broker) -> (EndReason, Duration) {
    let config = around.config;
    let opened = tokio::select! {
        opened = connect::open(config, broker) => opened,
        () = around.stop.session.cancelled() => Err(EndReason::Stopped),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(reason) => return (reason, Duration::ZERO),
    };
    let ready = tokio::select! {
        ready = prepare(config, broker, &opened.connection) => ready,
        () = around.stop.session.cancelled() => Err(EndReason::Stopped),
    };
    // Channels and consumers are only dropped when the connection is closed: dropped before, the
    // library closes each by itself, and where that crosses the end of the connection, it drops
    // what is not yet written, acknowledgements too.
    let mut consumers = Vec::new();
    let (reason, up) = match &ready {
        Ok(ready) => serve(around, broker, &opened, ready, &mut consumers).await,
        Err(reason) => (reason.clone(), Duration::ZERO),
    };
    opened.close(answers(&reason), config.timing.close).await;
    (reason, up)
}

/// Whether the broker can be expected to answer after this.
fn answers(reason: &EndReason) -> bool {
    !matches!(
        reason,
        EndReason::Stalled { .. }
            | EndReason::Unanswered { .. }
            | EndReason::ConnectionClosed { .. }
    )
}

/// Consumes until something ends the session.
async fn serve(
    around: &Surroundings<'_>,
    broker: &Broker,
    opened: &Opened,
    ready: &Ready,
    consumers: &mut Vec<(Settling, Consumer)>,
) -> (EndReason, Duration) {
    let Ready { reply_queue, link } = ready;
    let since = Instant::now();
    let inner = &link.inner;
    let listener = opened.connection.events_listener();
    around.handler.connected(link.clone());
    let mut tasks = JoinSet::new();
    let mut committing = JoinSet::new();
    committing.spawn({
        let inner = Arc::clone(inner);
        async move { transactions::run(&inner).await }
    });
    let ending = CancellationToken::new();
    let consuming = Consuming { around, broker, link };
    let started = consuming.start(&mut tasks, reply_queue, &ending, consumers).await;
    let reason = if let Err(reason) = started {
        reason
    } else {
        let state = around.state.clone();
        let draining = around.stop.intake.clone();
        let tell = move |now: SessionState| {
            // While draining, the state says so whatever the broker's memory.
            if !draining.is_cancelled() {
                state.send_replace(now);
            }
        };
        tell(SessionState::Up { broker: broker.to_string() });
        let work: Vec<&str> =
            around.config.topology.work.iter().map(|work| work.name.as_str()).collect();
        let config = around.config;
        tracing::info!(%broker, ?work, reply_queue, "connected to the broker; taking work");
        tasks.spawn(events(Box::pin(listener), link.clone(), Arc::clone(around.handler), tell));
        let intake = async {
            around.stop.intake.cancelled().await;
            ending.cancel();
            consuming.cancel(consumers).await
        };
        tokio::select! {
            biased;
            () = around.stop.session.cancelled() => EndReason::Stopped,
            reason = inner.failed() => reason,
            Some(ended) = tasks.join_next() => ended.unwrap_or_else(died),
            Some(ended) = committing.join_next() => ended.unwrap_or_else(died),
            reason = intake => reason,
            reason = preferred_back(around) => reason,
            () = depth::watch(&opened.connection, link, &config.topology, around.handler) => {
                EndReason::Stopped
            }
        }
    };
    inner.end(reason.clone());
    tasks.shutdown().await;
    inner.transactions.close();
    if answers(&reason) {
        // What was asked for before the end is carried out, as acknowledgements are written.
        timeout(around.config.timing.close, committing.join_next()).await.ok();
    }
    committing.shutdown().await;
    inner.transactions.abandon();
    around.handler.disconnected(&reason);
    (reason, since.elapsed())
}

fn died(panic: JoinError) -> EndReason {
    EndReason::ConnectionClosed { reason: format!("a task of ours died: {panic}") }
}

struct Consuming<'a> {
    around: &'a Surroundings<'a>,
    broker: &'a Broker,
    link: &'a Link,
}

impl Consuming<'_> {
    /// Starts the consumers, that of the private queue first, and the watchdog.
    async fn start(
        &self,
        tasks: &mut JoinSet<EndReason>,
        reply_queue: &str,
        ending: &CancellationToken,
        consumers: &mut Vec<(Settling, Consumer)>,
    ) -> Result<(), EndReason> {
        let config = self.around.config;
        let pulse = Arc::new(Pulse::new());
        let session = self.link.inner.session;
        let forward = |kind, queue: &str, settling| Forward {
            source: Source { kind, queue: Arc::from(queue), session, settling },
            handler: Arc::clone(self.around.handler),
            pulse: Arc::clone(&pulse),
            link: self.link.clone(),
            ending: ending.clone(),
        };
        // The private queue dies with the connection: nothing on it could ever be handed out
        // again, so that acknowledging it would only cost frames.
        let settling = Settling::Acknowledge;
        let replies = self.consume(reply_queue, settling, true).await?;
        let mut reply = forward(QueueKind::Reply, reply_queue, settling);
        reply.ending = CancellationToken::new();
        consumers.push((settling, replies.clone()));
        tasks.spawn(reply.run(replies));
        if !self.around.stop.intake.is_cancelled() {
            for work in &config.topology.work {
                let consumer = self.consume(&work.name, work.settling, false).await?;
                consumers.push((work.settling, consumer.clone()));
                tasks.spawn(forward(QueueKind::Work, &work.name, work.settling).run(consumer));
            }
        }
        let limits =
            Limits { every: config.timing.probe_every, silence: config.timing.stalled_after };
        let answers = config.topology.reply.answers.clone();
        tasks.spawn(watch(self.link.clone(), pulse, limits, answers));
        Ok(())
    }

    async fn consume(
        &self,
        queue: &str,
        settling: Settling,
        no_ack: bool,
    ) -> Result<Consumer, EndReason> {
        let options =
            BasicConsumeOptions { no_ack, exclusive: no_ack, ..BasicConsumeOptions::default() };
        let consume = self.channel(settling).basic_consume(
            queue.into(),
            ShortString::default(),
            options,
            FieldTable::default(),
        );
        self.ask(Step::Consume(queue.to_owned()), settling, consume).await
    }

    fn channel(&self, settling: Settling) -> &Channel {
        let inner = &self.link.inner;
        match settling {
            Settling::Acknowledge => &inner.deliveries,
            Settling::Transaction => inner.transactions.channel(),
        }
    }

    /// Makes a request of the channel for deliveries that are settled in this way.
    async fn ask<T>(
        &self,
        step: Step,
        settling: Settling,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, EndReason> {
        let ask = Ask { broker: self.broker, limit: self.around.config.timing.request };
        match settling {
            Settling::Acknowledge => ask.answer(step, request).await,
            Settling::Transaction => {
                ask.answer(step, self.link.inner.transactions.alone(request)).await
            }
        }
    }

    /// Ends the intake of work and stays; returns only when that fails.
    async fn cancel(&self, consumers: &[(Settling, Consumer)]) -> EndReason {
        for (settling, consumer) in consumers.iter().skip(1) {
            let (step, options) =
                (Step::Serve(settling.channel_for()), BasicCancelOptions::default());
            let cancel = self.channel(*settling).basic_cancel(consumer.tag(), options);
            if let Err(reason) = self.ask(step, *settling, cancel).await {
                return reason;
            }
        }
        tracing::info!(broker = %self.broker, "taking no more work; finishing what is in hand");
        self.around.state.send_replace(SessionState::Draining { broker: self.broker.to_string() });
        std::future::pending().await
    }
}

/// Probes the way through the broker and back.
async fn watch(link: Link, pulse: Arc<Pulse>, limits: Limits, answers: String) -> EndReason {
    let mut watchdog = Watchdog::new(limits, Instant::now());
    let mut ticks = interval(limits.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match watchdog.look(Instant::now(), pulse.heard(), link.is_blocked()) {
            Act::Wait => {}
            Act::Probe => {
                if link.inner.probe(&answers, PROBE, pulse.id()).is_err() {
                    return link.inner.failed().await;
                }
            }
            Act::Stalled => return EndReason::Stalled { after: limits.silence },
        }
    }
}

/// Returns when a broker before the current one in KAZOO's order takes connections again.
///
/// KAZOO moves back to the first one that is up (`kz_amqp_assignments`,
/// `add_channel_primary_broker`); on the other one nobody would talk to us.
async fn preferred_back(around: &Surroundings<'_>) -> EndReason {
    if around.preferred.is_empty() {
        std::future::pending::<()>().await;
    }
    loop {
        tokio::time::sleep(around.look_every).await;
        // Not while finishing: the work in hand came from this broker.
        if around.stop.intake.is_cancelled() {
            continue;
        }
        for broker in around.preferred {
            if let Ok(opened) = connect::open(around.config, broker).await {
                opened.close(true, around.config.timing.close).await;
                return EndReason::PreferredBrokerBack { broker: broker.to_string() };
            }
        }
    }
}
