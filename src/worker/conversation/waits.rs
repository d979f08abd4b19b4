//! Waits of a call's last moments, each with a limit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{Conversation, Interrupted};
use crate::dynamic_cid::{Event, Millis};
use crate::kapi::Inbound;
use crate::kapi::inbound::EventName;
use crate::worker::call_control::Loss;
use crate::worker::channel;

/// How long a caller may take to hear a last prompt before the call is hung up at once.
const LAST_PROMPT: Duration = Duration::from_secs(60);
/// How long after that the channel may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a call may be silent before it is asked after: the news of its end may be lost.
const SILENCE: Duration = Duration::from_secs(60);
/// How long an action may take in all. A broker takes a message for lost that is not acknowledged
/// for 30 min (RabbitMQ's `consumer_timeout`), and with it everything else that we hold.
const LONGEST: Duration = Duration::from_secs(20 * 60);

impl Conversation<'_> {
    /// The next message about the call; `None` at the deadline.
    pub(super) async fn heard_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Arc<Inbound>>, Interrupted> {
        let overdue = self.started + LONGEST;
        loop {
            if let Some(inbound) = self.put_off.pop_front() {
                return Ok(Some(inbound));
            }
            let silent = (Instant::now() + SILENCE).min(overdue);
            let until = deadline.map_or(silent, |deadline| deadline.min(silent));
            let session = self.session;
            let heard = tokio::select! {
                biased;
                () = session.ended.cancelled() => return Err(Interrupted::Failed(session.over())),
                heard = timeout_at(until, self.events.next()) => heard,
            };
            if let Ok(heard) = heard {
                // The mailbox has a sender of its own, so that it does not end.
                return Ok(heard);
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
            if now >= overdue {
                return Err(Interrupted::Overdue);
            }
            if Box::pin(self.channel_state()).await? == channel::State::Gone {
                tracing::warn!("the call has ended without a word");
                return Err(Interrupted::Lost(Loss::Destroyed));
            }
        }
    }

    /// Fails where the call is known to have ended. Its events must be bound: whoever asks neither
    /// waits for the next one nor takes any of them.
    pub(in crate::worker) fn has_not_ended(&mut self) -> Result<(), Interrupted> {
        while let Ok(inbound) = self.events.try_recv() {
            self.put_off.push_back(inbound);
        }
        let mut ended = self.shared.ended_calls.has(&self.call_id);
        for inbound in &self.put_off {
            let Inbound::CallEvent(event) = &**inbound else { continue };
            match event.name {
                // It goes on under another id, and only the old one ends.
                EventName::ChannelReplaced | EventName::ChannelDirect => return Ok(()),
                EventName::ChannelDestroy => ended |= event.call_id == self.call_id,
                _ => {}
            }
        }
        if ended { Err(Interrupted::Lost(Loss::Destroyed)) } else { Ok(()) }
    }

    /// Hears what has been said of the call by now, without waiting for more: fails where it has
    /// ended, and follows it where it goes on under another id. Of the keys that were pressed nothing
    /// is left.
    pub(in crate::worker) async fn catch_up(&mut self) -> Result<(), Interrupted> {
        while let Some(inbound) = self.put_off.pop_front().or_else(|| self.events.try_recv().ok()) {
            self.hear(&inbound).await?;
        }
        self.has_not_ended()
    }

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
        self.now().saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
    }
}
