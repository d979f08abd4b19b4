//! Asking whether a call's channel is still there.
//!
//! Source: `ecallmgr_fs_channels.erl` (`handle_channel_status`); KAZOO 5 answers to another
//! category, so both are asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::session::Session;
use crate::amqp::LinkError;
use crate::kapi::inbound::{ChannelState, EventName};
use crate::kapi::{Inbound, channel_status, new_msg_id};

/// KAZOO's own wait for the answers of its switches.
const ANSWERS: Duration = Duration::from_secs(2);

/// What the switches know of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// One of them has it.
    Active,
    /// Those that answered do not have it, or it ended meanwhile.
    Gone,
    /// None of them answered.
    Unknown,
}

/// Asks every switch; the call's events must be bound already. What else comes meanwhile is put
/// off.
pub(super) async fn state(
    session: &Session,
    call_id: &str,
    events: &mut mpsc::Receiver<Arc<Inbound>>,
    put_off: &mut VecDeque<Arc<Inbound>>,
) -> Result<State, LinkError> {
    let msg_id = new_msg_id();
    for request in channel_status::requests(&session.identity, call_id, true, &msg_id) {
        Box::pin(session.publish(&request, false)).await?;
    }
    let deadline = Instant::now() + ANSWERS;
    let mut state = State::Unknown;
    while let Ok(Some(inbound)) = timeout_at(deadline, events.next()).await {
        match &*inbound {
            Inbound::ChannelStatus(status) => match status.state {
                ChannelState::Active => return Ok(State::Active),
                // The media server is away for a moment; the channel may come back.
                ChannelState::Tmpdown => {}
                ChannelState::Terminated => state = State::Gone,
            },
            Inbound::CallEvent(event) if event.name == EventName::ChannelDestroy => {
                return Ok(State::Gone);
            }
            _ => put_off.push_back(inbound),
        }
    }
    Ok(state)
}
