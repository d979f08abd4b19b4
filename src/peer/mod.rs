//! KAZOO's side of a call, played for tests and smoke tests.
//!
//! [`scenario`](fn@scenario) finds out what KAZOO would hand over for a dialled number: a
//! [`Scenario`], the same for any number of calls. A [`Peer`] is the connection they share, and
//! [`drive`](fn@drive) plays one call over it: it hands the call over, lets a [`Switch`] do what
//! the worker commands, and ends with the worker's answer. Nothing here prints: [`drive`](fn@drive)
//! tells each message, a [`Checker`] its faults, a [`Narrator`] its words, and [`Meaning`] what
//! becomes of the call.

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
mod route;
mod scenario;
mod switch;
mod wire;
mod words;

pub use check::Checker;
pub use company::{Company, LISTENING, Workers};
pub use drive::{Driven, End, Exchanged, Party, Play, Seam, drive};
pub use entry::{EntryError, Placing, native_scenario, route_scenario, scenario};
pub use events::{ChannelState, Events};
pub use ids::CallIds;
pub use link::{Arrival, CallLink, Peer, PeerError, Taken};
pub use meaning::Meaning;
pub use received::{Kind, Received};
pub use scenario::{Account, Caller, CallerId, Callflow, Endpoint, MODULE, Node, Scenario};
pub use switch::{Pace, Report, Switch};
pub(crate) use wire::unix_micros;
pub use words::{Narrator, Told};
