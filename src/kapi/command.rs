//! Call commands: what we tell a call's control process to do.
//!
//! A command goes to the call's `Control-Queue` on the exchange `callctl`. Its outcome comes back
//! as a call event or a dialplan error that carries the command's `Msg-ID`. A control process
//! validates what it gets and drops an invalid `queue` without a word, so types are exact here.
//!
//! Source: `kapps_call_command.erl`, `kapi_dialplan.erl`, `ecallmgr_call_control.erl`.

use serde_json::{Value, json};

use super::{Address, Exchange, Identity, Message, header};
use crate::json::Object;

/// A call under control.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Who commands.
    pub identity: &'a Identity,
    /// The call's `Control-Queue`.
    pub control_queue: &'a Address,
    /// The id the channel has now; a command for an id that control does not know is an error.
    pub call_id: &'a str,
    /// The KAZOO whose commands these are.
    pub dialect: Dialect,
}

/// Which KAZOO's callflow is spoken like. Call control takes either; what is sent shall be what
/// the callflow of the same cluster sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// KAZOO master and 5: a `set` has `Export-All: false`.
    Master,
    /// KAZOO 4.3: a `set` has not, and an executor's own hang-up names its place and no sender.
    V43,
}

/// Where a command goes in the queue of its call. Control crashes on any other word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InsertAt {
    /// Behind everything else; what happens without the header.
    Tail,
    /// In front of everything else.
    Head,
    /// Past the queue, at once.
    Now,
    /// In place of the whole queue; what is playing stops.
    Flush,
}

impl InsertAt {
    /// The header's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tail => "tail",
            Self::Head => "head",
            Self::Now => "now",
            Self::Flush => "flush",
        }
    }
}

/// Keys that stop a prompt: all twelve of a telephone, in KAZOO's order.
pub const TERMINATORS: [&str; 12] = ["#", "*", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Media that KAZOO plays to have typed digits forgotten.
pub const FLUSH_DTMF_MEDIA: &str = "silence_stream://50";

/// Plays a media and then completes the noop with this id.
///
/// Control takes the list from its end, so what runs first stands last.
///
/// Source: `kapps_call_command.erl` (`play/5`).
pub fn play(target: &Target<'_>, media: &str, noop_id: &str) -> Message {
    let commands = json!([
        {
            "Application-Name": "noop",
            "Call-ID": target.call_id,
            "Msg-ID": noop_id,
        },
        {
            "Application-Name": "play",
            "Media-Name": media,
            "Terminators": TERMINATORS,
            "Call-ID": target.call_id,
            "Endless-Playback": false,
        },
    ]);
    command(target, "queue", None, [("Commands", commands)])
}

/// Forgets the digits typed so far, as KAZOO does after it has collected some.
///
/// Source: `kapps_call_command.erl` (`flush_dtmf/1`).
pub fn flush_dtmf(target: &Target<'_>, noop_id: &str) -> Message {
    play(target, FLUSH_DTMF_MEDIA, noop_id)
}

/// Does nothing, and reports completion under this id once everything before it is done.
pub fn noop(target: &Target<'_>, noop_id: &str) -> Message {
    command(target, "noop", None, []).with_msg_id(noop_id)
}

/// Stops what plays, empties the queue, and completes the noop with this id.
pub fn flush(target: &Target<'_>, noop_id: &str) -> Message {
    command(target, "noop", Some(InsertAt::Flush), []).with_msg_id(noop_id)
}

/// Answers the call when its turn comes.
pub fn answer(target: &Target<'_>) -> Message {
    command(target, "answer", None, [])
}

/// Answers the call at once.
pub fn answer_now(target: &Target<'_>) -> Message {
    command(target, "answer", Some(InsertAt::Now), [])
}

/// Hangs up when its turn comes, with a cause or the switch's default: what a module sends that
/// ends a call.
///
/// Source: `kapps_call_command.erl` (`queued_hangup/1`).
pub fn hangup(target: &Target<'_>, cause: Option<&str>) -> Message {
    command(target, "hangup", None, cause.map(|cause| ("Hangup-Cause", Value::from(cause))))
}

/// Hangs up at once.
pub fn hangup_now(target: &Target<'_>) -> Message {
    command(target, "hangup", Some(InsertAt::Now), [])
}

/// The hang-up of an executor whose flow is over, with a cause or the switch's default.
///
/// On KAZOO 4.3 it has no `Server-ID`: whoever sent it is gone by the time it could fail.
///
/// Source: `cf_exe.erl` (`hangup_call/2`, `send_command/3`; master: `stop/2`, `terminate/2`).
pub fn hangup_of_executor(target: &Target<'_>, cause: Option<&str>) -> Message {
    match target.dialect {
        Dialect::Master => hangup(target, cause),
        Dialect::V43 => {
            let cause = cause.map(|cause| ("Hangup-Cause", Value::from(cause)));
            let mut message = command(target, "hangup", Some(InsertAt::Tail), cause);
            message.body.shift_remove(header::SERVER_ID);
            message
        }
    }
}

/// Sets channel variables at once, on this leg only.
///
/// Source: `kapps_call_command.erl` (`set/4`); the empty `Custom-Call-Vars` is required.
pub fn set(target: &Target<'_>, channel_vars: Object) -> Message {
    let export_all =
        (target.dialect == Dialect::Master).then_some(("Export-All", Value::Bool(false)));
    let vars = [
        (header::CUSTOM_CHANNEL_VARS, Value::Object(channel_vars)),
        ("Custom-Call-Vars", json!({})),
    ];
    command(target, "set", Some(InsertAt::Now), vars.into_iter().chain(export_all))
}

/// A command has no `System-Log-ID`: control copies default headers into the commands of a queue,
/// and KAZOO's own have none.
fn command(
    target: &Target<'_>,
    application: &str,
    insert_at: Option<InsertAt>,
    members: impl IntoIterator<Item = (&'static str, Value)>,
) -> Message {
    let mut body = Object::new();
    body.insert(header::APPLICATION_NAME.to_owned(), Value::from(application));
    body.insert(header::CALL_ID.to_owned(), Value::from(target.call_id));
    if let Some(insert_at) = insert_at {
        body.insert("Insert-At".to_owned(), Value::from(insert_at.as_str()));
    }
    body.extend(members.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let kind = ("call", "command");
    Message::to(kind, body, target.identity, Exchange::Callctl, target.control_queue)
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
