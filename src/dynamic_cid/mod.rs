//! The `dynamic_cid` action: what it decides, without doing anything.
//!
//! [`Action`] is a state machine. It is given a [`Job`] (the node's data and what of the call
//! matters) and a [`Context`] (everything read beforehand), and answers each event with a
//! [`Step`]: effects in their order, then what it waits for, asks, or has decided. It knows no
//! clock (the time comes with each event), no channel and no database, and it never fails: bad
//! data is a branch with a [`Reason`].
//!
//! Where the product departs from KAZOO is a value, [`Departures`]; the preset `kazoo` reproduces
//! KAZOO's module defect for defect.
//!
//! Source: `cf_dynamic_cid.erl`, and below it `kapps_call_command.erl`, `kz_media_util.erl`,
//! `kapps_call.erl`.

mod action;
mod collect;
mod config;
mod departures;
mod job;
mod list;
mod mode;
mod prompt;
mod reason;
mod restriction;
mod step;

pub use action::Action;
pub use config::{CATEGORY, Setting, SystemConfig};
pub use departures::{
    BadDeparture, Departures, IdxName, InvalidDocument, InvalidRegex, InvalidRow, ListAnswer,
    OptionalGroups, Preset, SingleDocumentLists, TimerArithmetic,
};
pub use job::{Context, Job, ListRead};
pub use list::{List, Row, Selection};
pub use mode::Mode;
pub use prompt::{BAD_DESTINATION, Prompts, UNAUTHORIZED, account_prompts};
pub use reason::Reason;
pub use restriction::{Verdict, verdict};
pub use step::{
    Change, Command, Effect, Endpoint, Event, Millis, Next, NoopId, Outcome, Question, RouteTarget,
    Routed, Step,
};
