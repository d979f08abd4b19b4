//! An account in memory, as KAZOO reads it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use kazoo_dynamic_cid::dynamic_cid::{
    Context, Departures, Job, List, ListRead, Preset, SystemConfig,
};
use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::numbers::{AccountRules, Rules};
use serde_json::{Value, json};

use crate::transcript::Transcript;

/// The account database and the system's configuration.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) documents: Vec<Value>,
    pub(crate) configuration: Vec<Value>,
}

/// A callflow that serves a number.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    pub(crate) document: &'a Value,
    capture_group: Option<String>,
    capture_groups: Object,
}

impl Found<'_> {
    pub(crate) fn is_no_match(&self) -> bool {
        has_number(self.document, "no_match")
    }
}

impl Account {
    /// The same account where every `dynamic_cid` node is a remote one.
    pub(crate) fn all_remote(&self) -> Self {
        let mut account = self.clone();
        account.documents.iter_mut().for_each(|document| set_remote(document, true));
        account
    }

    /// The same account where every `dynamic_cid` node is KAZOO's own affair.
    pub(crate) fn all_local(&self) -> Self {
        let mut account = self.clone();
        account.documents.iter_mut().for_each(|document| set_remote(document, false));
        account
    }

    /// The same account with these documents over those with the same ids.
    pub(crate) fn with(&self, documents: impl IntoIterator<Item = Value>) -> Self {
        let mut account = self.clone();
        for document in documents {
            account.documents.retain(|old| old["_id"] != document["_id"]);
            account.documents.push(document);
        }
        account
    }

    /// The same account with members over those of a configuration document's default section.
    pub(crate) fn with_configuration(&self, category: &str, members: &Value) -> Self {
        let mut account = self.clone();
        let document = account.configuration.iter_mut().find(|it| it["_id"] == category);
        let section = document.and_then(|it| it["default"].as_object_mut());
        if let (Some(section), Value::Object(members)) = (section, members) {
            section.extend(members.clone());
        }
        account
    }

    /// The same account where the worker has this preset.
    pub(crate) fn with_preset(&self, preset: Preset) -> Self {
        let preset = match preset {
            Preset::Kazoo => "kazoo",
            Preset::Recommended => "recommended",
        };
        self.with_configuration("callflow.dynamic_cid", &json!({"worker": {"preset": preset}}))
    }

    pub(crate) fn id(&self) -> &str {
        let account = self.documents.iter().find(|document| document["pvt_type"] == "account");
        account.and_then(|account| account["_id"].as_str()).unwrap_or_default()
    }

    /// The account database's name.
    pub(crate) fn database(&self) -> String {
        let id = self.id();
        format!("account/{}/{}/{}", &id[..2], &id[2..4], &id[4..])
    }

    pub(crate) fn document(&self, id: &str) -> Option<&Value> {
        let found = self.documents.iter().find(|document| document["_id"] == id);
        found.filter(|document| document["pvt_deleted"] != true)
    }

    /// The data of the node at the root of a callflow.
    pub(crate) fn data_of(&self, callflow: &str) -> Value {
        self.document(callflow).map(|document| document["flow"]["data"].clone()).unwrap_or_default()
    }

    fn callflows(&self) -> impl Iterator<Item = &Value> {
        let mut callflows: Vec<_> = self
            .documents
            .iter()
            .filter(|it| it["pvt_type"] == "callflow" && it["pvt_deleted"] != true)
            .collect();
        callflows.sort_by_key(|document| document["_id"].as_str());
        callflows.into_iter()
    }

