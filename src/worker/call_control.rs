//! A call under our control: commands out, events in, and the id it has at the moment.

use crate::call::Call;
use crate::dynamic_cid::{Change, Command, Event, NoopId};
use crate::json::Object;
use crate::kapi::command::{self, Dialect, Target};
use crate::kapi::inbound::EventName;
use crate::kapi::{Address, Identity, Inbound, Message, new_msg_id};

/// A call's addresses and the ids of what was sent to it.
#[derive(Debug, Clone)]
pub struct CallControl {
    call_id: String,
    fetch_id: Option<String>,
    control_queue: Address,
    dialect: Dialect,
    hides_number: bool,
    hides_name: bool,
    /// `Msg-ID`s of our noops and of the commands they were sent with.
    noops: Vec<(String, NoopId)>,
}

/// What an event means to whoever controls the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something for the action.
    Event(Event),
    /// The call goes on under another id; bind it and go on.
    Moved {
        /// The id that has ended.
        from: String,
        /// The id from now on.
        to: String,
    },
    /// The call is gone or somebody else's: nobody waits for an answer.
    Lost(Loss),
    /// Nothing of ours.
    Nothing,
}

/// Why a call is no longer ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The caller hung up.
    Destroyed,
    /// The media server is gone.
    Disconnected,
    /// The call was transferred to somebody else.
    Transferred,
    /// Another application took the call.
    Usurped,
    /// Another flow was put in our place.
    Pivoted,
}

impl Loss {
    /// The name, for logs and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::Disconnected => "disconnected",
            Self::Transferred => "transferred",
            Self::Usurped => "usurped",
            Self::Pivoted => "pivoted",
        }
    }
}

impl CallControl {
    /// Takes control of a call.
    pub fn new(call: &Call, call_id: String, control_queue: Address, dialect: Dialect) -> Self {
        Self {
            call_id,
            fetch_id: call.fetch_id(),
            control_queue,
            dialect,
            hides_number: call.hides_number(),
            hides_name: call.hides_name(),
            noops: Vec::new(),
        }
    }

    /// Where commands for the call go.
    pub(super) fn control_queue(&self) -> &Address {
        &self.control_queue
    }

    /// The call has changed: what it says of the caller's privacy counts from now on.
    pub(super) fn changed(&mut self, call: &Call) {
        self.hides_number = call.hides_number();
        self.hides_name = call.hides_name();
    }

    /// The message for a command of the action.
    pub fn command(&mut self, identity: &Identity, command: &Command) -> Message {
        let mut noop_id = |noop: NoopId| {
            let id = new_msg_id();
            self.noops.push((id.clone(), noop));
            id
        };
        let noop_id = match command {
            Command::Play { noop, .. } | Command::Flush { noop } => noop_id(*noop),
            Command::Answer | Command::Hangup => String::new(),
        };
        let target = self.target(identity);
        match command {
            Command::Play { media, .. } => command::play(&target, media, &noop_id),
            Command::Flush { .. } => command::flush(&target, &noop_id),
            Command::Answer => command::answer(&target),
            Command::Hangup => command::hangup(&target, None),
        }
    }

    /// The `set` command that tells the switch of a change.
    pub fn set(&self, identity: &Identity, change: &Change) -> Message {
        let mut variables = Object::new();
        let mut insert =
            |key: &str, value: serde_json::Value| variables.insert(key.to_owned(), value);
        match change {
            Change::Number(number) => {
                insert("Caller-ID-Number", number.as_str().into());
                insert("Privacy-Hide-Number", self.hides_number.into());
            }
            Change::Name(name) => {
                insert("Caller-ID-Name", name.as_str().into());
                insert("Privacy-Hide-Name", self.hides_name.into());
            }
            Change::Destination(destination) => {
                insert("Callee-ID-Number", destination.number.as_str().into());
            }
        }
        self.set_variables(identity, variables)
    }

