//! Names of one synthetic call.

use std::fmt::Write as _;

use crate::kapi::{Address, new_msg_id};

/// What one call is known by on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallIds {
    /// The channel's id.
    pub call_id: String,
    /// Id of the fetch that started the call.
    pub fetch_id: String,
    /// Id of the action: `Msg-ID` of the execute, which the result repeats.
    pub action_id: String,
    /// Where the executor is reached: results go there.
    pub executor: Address,
    /// Where the call's control process is reached: commands go there.
    pub control: Address,
}

impl CallIds {
    /// New names for a call whose messages arrive on one of our queues.
    ///
    /// The executor and the control process are told apart by their process ids, which are unique
    /// for each `number` on a queue: 2³¹ calls have room.
    pub fn new(queue: &str, number: u32) -> Self {
        let process = |id: u32| Address { queue: queue.to_owned(), pid: Some(pid(id)) };
        let first = number.wrapping_mul(2);
        Self {
            call_id: format!("synthetic-{}@kazoo-dynamic-cid", &new_msg_id()[..16]),
            fetch_id: uuid(rand::random()),
            action_id: new_msg_id(),
            executor: process(first.wrapping_add(1)),
            control: process(first.wrapping_add(2)),
        }
    }

    /// New names for a call of KAZOO 4.3, whose addresses are names of queues. Its messages are
    /// told by the call's id, and by the fetch's where they name no call.
    pub fn of_route(queue: &str) -> Self {
        let address = Address::queue(queue);
        Self { executor: address.clone(), control: address, ..Self::new(queue, 0) }
    }
}

fn pid(id: u32) -> String {
    format!("<0.{id}.0>")
}

/// The text form of a random UUID (version 4), as the media server gives its fetches.
fn uuid(random: u128) -> String {
    let versioned = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let hex = format!("{versioned:032x}");
    let mut text = String::with_capacity(36);
    let mut rest = hex.as_str();
    for length in [8, 4, 4, 4, 12] {
        let (part, tail) = rest.split_at(length);
        let dash = if text.is_empty() { "" } else { "-" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{dash}{part}");
        rest = tail;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_its_own_names_and_processes() {
        let (one, other) = (CallIds::new("queue", 0), CallIds::new("queue", 1));
        assert_eq!(one.executor.to_string(), "pid://<0.1.0>/queue");
        assert_eq!(one.control.to_string(), "pid://<0.2.0>/queue");
        assert_eq!(other.executor.to_string(), "pid://<0.3.0>/queue");
        assert_ne!(one.call_id, other.call_id);
        assert_ne!(one.fetch_id, other.fetch_id);
        assert_ne!(one.action_id, other.action_id);
        for ids in [one, other, CallIds::new("queue", u32::MAX)] {
            for address in [ids.executor, ids.control] {
                assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        for (random, text) in [
            (0, "00000000-0000-4000-8000-000000000000"),
            (u128::MAX, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ] {
            assert_eq!(uuid(random), text);
        }
    }
}
