//! Change notices from the brokers of other zones.
//!
//! The zones of a cluster share their documents, but a notice only reaches the broker of the zone
//! in which the document was saved; KAZOO's own caches listen on the brokers of all zones
//! (`kz_cache_listener.erl`, `federate`). So do we: one session per zone that only listens. Work
//! comes from our own zone alone.

use std::sync::Arc;

use super::Worker;
use crate::amqp::{Delivery, EndReason, Handler, Link};
use crate::kapi::Inbound;

/// What is heard in another zone.
pub struct ZoneListener {
    worker: Arc<Worker>,
    zone: String,
}

impl ZoneListener {
    /// Hears for a worker.
    pub fn new(worker: Arc<Worker>, zone: String) -> Self {
        worker.shared.metrics.zone_connected(&zone, false);
        Self { worker, zone }
    }
}

impl Handler for ZoneListener {
    fn connected(&self, _link: Link) {
        tracing::info!(zone = self.zone, "hearing the change notices of another zone");
        // Notices may have been missed while the session was away.
        self.worker.shared.directory.distrust_everything();
        self.worker.shared.metrics.zone_connected(&self.zone, true);
    }

    /// There is none: the session consumes no queue of work.
    fn work(&self, _delivery: Delivery) {}

    fn reply(&self, delivery: Delivery) {
        match self.worker.shared.decode(&delivery) {
            Ok(Inbound::DocumentChange(change)) => self.worker.changed(&change),
            Ok(_) => {}
            Err(rejection) => {
                self.worker.shared.metrics.rejected(rejection.reason.as_str());
                tracing::warn!(zone = self.zone, %rejection, "a notice cannot be understood");
            }
        }
    }

    fn disconnected(&self, _reason: &EndReason) {
        self.worker.shared.metrics.zone_connected(&self.zone, false);
    }
}
