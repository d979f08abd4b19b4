//! Callflows: finding one by number or pattern, walking its nodes, and what a call's endpoint may
//! dial.
//!
//! Everything is read through [`Documents`]; nothing here knows where documents lie. The answers
//! follow KAZOO's own modules, named in each file.

mod account;
mod documents;
mod flow;
pub mod follow;
mod lookup;
mod patterns;
mod prefix;
mod search;
#[cfg(test)]
mod test_documents;

pub use account::AccountId;
pub use documents::Documents;
pub use flow::has_wildcard_child;
pub use follow::{Following, following};
pub use lookup::{Found, LookupError, NO_MATCH, Via, lookup};
pub use patterns::{InvalidPattern, LookupCrash, OptionalGroups, PatternMatch, Patterns};
