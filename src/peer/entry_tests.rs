use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::callflow::Patterns;
use crate::peer::fixtures;

const ACCOUNT: &str = "c1d00000000000000000000000000001";

/// An account in a map.
struct Map(BTreeMap<String, Arc<Value>>);

#[derive(Debug, thiserror::Error)]
#[error("the database does not answer")]
struct Silent;

#[async_trait]
impl Documents for Map {
    type Error = Silent;

    async fn document(&self, _: &AccountId, id: &str) -> Result<Option<Arc<Value>>, Silent> {
        if id == "unreadable" { Err(Silent) } else { Ok(self.0.get(id).cloned()) }
    }

    async fn callflow_by_number(
        &self,
        _: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Silent> {
        let listed = |document: &&Arc<Value>| {
            document["numbers"].as_array().is_some_and(|all| all.contains(&json!(number)))
        };
        Ok(self.0.values().find(listed).cloned())
    }

    async fn patterns(&self, _: &AccountId) -> Result<Arc<Patterns>, Silent> {
        let rows = self.0.iter().flat_map(|(id, document)| {
            let patterns = document["patterns"].as_array().cloned().unwrap_or_default();
            patterns.into_iter().map(|it| (it.as_str().unwrap().to_owned(), id.clone()))
        });
        Ok(Arc::new(Patterns::compile(rows)))
    }

    async fn endpoint_by_sip_username(
        &self,
        _: &AccountId,
        _: &str,
    ) -> Result<Option<String>, Silent> {
        Ok(None)
    }
}

/// The account of the recorded calls, with some documents changed or added.
fn recorded(changes: Value) -> Map {
    let path = "tests/fixtures/transcripts/documents.account.json";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(path).unwrap();
    let documents: Vec<Value> = serde_json::from_str(&text).unwrap();
    let changes = changes.as_array().cloned().unwrap_or_default();
    let id = |document: &Value| document["_id"].as_str().unwrap().to_owned();
    Map(documents.into_iter().chain(changes).map(|it| (id(&it), Arc::new(it))).collect())
}

async fn place(documents: &Map, dialled: &str, from: Option<&str>) -> Result<Scenario, EntryError> {
    let account = AccountId::new(ACCOUNT).unwrap();
    let rules = Rules::default();
    let placing = Placing {
        account: &account,
        database: "account%2Fc1%2Fd0%2F0000000000000000000000000001".to_owned(),
        dialled,
        from,
        rules: &rules,
        language: "en-US",
        host: "fs1.example.com",
    };
    scenario(documents, &placing).await
}

fn callflow(id: &str, numbers: Value, patterns: Value, flow: Value) -> Value {
    json!({"_id": id, "pvt_type": "callflow", "numbers": numbers, "patterns": patterns,
        "flow": flow})
}

fn remote(children: Value) -> Value {
    json!({"module": "dynamic_cid", "remote_execution": true, "data": {"action": "static"},
        "children": children})
}

#[tokio::test]
async fn a_recorded_call_is_entered_as_kazoo_entered_it() {
    let placed = place(&recorded(json!([])), "*504158867900", Some("dev1")).await.unwrap();
    let theirs = fixtures::recorded_execute("cf_remote");
    let ours = placed.execute(&fixtures::ids()).body;
    assert_eq!(ours["Data"], theirs["Data"]);
    let (ours, theirs) = (&ours["Call"], &theirs["Call"]);
    assert_eq!(ours["Key-Value-Store"], theirs["Key-Value-Store"]);
    for key in [
        "Account-DB",
        "Account-ID",
        "Authorizing-ID",
        "Authorizing-Type",
        "From",
        "To",
        "Request",
        "Request-User",
        "Language",
        "Callee-ID-Number",
    ] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
    assert_eq!(placed.node.path, "/flow");
}

#[tokio::test]
async fn a_number_is_looked_up_as_the_accounts_rules_write_it() {
    let flow = callflow("cf_new", json!(["+14155550123"]), json!([]), remote(json!({})));
    let documents = recorded(json!([flow]));
    for dialled in ["4155550123", "+14155550123", "14155550123"] {
        let placed = place(&documents, dialled, None).await.unwrap();
        assert_eq!(placed.request_user, "+14155550123", "{dialled}");
        assert_eq!(placed.dialled, dialled);
        assert_eq!(placed.callflow.found_by, "its number +14155550123");
    }
    let own = json!({"_id": "configs_number_manager",
        "e164_converters": {"^0123$": {"prefix": "+1415555"}}});
    let flow = callflow("cf_new", json!(["+14155550123"]), json!([]), remote(json!({})));
    let placed = place(&recorded(json!([flow, own])), "0123", None).await.unwrap();
    assert_eq!(placed.request_user, "+14155550123");
}

#[tokio::test]
async fn the_way_leads_through_callflow_nodes_and_the_preflow() {
    let inner = callflow("cf_inner", json!([]), json!([]), remote(json!({})));
    let outer = callflow(
        "cf_outer",
        json!(["1"]),
        json!([]),
        json!({"module": "play", "children": {"_": {"module": "callflow",
            "data": {"id": "cf_inner"}, "children": {"_": {"module": "resources"}, "x": {}}}}}),
    );
    let documents = recorded(json!([inner, outer]));
    let placed = place(&documents, "1", None).await.unwrap();
    assert_eq!(
        (placed.callflow.id.as_str(), placed.node.document.as_str()),
        ("cf_outer", "cf_inner")
    );
    assert_eq!(placed.node.path, "/flow");
    assert_eq!(placed.node.previous.as_deref(), Some("cf_callflow"));
    assert_eq!(placed.node.stacked, [fixtures::object(json!({"module": "resources"}))]);
    assert_eq!(placed.callflow.exit_keys, ["_"]);

    let account = json!({"_id": ACCOUNT, "realm": "r", "preflow": {"always": "cf_pre"}});
    let pre = callflow("cf_pre", json!([]), json!([]), json!({"module": "play"}));
    let found = callflow(
        "cf_found",
        json!(["2"]),
        json!([]),
        json!({"module": "menu", "children": {"1": {}, "_": remote(json!({}))}}),
    );
    let placed = place(&recorded(json!([account, pre, found])), "2", None).await.unwrap();
    assert_eq!(placed.node.path, "/flow/children/_/children/_");
    assert_eq!(placed.callflow.exit_keys, ["_"]);
    assert_eq!(placed.node.previous.as_deref(), Some("cf_menu"));
    assert!(placed.node.stacked.is_empty());
}

#[tokio::test]
async fn a_caller_has_the_caller_id_of_device_owner_or_account() {
    let device = |own: Value| {
        json!({"_id": "d", "pvt_type": "device", "name": "Desk", "owner_id": "u",
            "sip": {"username": "user_d"}, "caller_id": {"internal": own}, "language": "fr-CA",
            "pvt_account_id": ACCOUNT, "pvt_account_db": "x",
            "call_restriction": {"did_us": {"action": "deny"}, "unknown": {"action": "inherit"}}})
    };
    let user = json!({"_id": "u", "pvt_type": "user", "username": "ann",
        "caller_id": {"internal": {"name": "Ann", "number": "2002"}}});
    for (own, name, number) in [
        (json!({}), "Ann", "2002"),
        (json!({"number": "1001"}), "Ann", "1001"),
        (json!({"name": "Desk 1", "number": "1001"}), "Desk 1", "1001"),
    ] {
        let documents = recorded(json!([device(own), user.clone()]));
        let placed = place(&documents, "*504158867900", Some("d")).await.unwrap();
        assert_eq!(placed.caller.caller_id, fixtures::caller_id(name, number));
        assert_eq!((placed.caller.user.as_str(), placed.language.as_str()), ("user_d", "fr-ca"));
        let endpoint = placed.caller.endpoint.unwrap();
        assert_eq!(endpoint.owner.as_deref(), Some("u"));
        assert_eq!(
            Value::Object(endpoint.denied_restrictions),
            json!({"did_us": {"action": "deny"}})
        );
    }
    let placed = place(&recorded(json!([user])), "*504158867900", Some("u")).await.unwrap();
    let endpoint = placed.caller.endpoint.unwrap();
    assert_eq!((endpoint.kind.as_str(), endpoint.owner.as_deref()), ("user", Some("u")));
}

#[tokio::test]
async fn what_kazoo_would_not_hand_over_is_told_with_the_cure() {
    let skip = json!({"module": "dynamic_cid", "remote_execution": true,
        "data": {"skip_module": true}});
    let documents = recorded(json!([
        callflow("cf_skip", json!(["11"]), json!([]), skip),
        callflow(
            "cf_none",
            json!(["12"]),
            json!([]),
            json!({"module": "play", "children": {"_": {"module": "voicemail"}}})
        ),
        callflow(
            "cf_branch",
            json!(["13"]),
            json!([]),
            json!({"module": "callflow", "data": {"id": "unreadable"}})
        ),
        callflow(
            "cf_circle",
            json!(["14"]),
            json!([]),
            json!({"module": "callflow", "data": {"id": "cf_circle"}})
        ),
        callflow("cf_groups", json!([]), json!(["^\\*77(1)?$"]), remote(json!({}))),
        json!({"_id": "off", "pvt_type": "device", "enabled": false}),
    ]));
    let ways = [
        ("11", None, "`\"skip_module\": true`"),
        ("12", None, "KAZOO runs `play`, `voicemail` and no more"),
        ("13", None, "callflow `unreadable` cannot be read: the database does not answer"),
        ("14", None, "callflow `cf_circle` has no dynamic_cid node"),
        ("*77", None, "lookup dies"),
        ("*9999", None, "Patterns tried: `"),
        ("*504158867900", Some("nobody"), "--from nobody: the account has no document"),
        ("*504158867900", Some("list1"), "type `list`"),
        ("*504158867900", Some("off"), "disabled"),
    ];
    for (dialled, from, words) in ways {
        let error = place(&documents, dialled, from).await.unwrap_err().to_string();
        assert!(error.contains(words), "{dialled}: {error}");
    }
    let error = place(&Map(BTreeMap::new()), "1", None).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_node_for_kazoo_itself_is_told_with_the_change() {
    let node = json!({"module": "dynamic_cid", "data": {"action": "manual"},
        "children": {"_": {"module": "resources"}}});
    let flow = callflow("cf_local", json!(["11"]), json!([]), node);
    let error = place(&recorded(json!([flow])), "11", None).await.unwrap_err();
    let EntryError::NotRemote { callflow, path, node } = error else { panic!("{error}") };
    assert_eq!((callflow.as_str(), path.as_str()), ("cf_local", "/flow"));
    assert_eq!(
        node,
        "{\n  \"module\": \"dynamic_cid\",\n  \"remote_execution\": true,\n  \"data\": {\n    \
         \"action\": \"manual\"\n  },\n  \"children\": …\n}"
    );
}
