//! An execute that a worker holds for longer, on its way to a queue that is kept on disk.
//!
//! KAZOO's executes are kept in the broker's memory only. A caller who is asked for digits may
//! wait while the broker is restarted, so such a call is put, whole, on a queue of the workers'
//! own before the caller hears anything. KAZOO does not see it. As with [`handover`], `Version`
//! says how it is to be read.
//!
//! [`handover`]: super::handover

use super::handover::{CATEGORY, VERSION, member};
use super::inbound::Execute;
use super::{Exchange, Identity, Message, header};
use crate::json::Object;

/// The `Event-Name`.
pub(super) const NAME: &str = "held_execute";
/// The member that has the execute as KAZOO sent it.
pub(super) const EXECUTE: &str = "Execute";

/// The message that puts an execute on a queue of the workers' own.
pub fn message(execute: &Execute, identity: &Identity, queue: &str) -> Message {
    let members: Object = [
        (header::CALL_ID, execute.call_id.as_str().into()),
        (member::VERSION, VERSION.into()),
        (EXECUTE, execute.body().into()),
        (header::SYSTEM_LOG_ID, execute.call_id.as_str().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    Message::new((CATEGORY, NAME), members, identity, Exchange::Targeted, queue)
}
