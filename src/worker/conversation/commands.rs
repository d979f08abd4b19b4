//! What is sent to a call, and when.

use super::record::callflow;
use super::{Conversation, Held, Interrupted};
use crate::amqp::Published;
use crate::call::Call;
use crate::dynamic_cid::{Command, Effect};
use crate::json::Object;
use crate::kapi::{Address, Message};
use crate::worker::answer::Before;
use crate::worker::call_control::CallControl;

impl Conversation<'_> {
    /// Has something done that is not the action's.
    pub(in crate::worker) fn hold(&mut self, command: Command) {
        self.held.push(Held::Effect(Effect::Command(command)));
    }

    /// The call as KAZOO has it before its first node, and the channel variables it tells the
    /// switch then.
    pub(in crate::worker) fn enter(&mut self, call: Call, variables: Object) {
        if let Some(control) = &mut self.control {
            control.changed(&call);
        }
        self.call = call;
        self.callflow = callflow(&self.call);
        if !variables.is_empty() {
            self.held.push(Held::Variables(variables));
        }
    }

    /// Sends what was held back, in its order, and waits until the broker has it all.
    pub(in crate::worker) async fn send_held(&mut self, before: Before) -> Result<(), Interrupted> {
        let messages = self.take_held(before)?;
        if messages.is_empty() {
            return Ok(());
        }
        self.spoken = true;
        match self.session.publish_commands(&messages).await? {
            Published::Routed => Ok(()),
            Published::Returned { .. } => Err(Interrupted::ControlGone),
        }
    }

    /// The messages for what was held back, in its order; nothing is held any more.
    pub(in crate::worker) fn take_held(
        &mut self,
        before: Before,
    ) -> Result<Vec<Message>, Interrupted> {
        let held = std::mem::take(&mut self.held);
        if before == Before::Nothing {
            return Ok(Vec::new());
        }
        let Some(control) = &mut self.control else {
            let speaks = |held: &Held| matches!(held, Held::Effect(Effect::Command(_)));
            let speaks = held.iter().any(speaks);
            return if speaks { Err(Interrupted::ControlGone) } else { Ok(Vec::new()) };
        };
        let identity = &self.session.identity;
        let mut messages = Vec::with_capacity(held.len());
        for held in held {
            match held {
                Held::Effect(Effect::Command(command)) => {
                    if let Command::Play { noop, .. } = &command {
                        self.playing = Some(*noop);
                    }
                    messages.push(control.command(identity, &command));
                }
                Held::Effect(Effect::Change(change)) if before == Before::Everything => {
                    messages.push(control.set(identity, &change));
                }
                Held::Variables(variables) => {
                    messages.push(control.set_variables(identity, variables));
                }
                Held::Effect(Effect::Change(_) | Effect::Store) => {}
            }
        }
        Ok(messages)
    }

    /// Whether commands have been sent to the call.
    pub(in crate::worker) fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// Where commands for the call go.
    pub(in crate::worker) fn control_queue(&self) -> Option<&Address> {
        self.control.as_ref().map(CallControl::control_queue)
    }

    /// The hang-up of an executor whose flow is over.
    pub(in crate::worker) fn hang_up(&self) -> Option<Message> {
        let control = self.control.as_ref()?;
        Some(control.hang_up(&self.session.identity))
    }
}
