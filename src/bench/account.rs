//! An account for the test calls, in a database of its own.
//!
//! The only place where this program writes into CouchDB. The account's id is random, so that its
//! database is nobody else's, and it is removed at the end.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::mix::{Action, Mix};
use crate::directory::{AccountId, Database};
use crate::kapi::new_msg_id;

/// How long one request may take: a view over many entries is built within.
const PATIENCE: Duration = Duration::from_secs(60);
/// Documents put at once.
const BULK: usize = 1000;
/// What is dialled behind the action's code, and the key.
const DESTINATION: &str = "5149072508";
/// Ids of the documents that there are once.
const DEVICE: &str = "b0000000000000000000000000000001";
const NO_MATCH: &str = "b0000000000000000000000000000002";
/// How many keys of a list are dialled, spread over all of it.
const KEYS: usize = 16;
/// The caller ID in the callflow.
const STATIC: (&str, &str) = ("CALL_ME", "5555555555");
/// What the caller types where asked.
const TYPED: &str = "6135550100";
/// How long a caller may take for a digit: on a machine that is full callers are slow, too.
const TYPING_MS: u32 = 20_000;
/// The views KAZOO's account databases have, as far as we read them.
const DESIGNS: [&str; 5] = [
    include_str!("../../deploy/couchdb/design/attributes.json"),
    include_str!("../../deploy/couchdb/design/callflows.json"),
    include_str!("../../deploy/couchdb/design/contacts.json"),
    include_str!("../../deploy/couchdb/design/kazoo_dynamic_cid.json"),
    include_str!("../../deploy/couchdb/design/lists.json"),
];

/// Why the account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// CouchDB does not answer.
    #[error("the test account's database: CouchDB does not answer: {0}")]
    Unreachable(String),
    /// CouchDB refuses.
    #[error("the test account's database: {what}: CouchDB answered {status}: {said}")]
    Refused {
        /// What it was asked for.
        what: String,
        /// Its status.
        status: StatusCode,
        /// Its words.
        said: String,
    },
}

/// A call that can be placed in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialled {
    /// The number.
    pub number: String,
    /// Keys pressed when asked.
    pub keys: &'static str,
    /// Name of the caller ID that must come of it; `None` where the call's own stays.
    pub name: Option<String>,
    /// Its number.
    pub caller_id: String,
}

/// The account, loaded.
pub struct TestAccount {
    client: Client,
    /// Address of the database; holds the password.
    url: String,
    id: AccountId,
}

impl TestAccount {
    /// A new account, which does not exist yet.
    pub fn new(couchdb: &url::Url) -> Result<Self, AccountError> {
        let client = Client::builder().timeout(PATIENCE).build();
        let client = client.map_err(|error| unreachable_because(&error))?;
        let id = loop {
            // Thirty-two hexadecimal digits always are one.
            if let Some(id) = AccountId::new(&new_msg_id()) {
                break id;
            }
        };
        let database = Database::account(&id).encoded();
        let url = format!("{}/{database}", couchdb.as_str().trim_end_matches('/'));
        Ok(Self { client, url, id })
    }

    /// Creates the database and loads what the calls of these actions need. Whatever comes of it,
    /// [`remove`](Self::remove) is to follow.
    pub(super) async fn create(&self, actions: &[Action]) -> Result<(), AccountError> {
        self.ask(Method::PUT, "", None, "creating it").await?;
        self.load(actions).await
    }

