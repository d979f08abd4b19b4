//! KAZOO's side of a call, played for tests and smoke tests.
//!
//! A [`Scenario`] is a call as KAZOO knows it when it reaches the node.

#[cfg(test)]
mod broker_tests;
mod check;
mod company;
mod drive;
mod entry;
mod events;
#[cfg(test)]
mod fixtures;
mod ids;
mod link;
mod meaning;
mod path;
mod received;
mod scenario;
mod switch;
mod wire;
mod words;

pub use check::Checker;
pub use company::{Company, LISTENING, OtherNode, Workers};
pub use drive::{Driven, End, Exchanged, Party, Play, drive};
pub use entry::{EntryError, Placing, native_scenario, scenario};
pub use events::{ChannelState, Events};
pub use ids::CallIds;
pub use link::{Arrival, CallLink, Peer, PeerError, Taken};
pub use meaning::Meaning;
pub use received::{Kind, Received};
pub use scenario::{Account, Caller, CallerId, Callflow, Endpoint, MODULE, Node, Scenario};
pub use switch::{Pace, Report, Switch};
pub use words::{Narrator, Told};