    /// A `set` command.
    pub(super) fn set_variables(&self, identity: &Identity, variables: Object) -> Message {
        command::set(&self.target(identity), variables)
    }

    /// The hang-up of an executor whose flow is over.
    pub fn hang_up(&self, identity: &Identity) -> Message {
        command::hangup_of_executor(&self.target(identity), None)
    }

    /// A hang-up that does not wait for what is queued.
    pub(super) fn hang_up_now(&self, identity: &Identity) -> Message {
        command::hangup_now(&self.target(identity))
    }

    fn target<'a>(&'a self, identity: &'a Identity) -> Target<'a> {
        Target {
            identity,
            control_queue: &self.control_queue,
            call_id: &self.call_id,
            dialect: self.dialect,
        }
    }

    /// Which of our noops has an id. There are a handful, also where a caller tries again and again.
    fn noop(&self, id: &str) -> Option<NoopId> {
        self.noops.iter().rev().find(|(sent, _)| sent == id).map(|(_, noop)| *noop)
    }

    /// What a message means to this call.
    ///
    /// Source: `cf_exe.erl` (`handle_info`, `handle_usurp`), `kapps_call_command.erl`.
    pub(super) fn hear(&mut self, inbound: &Inbound) -> Heard {
        match inbound {
            Inbound::CallEvent(event) => {
                let ours = event.fetch_id.is_some() && event.fetch_id == self.fetch_id;
                match &event.name {
                    // The id that a call has left ends, too.
                    EventName::ChannelDestroy if event.call_id != self.call_id => Heard::Nothing,
                    EventName::ChannelDestroy => Heard::Lost(Loss::Destroyed),
                    EventName::ChannelDisconnected => Heard::Lost(Loss::Disconnected),
                    EventName::ChannelTransferee if ours => Heard::Lost(Loss::Transferred),
                    // On 4.3 we are the executor; nobody else runs the flow the event brings.
                    EventName::ChannelPivot if self.dialect == Dialect::Master => {
                        Heard::Lost(Loss::Pivoted)
                    }
                    EventName::ChannelReplaced | EventName::ChannelDirect if ours => {
                        match event.next_call_id() {
                            Some(id) if id != self.call_id => {
                                let from = std::mem::replace(&mut self.call_id, id.to_owned());
                                Heard::Moved { from, to: self.call_id.clone() }
                            }
                            _ => Heard::Nothing,
                        }
                    }
                    EventName::Dtmf => Heard::Event(Event::Dtmf(event.dtmf_digit.clone())),
                    EventName::ChannelExecuteComplete
                        if event.application_name.as_deref() == Some("noop") =>
                    {
                        let response = event.application_response.as_deref();
                        let noop = response.and_then(|id| self.noop(id));
                        Heard::Event(Event::NoopComplete(noop))
                    }
                    _ => Heard::Event(Event::Other),
                }
            }
            Inbound::DialplanError(error)
                if self.dialect == Dialect::V43 && error.hangup_of(&self.call_id).is_some() =>
            {
                Heard::Lost(Loss::Destroyed)
            }
            Inbound::DialplanError(error) => {
                if error.request_application_name.as_deref() == Some("noop") {
                    let request = error.request_msg_id.as_deref();
                    let noop = request.and_then(|id| self.noop(id));
                    // An id that is not ours is some other application's noop.
                    if request.is_some() && noop.is_none() {
                        return Heard::Event(Event::Other);
                    }
                    Heard::Event(Event::NoopFailed(noop))
                } else {
                    Heard::Event(Event::Other)
                }
            }
            Inbound::UsurpControl(usurp) if Some(&usurp.fetch_id) != self.fetch_id.as_ref() => {
                Heard::Lost(Loss::Usurped)
            }
            _ => Heard::Nothing,
        }
    }
}

#[cfg(test)]
#[path = "call_control_tests.rs"]
mod tests;
