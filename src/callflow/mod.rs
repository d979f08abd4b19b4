//! Callflows: finding one by number or pattern, walking its nodes, and what a call's endpoint may
//! dial.
//!
//! Everything is read through [`Documents`]; nothing here knows where documents lie. The answers
//! follow KAZOO's own modules, named in each file.

mod account_rules;
pub mod bootstrap;
pub mod dial_plan;
mod did;
mod documents;
pub mod endpoint;
mod flow;
pub mod follow;
pub mod inline;
mod kz_json;
mod lookup;
mod merging;
mod nodes;
mod patterns;
mod prefix;
mod restrictions;
mod search;
#[cfg(test)]
mod test_documents;

pub use crate::directory::AccountId;
pub use crate::dynamic_cid::OptionalGroups;
pub use account_rules::{NUMBER_MANAGER, account_rules};
pub use did::{Did, did_for};
pub use documents::{Documents, ExclusiveDocuments};
pub use endpoint::{EndpointRestrictions, NoEndpoint, restrictions};
pub(crate) use flow::{Nodes, branches_to, data};
pub use flow::{has_wildcard_child, runs, wildcard_child};
pub use follow::{Following, following};
pub use inline::{InlineError, Inlined, inline_with_did};
pub use lookup::{Found, LookupError, NO_MATCH, Via, lookup, lookup_exclusive};
pub use merging::Misshapen;
pub use nodes::{callflow_node, set_cid_node, static_node, without_remote_execution};
pub use patterns::{InvalidPattern, LookupCrash, PatternMatch, Patterns};
pub use restrictions::{Verdict, verdict};
