//! Callflows: finding one by number or pattern, walking its nodes, and what a call's endpoint may
//! dial.
//!
//! Everything is read through [`Documents`]; nothing here knows where documents lie. The answers
//! follow KAZOO's own modules, named in each file.

mod account;
mod documents;
mod patterns;
mod prefix;

pub use account::AccountId;
pub use documents::Documents;
pub use patterns::{InvalidPattern, LookupCrash, OptionalGroups, PatternMatch, Patterns};
