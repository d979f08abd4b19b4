//! Telling a caller that nothing more can be done, and hanging up: better than silence.

use std::time::Duration;

use super::session::Session;
use super::{Shared, context};
use crate::directory::AccountId;
use crate::dynamic_cid::BAD_DESTINATION;
use crate::kapi::command::{self, Dialect, Target};
use crate::kapi::{Address, Message, new_msg_id};

/// How long may be looked for the account's own prompt: the caller has waited long enough.
const READING: Duration = Duration::from_millis(500);

/// A call that can be spoken to, whatever else is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    /// The call's id.
    pub(super) call_id: &'a str,
    /// Where its commands go.
    pub(super) control_queue: &'a Address,
    /// The account, where it is known: it may have a prompt of its own.
    pub(super) account: Option<&'a AccountId>,
    /// The language of prompts, where it is known.
    pub(super) language: Option<&'a str>,
    /// Whose call control executes the commands.
    pub(super) dialect: Dialect,
}

/// The fault prompt, and the hang-up behind it.
pub(super) async fn farewell(
    shared: &Shared,
    session: &Session,
    caller: Caller<'_>,
) -> Vec<Message> {
    let Caller { call_id, control_queue, account, language, dialect } = caller;
    let directory = shared.directory.within(READING);
    let media = context::prompt(&directory, account, language, BAD_DESTINATION).await;
    let identity = &session.identity;
    let target = Target { identity, control_queue, call_id, dialect };
    vec![command::play(&target, &media, &new_msg_id()), command::hangup_of_executor(&target, None)]
}
