//! Telling the cluster that this worker is there, so that `sup kz_nodes status` shows it.
//!
//! The first sight of a node makes KAZOO's nodes empty their caches, and a node that went missing
//! is seen for the first time again: `docs/advertisement.md`. So it is off by default, and once on
//! it is said well within the time that KAZOO remembers a node.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::process;
use super::records::now_ms;
use crate::amqp::{Link, Outgoing};
use crate::kapi::{Identity, nodes};

/// KAZOO forgets a node after 18.75 s: one advertisement may be lost.
const EVERY: Duration = Duration::from_secs(8);

/// What stays the same in every advertisement of a process.
#[derive(Debug, Clone)]
pub struct Advertiser {
    zone: String,
    /// In seconds since 1970.
    began: u64,
}

impl Advertiser {
    /// For a worker of this zone that starts now.
    pub fn new(zone: &str) -> Self {
        Self { zone: zone.to_owned(), began: now_ms() / 1000 }
    }

    /// Advertises at once and then steadily, until the session ends. What cannot be published is
    /// passed over: the session's end is told elsewhere.
    pub async fn keep_telling(self, link: Link, identity: Identity, ended: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let memory = process::resident_bytes();
            let message = nodes::advertisement(&identity, &self.zone, self.began, memory);
            if let Err(error) = link.publish(Outgoing::from(&message)).await {
                tracing::debug!(%error, "the cluster could not be told of this worker");
            }
        }
    }
}