    /// Its id.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// The device that calls.
    pub fn device(&self) -> &'static str {
        DEVICE
    }

    /// Removes the database, if it is there.
    pub async fn remove(&self) -> Result<(), AccountError> {
        match self.ask(Method::DELETE, "", None, "removing it").await {
            Err(AccountError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(()),
            other => other,
        }
    }

    async fn load(&self, actions: &[Action]) -> Result<(), AccountError> {
        let mut documents = vec![account(&self.id), device(), no_match()];
        // The designs are compiled in and parsed by a test.
        documents.extend(DESIGNS.iter().filter_map(|text| serde_json::from_str(text).ok()));
        for (index, action) in actions.iter().enumerate() {
            documents.extend(documents_of(index, *action));
        }
        let database = Database::account(&self.id).encoded();
        for document in documents.iter_mut().filter(|document| !is_design(document)) {
            if let Some(members) = document.as_object_mut() {
                members.insert("pvt_account_id".to_owned(), json!(self.id.as_str()));
                members.insert("pvt_account_db".to_owned(), json!(database));
            }
        }
        for bulk in documents.chunks(BULK) {
            let body = json!({ "docs": bulk });
            self.ask(Method::POST, "/_bulk_docs", Some(&body), "loading documents").await?;
        }
        // A view is built when it is first read, which takes longer than a worker waits.
        for design in documents.iter().filter(|document| is_design(document)) {
            let id = design.get("_id").and_then(Value::as_str).unwrap_or_default();
            for view in design.get("views").and_then(Value::as_object).into_iter().flatten() {
                let path = format!("/{id}/_view/{}?limit=1", view.0);
                self.ask(Method::GET, &path, None, "building a view").await?;
            }
        }
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &str,
    ) -> Result<(), AccountError> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| unreachable_because(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let said = answer.text().await.unwrap_or_default().trim().chars().take(300).collect();
        Err(AccountError::Refused { what: what.to_owned(), status, said })
    }
}

impl std::fmt::Debug for TestAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TestAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

fn unreachable_because(error: &reqwest::Error) -> AccountError {
    // The address has the password in it.
    use std::error::Error as _;
    let source = error.source().map_or_else(|| "no answer".to_owned(), ToString::to_string);
    AccountError::Unreachable(if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        source
    })
}

/// The actions of all mixes, each once.
pub(super) fn actions(mixes: &[Mix]) -> Vec<Action> {
    let mut actions: Vec<Action> = mixes.iter().flat_map(Mix::actions).collect();
    actions.sort_unstable();
    actions.dedup();
    actions
}

/// The calls to place for the action that has this index among all: one, or one for each key.
pub(super) fn calls_of(index: usize, action: Action) -> Vec<Dialled> {
    let code = code(index);
    match action {
        Action::Static => vec![Dialled {
            number: format!("*{code}{DESTINATION}"),
            keys: "",
            name: Some(STATIC.0.to_owned()),
            caller_id: STATIC.1.to_owned(),
        }],
        Action::Manual => vec![Dialled {
            number: format!("*{code}{DESTINATION}"),
            keys: TYPED,
            name: None,
            caller_id: TYPED.to_owned(),
        }],
        Action::List(size) | Action::Lists(size) => {
            let count = size.min(KEYS);
            let entries =
                (0..count).map(|turn| if count == 1 { 0 } else { turn * (size - 1) / (count - 1) });
            entries
                .map(|entry| {
                    let (key, name, number) = entry_of(entry, size);
                    Dialled {
                        number: format!("*{code}{key}{DESTINATION}"),
                        keys: "",
                        name: Some(name),
                        caller_id: number,
                    }
                })
                .collect()
        }
    }
}

/// The digits that an action's callflow is dialled by.
fn code(index: usize) -> String {
    format!("9{index:02}")
}

/// Key, name and number of a list's entry.
fn entry_of(entry: usize, size: usize) -> (String, String, String) {
    let length = key_length(size);
    (format!("{entry:0length$}"), format!("Client {entry}"), format!("1613{entry:07}"))
}

fn key_length(size: usize) -> usize {
    size.saturating_sub(1).to_string().len().max(2)
}

fn account(id: &AccountId) -> Value {
    json!({
        "_id": id.as_str(), "name": "kazoo-dynamic-cid bench", "realm": "bench.example.com",
        "language": "en-us", "enabled": true, "call_restriction": {}, "dial_plan": {},
        "pvt_enabled": true, "pvt_tree": [], "pvt_type": "account",
    })
}

fn device() -> Value {
    json!({
        "_id": DEVICE, "name": "Bench phone", "device_type": "sip_device", "enabled": true,
        "sip": {"username": "bench", "method": "password", "realm": "bench.example.com"},
        "call_restriction": {}, "pvt_type": "device",
    })
}

