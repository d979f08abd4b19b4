//! One call with all the documents it meets, and its run through the core.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::callflow::{Documents, LookupError, Patterns, lookup};
use kazoo_dynamic_cid::directory::AccountId;
use kazoo_dynamic_cid::dynamic_cid::{
    Context, Departures, Endpoint, Job, List, ListRead, Question, RouteTarget, Routed, SystemConfig,
};
use kazoo_dynamic_cid::json::{self, Object};
use kazoo_dynamic_cid::numbers::{AccountRules, Rules};
use kazoo_dynamic_cid::simulation::{self, Run, Script, Stuck};
use serde_json::Value;

pub(crate) const ACCOUNT: &str = "a0000000000000000000000000000001";

/// Everything that decides a call.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The node's data.
    pub(crate) data: Object,
    pub(crate) call: Object,
    /// The documents of `system_config` by category, their default sections.
    pub(crate) config: Value,
    /// The rows of the list's view; `None` where it cannot be read.
    pub(crate) rows: Option<Vec<Value>>,
    pub(crate) list_document: Option<Value>,
    /// The account's own document.
    pub(crate) account: Value,
    /// The callflows of the account, in the order of the views.
    pub(crate) callflows: Vec<Value>,
    pub(crate) endpoint: Endpoint,
    /// What the caller and the switch do.
    pub(crate) script: Script,
}

/// A case whose documents are read: it runs under any departures.
pub(crate) struct Prepared<'a> {
    pub(crate) case: &'a Case,
    job: Job,
    context: Context,
    callflows: Callflows<'a>,
}

/// The callflows of the account, in the views' order.
struct Callflows<'a> {
    documents: &'a [Value],
    patterns: Arc<Patterns>,
}

impl Case {
    /// Reads the documents, as is done once before a call's action starts.
    pub(crate) fn prepare(&self) -> Prepared<'_> {
        let config = SystemConfig::read(|category, key| self.config.get(category)?.get(key));
        let stored = |key: &str| self.config.get("number_manager")?.get(key);
        let job = Job::new(self.data.clone(), &Call::new(self.call.clone()), &config);
        let context = Context {
            rules: Arc::new(Rules::from_config(stored("e164_converters"), stored("classifiers"))),
            account_rules: Arc::new(AccountRules::from_account(&self.account)),
            list: self.list(&job),
            config: Arc::new(config),
            ..Context::default()
        };
        Prepared { case: self, job, context, callflows: Callflows::of(&self.callflows) }
    }

    fn list(&self, job: &Job) -> ListRead {
        if job.list_id().is_none() {
            return ListRead::NotNeeded;
        }
        self.rows.clone().map_or(ListRead::Failed, |rows| {
            ListRead::Read(Arc::new(List::from_rows(rows, self.list_document.as_ref())))
        })
    }

    /// Whether the list's document has entries as KAZOO 4.0 had them.
    pub(crate) fn has_entries_inside(&self) -> bool {
        let Some(document) = &self.list_document else { return false };
        let entries = document["entries"].as_object();
        document["pvt_type"] != "list" && entries.is_some_and(|entries| !entries.is_empty())
    }

    /// What the group that `idx_name` names captured.
    pub(crate) fn named_group(&self) -> Option<String> {
        let name = json::text(&self.data, "idx_name")?;
        json::text(self.call["Key-Value-Store"]["cf_capture_groups"].as_object()?, &name)
    }
}

impl Prepared<'_> {
    /// The call under these departures.
    pub(crate) fn run(&self, departures: Departures) -> Result<Run, Stuck> {
        let context = Context { departures, ..self.context.clone() };
        simulation::run(self.job.clone(), context, self.case.script.clone(), |question| {
            self.route(question, departures)
        })
    }

    /// The list as it was read for the job.
    pub(crate) fn list(&self) -> &ListRead {
        &self.context.list
    }

    fn route(&self, question: &Question, departures: Departures) -> Routed {
        let Question::Route { destination, .. } = question;
        let account = AccountId::new(ACCOUNT).unwrap();
        let looked_up = lookup(&self.callflows, &account, destination, departures.optional_groups);
        // Everything is in memory, so nothing is ever waited for.
        match looked_up.now_or_never().unwrap() {
            Ok(found) => Routed::Found {
                target: RouteTarget { callflow_id: found.id, no_match: found.no_match },
                endpoint: self.case.endpoint.clone(),
            },
            Err(LookupError::Crash(_)) => Routed::Crashed,
            Err(_) => Routed::NotFound,
        }
    }
}

impl<'a> Callflows<'a> {
    fn of(documents: &'a [Value]) -> Self {
        let rows = documents.iter().flat_map(|it| {
            let patterns = it["patterns"].as_array().into_iter().flatten();
            let id = it["_id"].as_str().unwrap_or_default();
            patterns.filter_map(move |pattern| Some((pattern.as_str()?, id)))
        });
        Self { documents, patterns: Arc::new(Patterns::compile(rows)) }
    }
}

#[async_trait]
impl Documents for Callflows<'_> {
    type Error = Infallible;

    async fn document(&self, _: &AccountId, id: &str) -> Result<Option<Arc<Value>>, Infallible> {
        Ok(self.documents.iter().find(|it| it["_id"] == id).cloned().map(Arc::new))
    }

    async fn callflow_by_number(
        &self,
        _: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Infallible> {
        let has = |it: &&Value| {
            it["numbers"].as_array().is_some_and(|numbers| numbers.iter().any(|it| it == number))
        };
        Ok(self.documents.iter().find(has).cloned().map(Arc::new))
    }

    async fn patterns(&self, _: &AccountId) -> Result<Arc<Patterns>, Infallible> {
        Ok(Arc::clone(&self.patterns))
    }

    async fn endpoint_by_sip_username(
        &self,
        _: &AccountId,
        _: &str,
    ) -> Result<Option<String>, Infallible> {
        Ok(None)
    }
}
