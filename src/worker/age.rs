//! How old a message is, and what that says of its call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::amqp::Delivery;
use crate::kapi;

/// Work older than this may belong to a call that has ended meanwhile.
const FRESH: Duration = Duration::from_secs(2);

/// Whether a message's call may have ended meanwhile: it was handed out before, or is old.
pub(super) fn is_doubtful(delivery: &Delivery) -> bool {
    delivery.redelivered || age(delivery.timestamp).is_some_and(|age| age > FRESH)
}

/// How long ago a message was published, where its timestamp says that.
pub(super) fn age(timestamp: Option<u64>) -> Option<Duration> {
    let published = timestamp.and_then(kapi::message::published_at)?;
    Some(Duration::from_micros(unix_micros().saturating_sub(published)))
}

/// Microseconds since the Unix epoch.
pub(super) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