fn no_match() -> Value {
    let flow = json!({"module": "resources", "data": {}, "children": {}});
    callflow(NO_MATCH, &json!(["no_match"]), &json!([]), &flow)
}

fn callflow(id: &str, numbers: &Value, patterns: &Value, flow: &Value) -> Value {
    json!({
        "_id": id, "name": id, "numbers": numbers, "patterns": patterns, "flow": flow,
        "pvt_type": "callflow",
    })
}

/// The documents of one action: its callflow, and the list with its entries.
fn documents_of(index: usize, action: Action) -> Vec<Value> {
    let (code, list) = (code(index), format!("b1{index:030}"));
    // `worker` opts in at the route seam; at the execute seam it says nothing.
    let mut data = json!({"action": action.name(), "worker": true});
    let mut pattern = format!("^\\*{code}([0-9]{{2,}})$");
    let mut children = json!({});
    match action {
        Action::Static => data["caller_id"] = json!({"name": STATIC.0, "number": STATIC.1}),
        Action::Manual => data["interdigit_timeout"] = json!(TYPING_MS),
        Action::List(size) => {
            let length = key_length(size);
            pattern = format!("^\\*{code}(?<cid>[0-9]{{{length}}})(?<dest>[0-9]+)$");
            data["id"] = json!(list);
            data["idx_name"] = json!("cid");
        }
        Action::Lists(_) => data["id"] = json!(list),
    }
    if action.list_size().is_none() {
        children = json!({"_": {"module": "resources", "data": {}, "children": {}}});
    }
    let flow = json!({
        "module": "dynamic_cid", "remote_execution": true, "data": data, "children": children,
    });
    let id = format!("b2{index:030}");
    let mut documents = vec![callflow(&id, &json!([]), &json!([pattern]), &flow)];
    if let Some(size) = action.list_size() {
        documents.push(json!({"_id": list, "name": list, "pvt_type": "list"}));
        documents.extend((0..size).map(|entry| {
            let (key, name, number) = entry_of(entry, size);
            json!({
                "_id": format!("b3{index:010}{entry:020}"), "list_id": list,
                "capture_group_key": key, "capture_group_length": key_length(size),
                "number": number, "name": name, "profile": {}, "pvt_type": "list_entry",
            })
        }));
    }
    documents
}

fn is_design(document: &Value) -> bool {
    document.get("_id").and_then(Value::as_str).is_some_and(|id| id.starts_with("_design/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_designs_are_documents() {
        for text in DESIGNS {
            assert!(is_design(&serde_json::from_str(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn every_number_has_the_entry_that_it_is_checked_against() {
        for size in [1, 10, 16, 17, 100, 101, 10_000] {
            let documents = documents_of(3, Action::Lists(size));
            assert_eq!(documents.len(), size + 2);
            let calls = calls_of(3, Action::Lists(size));
            assert_eq!(calls.len(), size.min(KEYS));
            for call in calls {
                let key = call.number.strip_prefix("*903").unwrap();
                let key = key.strip_suffix(DESTINATION).unwrap();
                let entry = documents.iter().find(|it| it["capture_group_key"] == key).unwrap();
                assert_eq!(entry["capture_group_length"], key.len());
                assert_eq!(entry["number"], call.caller_id.as_str());
                assert_eq!(entry["name"], call.name.unwrap().as_str());
            }
        }
    }

    #[test]
    fn the_last_entry_of_a_list_is_dialled_too() {
        let last = calls_of(0, Action::List(10_000)).pop().unwrap();
        assert_eq!(last.name.as_deref(), Some("Client 9999"));
        assert_eq!(last.number, format!("*9009999{DESTINATION}"));
    }

    #[test]
    fn ids_differ() {
        let lists = [Action::List(200), Action::Lists(200), Action::Static];
        let mut ids: Vec<String> = lists
            .iter()
            .enumerate()
            .flat_map(|(index, action)| documents_of(index, *action))
            .map(|document| document["_id"].as_str().unwrap().to_owned())
            .collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    }
}
