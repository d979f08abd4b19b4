//! Names of a run's calls: each tells the call's number, so that an answer finds its call without
//! anything being looked up.

use crate::kapi::Address;
use crate::peer::CallIds;

/// Between the run and the number in ids; makes them UUIDs, as the media server gives them.
const MIDDLE: &str = "-0000-4000-8000-";
/// In front of a call's id.
const CALL: &str = "bench-";

/// The names of one run's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// Eight hexadecimal digits and [`MIDDLE`].
    id: String,
    /// The same as call ids begin.
    call: String,
}

impl Names {
    /// Names for a run, told from others by a random number.
    pub(super) fn new(run: u32) -> Self {
        let id = format!("{run:08x}{MIDDLE}");
        Self { call: format!("{CALL}{id}"), id }
    }

    /// The id of a call's request: `Msg-ID` and `Fetch-ID`.
    pub(super) fn request_id(&self, number: u64) -> String {
        format!("{}{number:012x}", self.id)
    }

    /// The id of a call.
    pub(super) fn call_id(&self, number: u64) -> String {
        format!("{}{number:012x}@kazoo-dynamic-cid", self.call)
    }

    /// The number of a call whose id, or whose request's, this is.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        let number = id.strip_prefix(&self.call).or_else(|| id.strip_prefix(&self.id))?;
        u64::from_str_radix(number.get(..12)?, 16).ok()
    }

    /// All names of a call whose messages come to `queue`. Calls of the route seam have no
    /// processes.
    pub(super) fn ids(&self, number: u64, queue: &str, processes: bool) -> CallIds {
        let address = |role| Address {
            queue: queue.to_owned(),
            pid: processes.then(|| process(number, role)),
        };
        CallIds {
            call_id: self.call_id(number),
            fetch_id: self.request_id(number),
            action_id: self.request_id(number),
            executor: address(1),
            control: address(2),
        }
    }
}

/// The executor (1) or the control process (2) of a call.
fn process(number: u64, role: u64) -> String {
    format!("<0.{}.0>", number * 2 + role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_tells_the_number() {
        let names = Names::new(0xab);
        for number in [0, 1, 255, 0x3fff_ffff] {
            let ids = names.ids(number, "queue", true);
            for id in [&ids.call_id, &ids.fetch_id, &ids.action_id] {
                assert_eq!(names.number(id), Some(number), "{id}");
                assert_eq!(Names::new(0xac).number(id), None, "{id}");
            }
            for address in [ids.executor, ids.control] {
                assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
        assert_eq!(names.request_id(255), "000000ab-0000-4000-8000-0000000000ff");
        for id in ["", "bench-", "000000ab-0000-4000-8000-ff", "synthetic-1@kazoo-dynamic-cid"] {
            assert_eq!(names.number(id), None, "{id}");
        }
    }

    #[test]
    fn calls_and_processes_differ() {
        let names = Names::new(1);
        let (one, other) = (names.ids(1, "q", true), names.ids(2, "q", true));
        assert_eq!(one.executor.to_string(), "pid://<0.3.0>/q");
        assert_eq!(one.control.to_string(), "pid://<0.4.0>/q");
        assert_eq!(other.executor.to_string(), "pid://<0.5.0>/q");
        assert_eq!(names.ids(1, "q", false).executor.to_string(), "q");
    }
}