    /// `cf_flow:lookup/2`: by number, by the pattern with the longest capture, `no_match`.
    pub(crate) fn lookup(&self, number: &str) -> Option<Found<'_>> {
        let plain =
            |document| Found { document, capture_group: None, capture_groups: Object::new() };
        if let Some(document) = self.callflows().find(|document| has_number(document, number)) {
            return Some(plain(document));
        }
        let matched = self.callflows().filter_map(|document| matched(document, number));
        if let Some(found) =
            matched.max_by_key(|found| found.capture_group.as_deref().map(str::len))
        {
            return Some(found);
        }
        let digits = number.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit());
        let no_match = self.callflows().find(|document| has_number(document, "no_match"));
        no_match.filter(|_| digits).map(plain)
    }

    /// A key of a configuration document's default section.
    pub(crate) fn configured(&self, category: &str, key: &str) -> Option<&Value> {
        let document = self.configuration.iter().find(|document| document["_id"] == category)?;
        document["default"].get(key)
    }

    /// What KAZOO's own module knows when it runs for a call.
    pub(crate) fn context(&self, job: &Job) -> Context {
        let rules = |key| self.configured("number_manager", key);
        Context {
            config: Arc::new(self.settings()),
            rules: Arc::new(Rules::from_config(rules("e164_converters"), rules("classifiers"))),
            account_rules: Arc::new(AccountRules::from_account(
                self.document(self.id()).unwrap_or(&Value::Null),
            )),
            list: job.list_id().map_or(ListRead::NotNeeded, |id| {
                let list = List::from_rows(self.rows(&id), self.document(&id));
                ListRead::Read(Arc::new(list))
            }),
            departures: Departures::from(Preset::Kazoo),
            ..Context::default()
        }
    }

    pub(crate) fn settings(&self) -> SystemConfig {
        SystemConfig::read(|category, key| self.configured(category, key))
    }

    /// The rows of `lists/entries` for a list, in CouchDB's order.
    fn rows(&self, list: &str) -> Vec<Value> {
        let mut documents: Vec<_> = self
            .documents
            .iter()
            .filter(|document| document["pvt_deleted"] != true)
            .filter(|document| match document["pvt_type"].as_str() {
                Some("list_entry") => document["list_id"] == list,
                Some("list") => document["_id"] == list,
                _ => false,
            })
            .collect();
        documents.sort_by_key(|document| document["_id"].as_str());
        documents.into_iter().flat_map(rows_of).collect()
    }

    /// The call as callflow has it when it starts the flow.
    pub(crate) fn call(&self, transcript: &Transcript) -> Result<Object> {
        self.call_of(transcript.route_request()?, transcript.route_win()?)
    }

    /// The same caller dials another number.
    pub(crate) fn call_to(&self, transcript: &Transcript, number: &str) -> Result<Object> {
        let mut asked = transcript.route_request()?.clone();
        for key in ["Request", "To"] {
            asked.insert(key.to_owned(), format!("{number}@kzref.example.com").into());
        }
        self.call_of(&asked, transcript.route_win()?)
    }

    /// Source: `kapps_call.erl` (`from_route_req`, `from_route_win`), `cf_route_req.erl`,
    /// `cf_remote_action.erl` (`call_to_jobj`).
    fn call_of(&self, asked: &Object, won: &Object) -> Result<Object> {
        let variables = won["Custom-Channel-Vars"].as_object().context("no channel variables")?;
        let text = |key: &str| asked.get(key).and_then(Value::as_str).unwrap_or_default();
        let user = |key: &str| text(key).split('@').next().unwrap_or_default();
        let realm = |key: &str| text(key).split('@').nth(1).unwrap_or_default();
        let found = self.lookup(user("Request")).context("nothing serves the dialled number")?;
        let flow_id = &found.document["_id"];
        let device = variables.get("Authorizing-Type").is_some_and(|kind| kind == "device");
        let exits: Vec<_> = found.document["flow"]["children"]
            .as_object()
            .into_iter()
            .flat_map(Object::keys)
            .collect();
        let mut store = json!({
            "action-exit-keys": exits, "cf_capture_groups": found.capture_groups,
            "cf_flow_id": flow_id, "cf_flow_name": found.document["name"],
            "cf_last_action": "dynamic_cid", "cf_no_match": found.is_no_match(),
            "remote-action": "dynamic_cid",
        });
        if let Some(group) = &found.capture_group {
            store["cf_capture_group"] = json!(group);
        }
        if device {
            store["denied_call_restrictions"] = json!({});
        }
        let mut all_variables = variables.clone();
        all_variables.insert("CallFlow-ID".to_owned(), flow_id.clone());
        let mut call = json!({
            "Account-DB": self.database().replace('/', "%2F"), "Account-ID": self.id(),
            "Call-Bridged": false, "Call-Direction": asked["Call-Direction"],
            "Call-ID": asked["Call-ID"], "Callee-ID-Name": "",
            "Callee-ID-Number": user("Request"), "Caller-ID-Name": asked["Caller-ID-Name"],
            "Caller-ID-Number": asked["Caller-ID-Number"], "Control-Queue": won["Control-Queue"],
            "Custom-Application-Vars": {}, "Custom-Channel-Vars": all_variables,
            "Custom-SIP-Headers": {}, "Fetch-ID": variables["Fetch-ID"], "From": text("From"),
            "From-Realm": realm("From"), "From-User": user("From"), "Is-Call-Forward": false,
            "Is-Recording": false, "Key-Value-Store": store, "Language": "en-us",
            "Message-Left": false, "Request": text("Request"), "Request-Realm": realm("Request"),
            "Request-User": user("Request"), "Resource-Type": asked["Resource-Type"],
            "Switch-Hostname": asked["Switch-Hostname"],
            "Switch-Nodename": asked["Switch-Nodename"], "Switch-URL": asked["Switch-URL"],
            "To": text("To"), "To-Realm": realm("To"), "To-User": user("To"),
        });
        for key in ["Authorizing-ID", "Authorizing-Type", "Inception"] {
            if let Some(value) = variables.get(key) {
                call[key] = value.clone();
            }
        }
        call.as_object().cloned().context("a call is an object")
    }
}

