//! The search behind [`following`](super::follow::following).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::flow::{self, Nodes};
use super::follow::{Difference, Following, NotFound, Place, SearchLimits};
use super::lookup::NO_MATCH;
use super::{AccountId, Documents};
use crate::json::{self, Object};

pub(super) struct Search<'a, D: Documents> {
    documents: &'a D,
    account: &'a AccountId,
    module: &'a str,
    data: &'a Object,
    limits: SearchLimits,
    waiting: VecDeque<String>,
    known: HashSet<String>,
    searched: Vec<String>,
    candidates: Vec<Candidate>,
    /// Remote nodes of the module that have other data.
    edited: Vec<Candidate>,
    others: Vec<(Place, Difference)>,
    unreadable: Option<(String, D::Error)>,
    complete: bool,
    no_match_is_known: bool,
}

struct Candidate {
    document: Arc<Value>,
    place: Place,
    is_root: bool,
}

impl Candidate {
    fn node(&self) -> Option<&Object> {
        self.place.find(&self.document)
    }

    fn child(&self) -> Option<&Object> {
        flow::wildcard_child(self.node()?)
    }

    fn is_followed_as(&self, other: &Self) -> bool {
        match (self.child(), other.child()) {
            (None, None) => true,
            (Some(child), Some(its)) => flow::same_members(child, its),
            _ => false,
        }
    }
}

impl<'a, D: Documents> Search<'a, D> {
    pub(super) fn new(
        documents: &'a D,
        account: &'a AccountId,
        module: &'a str,
        data: &'a Object,
        limits: SearchLimits,
    ) -> Self {
        Self {
            documents,
            account,
            module,
            data,
            limits,
            waiting: VecDeque::new(),
            known: HashSet::new(),
            searched: Vec::new(),
            candidates: Vec::new(),
            edited: Vec::new(),
            others: Vec::new(),
            unreadable: None,
            complete: true,
            no_match_is_known: false,
        }
    }

    /// Reads callflows, nearest to the one the call entered by first.
    pub(super) async fn run(&mut self, flow_id: &str) {
        self.await_callflow(flow_id);
        self.find_preflow().await;
        let mut read = 0;
        while let Some(id) = self.waiting.pop_front() {
            if read == self.limits.documents {
                self.complete = false;
                return;
            }
            read += 1;
            match self.documents.callflow(self.account, &id).await {
                Ok(Some(document)) => {
                    let leads_to_no_match = self.search(&id, &document);
                    self.searched.push(id);
                    if leads_to_no_match {
                        self.find_no_match().await;
                    }
                }
                // KAZOO, too, goes on past a callflow that is not there.
                Ok(None) => {}
                Err(error) => self.could_not_read(id, error),
            }
        }
    }

    fn await_callflow(&mut self, id: &str) {
        if self.known.insert(id.to_owned()) {
            self.waiting.push_back(id.to_owned());
        }
    }

    fn could_not_read(&mut self, id: String, error: D::Error) {
        self.complete = false;
        self.unreadable.get_or_insert((id, error));
    }

    /// `account.preflow.always` runs before every callflow of the account.
    async fn find_preflow(&mut self) {
        match self.documents.account(self.account).await {
            Ok(Some(account)) => {
                let preflow =
                    account.as_object().and_then(|it| json::at(it, &["preflow", "always"]));
                if let Some(id) = preflow.and_then(json::non_empty_text) {
                    self.await_callflow(&id);
                }
            }
            Ok(None) => {}
            Err(error) => self.could_not_read(self.account.as_str().to_owned(), error),
        }
    }

    /// List modes branch to the callflow of `no_match`, whose nodes run under the same
    /// `cf_flow_id`.
    async fn find_no_match(&mut self) {
        if self.no_match_is_known {
            return;
        }
        self.no_match_is_known = true;
        match self.documents.callflow_by_number(self.account, NO_MATCH).await {
            Ok(document) => {
                let id = document.and_then(|it| json::text(it.as_object()?, "_id"));
                if let Some(id) = id {
                    self.await_callflow(&id);
                }
            }
            Err(error) => self.could_not_read(NO_MATCH.to_owned(), error),
        }
    }

    /// Takes what one callflow has to say. Whether it can lead to the callflow of `no_match`.
    fn search(&mut self, id: &str, document: &Arc<Value>) -> bool {
        let flow = document.as_object().and_then(|members| json::object(members, "flow"));
        let Some(flow) = flow else { return false };
        let nodes = Nodes::of(flow, self.limits.depth);
        self.complete &= !nodes.cut;
        let mut leads_to_no_match = false;
        for (index, node) in nodes.iter() {
            let place = || Place { document_id: id.to_owned(), path: nodes.path(index) };
            if flow::runs(node, self.module) {
                let candidate = || Candidate {
                    document: Arc::clone(document),
                    place: place(),
                    is_root: index == 0,
                };
                if !json::is_true(node, "remote_execution", false) {
                    self.others.push((place(), Difference::NotRemote));
                } else if self.is_data_of(node) {
                    self.candidates.push(candidate());
                } else {
                    self.edited.push(candidate());
                    self.others.push((place(), Difference::Data));
                }
            }
            leads_to_no_match |= is_list_mode(node);
            if let Some(branched_to) = flow::branches_to(node) {
                self.await_callflow(&branched_to);
            }
        }
        leads_to_no_match
    }

    fn is_data_of(&self, node: &Object) -> bool {
        match flow::data(node) {
            Some(data) => flow::same_members(data, self.data),
            None => self.data.is_empty(),
        }
    }

    pub(super) fn conclude(mut self, flow_id: &str) -> Following<D::Error> {
        let Some((first, others)) = self.candidates.split_first() else {
            return self.conclude_without(flow_id);
        };
        if !others.iter().all(|other| other.is_followed_as(first)) {
            let candidates = self.candidates.into_iter().map(|it| it.place).collect();
            return Following::Ambiguous { candidates };
        }
        let single_purpose = self.candidates.iter().all(|it| it.is_root && it.child().is_none());
        let branched_to = self.candidates.iter().any(|it| it.place.document_id != flow_id);
        let Candidate { document, place, .. } = self.candidates.swap_remove(0);
        let complete = self.complete;
        Following::Found { document, place, single_purpose, branched_to, complete }
    }

    fn conclude_without(mut self, flow_id: &str) -> Following<D::Error> {
        if let Some((document_id, error)) = self.unreadable {
            return Following::Unreadable { document_id, error };
        }
        let edited = self.edited.pop().filter(|_| self.complete && self.others.len() == 1);
        if let Some((mut node, place)) = edited.and_then(|it| Some((it.node()?.clone(), it.place)))
        {
            node.insert("data".to_owned(), Value::Object(self.data.clone()));
            let branched_to = place.document_id != flow_id;
            return Following::Edited { node, branched_to, place };
        }
        Following::NotFound(if self.searched.iter().any(|id| id == flow_id) {
            NotFound::NoNode {
                module: self.module.to_owned(),
                searched: self.searched,
                others: self.others,
                complete: self.complete,
            }
        } else {
            NotFound::NoDocument { document_id: flow_id.to_owned() }
        })
    }
}

/// Whether a node is `dynamic_cid` in a mode that looks a destination up.
fn is_list_mode(node: &Object) -> bool {
    flow::runs(node, "dynamic_cid")
        && flow::data(node)
            .and_then(|data| json::text(data, "action"))
            .is_some_and(|action| matches!(action.as_str(), "list" | "lists"))
}
