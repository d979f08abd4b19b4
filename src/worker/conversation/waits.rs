//! Waits of a call's last moments, each with a limit.

use std::time::Duration;

use super::{Conversation, Interrupted};
use crate::dynamic_cid::{Event, Millis};

/// How long a caller may take to hear a last prompt before the call is hung up at once.
const LAST_PROMPT: Duration = Duration::from_secs(60);
/// How long after that the channel may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

impl Conversation<'_> {
    /// Sees to it that a call ends that was told to: a prompt that never ends is cut off. Whether
    /// it has ended.
    pub(in crate::worker) async fn see_hung_up(&mut self) -> Result<bool, Interrupted> {
        if self.ends_within(LAST_PROMPT).await? {
            return Ok(true);
        }
        tracing::warn!("the call does not end; hanging up at once");
        if let Some(control) = &self.control {
            let hangup = control.hang_up_now(&self.session.identity);
            self.session.publish(&hangup, true).await?;
        }
        self.ends_within(FAREWELL).await
    }

    /// Whether the call ends within a time.
    async fn ends_within(&mut self, limit: Duration) -> Result<bool, Interrupted> {
        let until = self.until(limit);
        loop {
            match self.next_event(Some(until)).await {
                Ok(Event::Timer) => return Ok(false),
                Ok(_) => {}
                Err(Interrupted::Lost(_)) => return Ok(true),
                Err(interrupted) => return Err(interrupted),
            }
        }
    }

    /// Waits until the media we sent last has ended, at most for a time; whether it has.
    pub(in crate::worker) async fn finish_playing(
        &mut self,
        limit: Duration,
    ) -> Result<bool, Interrupted> {
        let until = self.until(limit);
        while self.playing.is_some() {
            if self.next_event(Some(until)).await? == Event::Timer {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until a noop completes that is not ours, at most for a time: a sign that somebody
    /// else controls the call.
    pub(in crate::worker) async fn others_act_within(
        &mut self,
        limit: Duration,
    ) -> Result<bool, Interrupted> {
        let until = self.until(limit);
        loop {
            match self.next_event(Some(until)).await? {
                Event::Timer => return Ok(false),
                Event::NoopComplete(None) => return Ok(true),
                _ => {}
            }
        }
    }

    fn until(&self, limit: Duration) -> Millis {
        self.now() + u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
    }
}