/// The rows the view `lists/entries` emits for a document.
fn rows_of(document: &Value) -> Vec<Value> {
    let row = |key: &Value, length: &Value, name: &Value, number: &Value| {
        let members = [
            ("capture_group_key", key),
            ("capture_group_length", length),
            ("name", name),
            ("number", number),
        ];
        let present = members.into_iter().filter(|(_, value)| !value.is_null());
        present.map(|(member, value)| (member.to_owned(), value.clone())).collect::<Value>()
    };
    if document["pvt_type"] == "list_entry" {
        return vec![row(
            &document["capture_group_key"],
            &document["capture_group_length"],
            &document["name"],
            &document["number"],
        )];
    }
    let mut entries: Vec<_> = document["entries"].as_object().into_iter().flatten().collect();
    entries.sort_by_key(|(key, _)| *key);
    let first = |entry: &Value, keys: [&str; 2]| {
        keys.iter().find_map(|key| entry.get(*key)).cloned().unwrap_or_default()
    };
    entries
        .into_iter()
        .map(|(key, entry)| {
            let (name, number) =
                (first(entry, ["cid_name", "name"]), first(entry, ["cid_number", "number"]));
            row(&json!(key), &document["length"], &name, &number)
        })
        .collect()
}

fn has_number(document: &Value, number: &str) -> bool {
    document["numbers"].as_array().is_some_and(|numbers| numbers.iter().any(|it| it == number))
}

/// The longest capture of a document's patterns. The patterns of the account use nothing that
/// the regular expressions of this language could not do.
fn matched<'a>(document: &'a Value, number: &str) -> Option<Found<'a>> {
    let patterns = document["patterns"].as_array()?.iter().filter_map(Value::as_str);
    let found = patterns.filter_map(|pattern| {
        let pattern = regex::Regex::new(pattern).ok()?;
        let captures = pattern.captures(number)?;
        let mut groups: Vec<_> = captures.iter().flatten().map(|group| group.as_str()).collect();
        if groups.len() > 1 {
            groups.remove(0);
        }
        let longest = groups.iter().rev().max_by_key(|group| group.len())?;
        let named = pattern.capture_names().flatten().filter_map(|name| {
            let text = captures.name(name)?.as_str();
            (!text.is_empty()).then(|| (name.to_owned(), json!(text)))
        });
        Some(Found {
            document,
            capture_group: Some((*longest).to_owned()),
            capture_groups: named.collect(),
        })
    });
    found.max_by_key(|found| found.capture_group.as_deref().map(str::len))
}

fn set_remote(value: &mut Value, remote: bool) {
    match value {
        Value::Object(members) => {
            if members.get("module").is_some_and(|module| module == "dynamic_cid") {
                members.insert("remote_execution".to_owned(), remote.into());
            }
            members.values_mut().for_each(|member| set_remote(member, remote));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_remote(item, remote)),
        _ => {}
    }
}
