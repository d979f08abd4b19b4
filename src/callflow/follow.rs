//! What follows a remote node.
//!
//! KAZOO's `action.execute` carries a node's data but neither the node nor its children, so the
//! node is looked for where the call can have met it: in the callflow the call entered by
//! (`cf_flow_id`), in the account's preflow, and in the callflows these branch to. What KAZOO
//! keeps of the data on its way is everything: an empty object arrives as `{}`, and empty texts
//! and `null`s inside survive. What may change is how a number is spelled (`10.0` for `10`: CouchDB,
//! KAZOO and its JSON encoder each have their own way) and, in principle, the order of members;
//! neither is held against a node.
//!
//! Source: `cf_exe.erl` (`find_cf_module`, `do_launch_cf_module`), `cf_remote_action.erl`,
//! `kz_api.erl` (`do_empty_value_removal`), `cf_callflow.erl`, `kzd_callflows.erl`
//! (`prepend_preflow`).

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::search::Search;
use super::{AccountId, Documents};
use crate::json::Object;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchLimits {
    /// Callflow documents read for one search.
    pub documents: usize,
    /// Nodes below the root of one document.
    pub depth: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { documents: 50, depth: 100 }
    }
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The callflow document.
    pub document_id: String,
    /// A JSON pointer into it, such as `/flow/children/_`.
    pub path: String,
}

impl Place {
    /// The node that stands there in the document.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Object> {
        document.pointer(&self.path)?.as_object()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "callflow `{}` at {}", self.document_id, self.path)
    }
}

/// What follows a remote node, or why that is not known.
#[derive(Debug, PartialEq)]
pub enum Following<E> {
    /// The node was found; where there are several such, the same follows all of them.
    Found {
        /// The document the node stands in; see [`node`](Following::node).
        document: Arc<Value>,
        /// Where it stands.
        place: Place,
        /// Whether every such node is the root of its document and has nothing under `_`: a
        /// document made to be branched to, so that what follows is on KAZOO's own stack.
        single_purpose: bool,
        /// Whether such a node stands in another document than the callflow of the call: it was
        /// branched to, so that KAZOO may run something after all that follows here.
        branched_to: bool,
        /// Whether everything in reach was searched. If not, another such node may exist.
        complete: bool,
    },
    /// No such node, but one that can only be it: its document was saved while the call was there.
    /// KAZOO goes on with the flow as it was, of which nobody else has a copy.
    Edited {
        /// The node as stored, with the data KAZOO sent.
        node: Object,
        /// As for a node that was found.
        branched_to: bool,
        /// Where it stands.
        place: Place,
    },
    /// No such node.
    NotFound(NotFound),
    /// Several such nodes, with different nodes under `_`.
    Ambiguous {
        /// All of them.
        candidates: Vec<Place>,
    },
    /// Nothing was found, and a document that might have held the node could not be read.
    Unreadable {
        /// The document.
        document_id: String,
        /// Why.
        error: E,
    },
}

impl<E> Following<E> {
    /// The node that was found, or can only be it, with all its children: what stands under `_`
    /// runs next.
    pub fn node(&self) -> Option<&Object> {
        match self {
            Self::Found { document, place, .. } => place.find(document),
            Self::Edited { node, .. } => Some(node),
            Self::NotFound(_) | Self::Ambiguous { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether it was branched to, as far as it is known.
    pub fn branched_to(&self) -> bool {
        match self {
            Self::Found { branched_to, .. } | Self::Edited { branched_to, .. } => *branched_to,
            Self::NotFound(_) | Self::Ambiguous { .. } | Self::Unreadable { .. } => false,
        }
    }
}

/// Why a remote node was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The call did not say which callflow it is in.
    #[error("the call names no callflow: its Key-Value-Store has no cf_flow_id")]
    NoFlowId,
    /// The callflow of the call is not there.
    #[error("callflow `{document_id}` of the call does not exist (any more)")]
    NoDocument {
        /// Its id.
        document_id: String,
    },
    /// The callflows in reach hold no such node.
    #[error("{}", NoNode { module, searched, others, complete: *complete })]
    NoNode {
        /// The module of the node looked for.
        module: String,
        /// The callflows that were searched.
        searched: Vec<String>,
        /// Nodes of the same module that are not it.
        others: Vec<(Place, Difference)>,
        /// Whether everything in reach was searched.
        complete: bool,
    },
}

/// What keeps a node of the right module from being the one looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is not marked `"remote_execution": true`.
    NotRemote,
    /// Its data is not what KAZOO sent; it may have been edited since the call began.
    Data,
}

struct NoNode<'a> {
    module: &'a str,
    searched: &'a [String],
    others: &'a [(Place, Difference)],
    complete: bool,
}

impl fmt::Display for NoNode<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "no remote `{}` node with this data in callflow(s) {}",
            self.module,
            self.searched.join(", ")
        )?;
        if !self.complete {
            formatter.write_str(" (not all in reach were searched)")?;
        }
        for (place, difference) in self.others.iter().take(5) {
            let why = match difference {
                Difference::NotRemote => "has no `\"remote_execution\": true`",
                Difference::Data => "has other data",
            };
            write!(formatter, "; the one in {place} {why}")?;
        }
        Ok(())
    }
}

/// Finds what follows the remote node that KAZOO runs in a call, within the default limits.
///
/// `flow_id` is `cf_flow_id` of the call's key-value store, `data` the `Data` KAZOO sent.
pub async fn following<D: Documents>(
    documents: &D,
    account: &AccountId,
    flow_id: Option<&str>,
    data: &Object,
    module: &str,
) -> Following<D::Error> {
    following_within(documents, account, flow_id, data, module, SearchLimits::default()).await
}

/// [`following`] within other limits.
pub async fn following_within<D: Documents>(
    documents: &D,
    account: &AccountId,
    flow_id: Option<&str>,
    data: &Object,
    module: &str,
    limits: SearchLimits,
) -> Following<D::Error> {
    let Some(flow_id) = flow_id.filter(|id| !id.is_empty()) else {
        return Following::NotFound(NotFound::NoFlowId);
    };
    let mut search = Search::new(documents, account, module, data, limits);
    search.run(flow_id).await;
    search.conclude(flow_id)
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
