//! KAZOO's side of a call, played for tests and smoke tests.
//!
//! A [`Scenario`] is a call as KAZOO knows it when it reaches the node.

mod check;
mod entry;
mod events;
#[cfg(test)]
mod fixtures;
mod ids;
mod path;
mod received;
mod scenario;
mod switch;

pub use check::Checker;
pub use entry::{EntryError, Placing, native_scenario, scenario};
pub use events::{ChannelState, Events};
pub use ids::CallIds;
pub use received::{Kind, Received};
pub use scenario::{Account, Caller, CallerId, Callflow, Endpoint, MODULE, Node, Scenario};
pub use switch::{Pace, Report, Switch};
