//! Hearing a call: its events, from the binding to what they mean to the action.

use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::{Conversation, Interrupted};
use crate::amqp::LinkError;
use crate::call::Packed;
use crate::dynamic_cid::{Event, Millis, NoopId};
use crate::kapi::inbound::EventName;
use crate::kapi::{self, Inbound};
use crate::worker::call_control::Heard;
use crate::worker::channel;

impl<'a> Conversation<'a> {
    /// The call's turn to be opened, where it is not open yet; to be given back when it is.
    pub(super) async fn opening(&self) -> Option<SemaphorePermit<'a>> {
        if self.listening { None } else { self.session.opening().await }
    }

    /// [`hear_the_call`](Self::hear_the_call) in its turn, which ends with that.
    pub(in crate::worker) async fn open(&mut self) -> Result<(), LinkError> {
        let _opening = self.opening().await;
        Box::pin(self.hear_the_call()).await
    }

    /// Binds the call's events; to be done before the first command that is waited for.
    pub(in crate::worker) async fn hear_the_call(&mut self) -> Result<(), LinkError> {
        if self.listening {
            return Ok(());
        }
        self.listening = true;
        self.session.listen(&self.call_id, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&self.call_id)).await
    }

    /// What the switches know of the call's channel.
    pub(in crate::worker) async fn channel_state(&mut self) -> Result<channel::State, LinkError> {
        self.hear_the_call().await?;
        channel::state(self.session, &self.call_id, &mut self.events, &mut self.put_off).await
    }

    /// [`channel_state`](Self::channel_state) before anything was done for the call: after an
    /// outage thousands may wait for this, so the call is put away meanwhile.
    pub(in crate::worker) async fn is_still_there(&mut self) -> Result<channel::State, LinkError> {
        let packed = Packed::new(&mut self.call);
        let state = self.patient_channel_state().await;
        packed.restore(&mut self.call);
        state
    }

    /// Asks until one of the switches answers, but not for ever.
    async fn patient_channel_state(&mut self) -> Result<channel::State, LinkError> {
        /// After a restart of the broker the switches may be back later than we are.
        const QUESTIONS: usize = 3;
        self.open().await?;
        for _ in 1..QUESTIONS {
            match self.channel_state().await? {
                channel::State::Unknown => {}
                known => return Ok(known),
            }
        }
        self.channel_state().await
    }

    /// Keys that were pressed before the action began are not meant for it, and what still plays is
    /// not to be waited for: the first key would only end that.
    pub(in crate::worker) fn begin_anew(&mut self) {
        self.interrupts = true;
        let is_key = |inbound: &Inbound| matches!(inbound, Inbound::CallEvent(event) if event.name == EventName::Dtmf);
        self.put_off.retain(|inbound| !is_key(inbound));
    }

    /// The call's next event for the action, or its timer.
    pub(in crate::worker) async fn next_event(
        &mut self,
        wake_at: Option<Millis>,
    ) -> Result<Event, Interrupted> {
        let deadline = wake_at.map(|at| self.started + Duration::from_millis(at));
        loop {
            let Some(inbound) = self.heard_until(deadline).await? else {
                return Ok(Event::Timer);
            };
            if let Some(event) = self.hear(&inbound).await? {
                return Ok(event);
            }
        }
    }

    /// What a message about the call means to the action; `None` where it means nothing to it.
    pub(in crate::worker) async fn hear(
        &mut self,
        inbound: &Inbound,
    ) -> Result<Option<Event>, Interrupted> {
        let Some(control) = &mut self.control else {
            return Err(Interrupted::ControlGone);
        };
        match control.hear(inbound) {
            Heard::Event(event) => {
                if ends(self.playing, &event) {
                    self.playing = None;
                }
                Ok(Some(event))
            }
            Heard::Nothing => Ok(None),
            Heard::Lost(loss) => Err(Interrupted::Lost(loss)),
            Heard::Moved { from, to } => {
                Box::pin(self.follow(from, to)).await?;
                Ok(None)
            }
        }
    }

    /// The call goes on under another id: its events and the answer do, too.
    async fn follow(&mut self, from: String, to: String) -> Result<(), LinkError> {
        tracing::info!(from, to, "the call goes on under another id");
        self.session.listen(&to, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&to)).await?;
        self.call_id = to;
        if self.session.leave(&from, &self.sender) {
            self.session.link.unbind_call(&kapi::routing::call_events_key(&from)).await?;
        }
        Ok(())
    }

    /// Stops hearing the call.
    pub(in crate::worker) async fn leave(&mut self) {
        if !self.listening || !self.session.leave(&self.call_id, &self.sender) {
            return;
        }
        let key = kapi::routing::call_events_key(&self.call_id);
        if let Err(error) = self.session.link.unbind_call(&key).await {
            tracing::debug!(%error, "the call's events stay bound until the session ends");
        }
    }
}

/// Whether an event says that the media before a noop has ended. Of errors KAZOO does not say
/// which noop they are about; a later noop stands behind all media before it.
fn ends(playing: Option<NoopId>, event: &Event) -> bool {
    match (playing, event) {
        (Some(playing), Event::NoopComplete(Some(noop)) | Event::NoopFailed(Some(noop))) => {
            *noop >= playing
        }
        (Some(_), Event::NoopFailed(None)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_ends_with_its_noop_or_a_later_one() {
        let noop = |id| Event::NoopComplete(Some(NoopId(id)));
        for (playing, event, ended) in [
            (Some(2), noop(2), true),
            (Some(2), noop(3), true),
            (Some(2), noop(1), false),
            (Some(2), Event::NoopComplete(None), false),
            (Some(2), Event::NoopFailed(Some(NoopId(2))), true),
            (Some(2), Event::NoopFailed(Some(NoopId(1))), false),
            (Some(2), Event::NoopFailed(None), true),
            (Some(2), Event::Dtmf("1".to_owned()), false),
            (None, noop(2), false),
        ] {
            assert_eq!(ends(playing.map(NoopId), &event), ended, "{playing:?} {event:?}");
        }
    }
}
