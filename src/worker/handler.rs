//! What the AMQP session brings, and to whom it goes.

use std::sync::Arc;

use super::Worker;
use super::session::Session;
use crate::amqp::{self, Delivery, EXECUTE_QUEUE, EndReason, HELD_QUEUE, Handler, Link};

impl Handler for Worker {
    fn connected(&self, link: Link) {
        // Notices of changes may have been missed while the session was away.
        self.shared.directory.distrust_everything();
        let session = Arc::new(Session::new(link, &self.shared.options.node));
        self.shared.metrics.consuming.set(1);
        if let Some(old) = self.replace(Some(Arc::clone(&session))) {
            old.ended.cancel();
        }
        if let Some(advertiser) = self.advertiser.clone() {
            let (link, identity) = (session.link.clone(), session.identity.clone());
            // No job: it goes on while those are finished, and ends with the session.
            tokio::spawn(advertiser.keep_telling(link, identity, session.ended.clone()));
        }
        let shared = Arc::clone(&self.shared);
        self.spawn(async move { shared.unsent.send(&session).await });
    }

    fn work(&self, delivery: Delivery) {
        let Some(session) = self.current() else {
            return;
        };
        if [EXECUTE_QUEUE, HELD_QUEUE].contains(&&*delivery.queue) {
            return self.execute(session, delivery);
        }
        match self.shared.decode(&delivery) {
            Ok(inbound) => self.route(session, inbound, delivery),
            Err(rejection) => self.reject(session, delivery, rejection),
        }
    }

    fn reply(&self, delivery: Delivery) {
        let Some(session) = self.current() else {
            return;
        };
        match self.shared.decode(&delivery) {
            Ok(inbound) => self.hear(&session, inbound),
            Err(rejection) => self.reject(session, delivery, rejection),
        }
    }

    fn waiting(&self, queue: &str, messages: Option<u32>) {
        let known = QUEUES.iter().find(|(name, _)| *name == queue);
        self.shared.metrics.queue_messages(known.map_or("win", |(_, label)| label), messages);
    }

    fn disconnected(&self, reason: &EndReason) {
        self.shared.metrics.consuming.set(0);
        self.shared.metrics.session_ended(cause(reason));
        for (_, label) in QUEUES {
            self.shared.metrics.queue_messages(label, None);
        }
        if let Some(route) = &self.route {
            route.session_ended();
        }
        if let Some(session) = self.replace(None) {
            session.ended.cancel();
        }
    }
}

/// Our queues and their labels. A process's own queue, which has its node's name, is `win`.
const QUEUES: [(&str, &str); 7] = [
    (amqp::EXECUTE_QUEUE, "execute"),
    (amqp::HELD_QUEUE, "held"),
    (amqp::ROUTE_QUEUE, "route"),
    (amqp::TAKEOVER_QUEUE, "takeover"),
    (amqp::JOBS_QUEUE, "jobs"),
    (amqp::REJECTED_QUEUE, "rejected"),
    ("", "win"),
];

/// The cause's name, for metrics.
fn cause(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::ConnectFailed { .. } => "connect_failed",
        EndReason::Refused { .. } => "refused",
        EndReason::KazooMissing { .. } => "kazoo_missing",
        EndReason::ConnectionClosed { .. } => "connection_closed",
        EndReason::ChannelClosed { .. } => "channel_closed",
        EndReason::ConsumerEnded { .. } => "consumer_ended",
        EndReason::QueueGone { .. } => "queue_gone",
        EndReason::Stalled { .. } => "stalled",
        EndReason::Unanswered { .. } => "unanswered",
        EndReason::PreferredBrokerBack { .. } => "preferred_broker_back",
        EndReason::Stopped => "stopped",
    }
}
