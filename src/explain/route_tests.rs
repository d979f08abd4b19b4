use std::sync::Arc;

use serde_json::{Value, json};

use crate::directory::{AccountId, Database, Directory, DirectoryOptions, Folder};
use crate::explain::{Explanation, LEFT, Request, explain};
use crate::peer::Seam;

const ACCOUNT: &str = "c1d00000000000000000000000000001";
const STATIC: &str = "*31";
const LIST: &str = "*4015149072508";

/// An account with one device, which may not call toll-free numbers, and one callflow.
async fn told(callflow: Value, dial: &str, change: impl FnOnce(&mut Vec<Value>)) -> Explanation {
    let mut documents = vec![
        json!({"_id": ACCOUNT, "pvt_type": "account", "realm": "a.example.com"}),
        json!({
            "_id": "dev1", "pvt_type": "device", "sip": {"username": "desk"},
            "caller_id": {"internal": {"name": "Desk", "number": "1001"}},
            "call_restriction": {"tollfree_us": {"action": "deny"}},
        }),
        json!({"_id": "list1", "pvt_type": "list", "name": "clients"}),
        json!({
            "_id": "entry01", "pvt_type": "list_entry", "list_id": "list1",
            "capture_group_key": "01", "capture_group_length": 2,
            "name": "Awesome Inc.", "number": "+19058888888",
        }),
        json!({
            "_id": "all", "pvt_type": "callflow", "numbers": ["no_match"],
            "flow": {"module": "offnet", "data": {}, "children": {}},
        }),
        callflow,
    ];
    change(&mut documents);
    let account = AccountId::new(ACCOUNT).unwrap();
    let folder = Folder::from_documents([(Database::account(&account), documents)]).unwrap();
    let directory = Directory::new(Arc::new(folder), DirectoryOptions::default());
    let request =
        Request { account: &account, dial, from: Some("dev1"), keys: "", seam: Seam::Route };
    explain(&directory, &request).await.unwrap()
}

fn callflow(members: Value, flow: Value) -> Value {
    let mut callflow = json!({"_id": "flow1", "pvt_type": "callflow", "name": "CID"});
    callflow.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    callflow["flow"] = flow;
    callflow
}

fn shared(pattern: &str) -> Value {
    json!({"patterns": [pattern]})
}

fn exclusive(pattern: &str) -> Value {
    json!({"kazoo_dynamic_cid": {"patterns": [pattern]}})
}

fn fixed(worker: bool, children: Value) -> Value {
    let data = json!({
        "action": "static", "caller_id": {"name": "Sales", "number": "+15145550100"},
        "worker": worker,
    });
    json!({"module": "dynamic_cid", "data": data, "children": children})
}

fn listed(worker: bool) -> Value {
    let data = json!({"action": "list", "id": "list1", "idx_name": "cid", "worker": worker});
    json!({"module": "dynamic_cid", "data": data, "children": {}})
}

fn unchanged(_: &mut Vec<Value>) {}

fn has(explanation: &Explanation, sentence: &str) -> bool {
    let steps = explanation.steps.iter().map(|step| &step.text);
    steps.chain(&explanation.warnings).any(|text| text.contains(sentence))
}

#[tokio::test]
async fn a_shared_call_goes_back_with_its_child() {
    let child = json!({"module": "offnet", "data": {}, "children": {}});
    let flow = fixed(true, json!({"_": child}));
    let told = told(callflow(shared("^\\*31$"), flow), STATIC, unchanged).await;
    assert_eq!((told.answer, told.reason, told.mode), ("resume", "static", "static"));
    assert_eq!(told.caller_id_number.as_deref(), Some("+15145550100"));
    assert_eq!(told.result, child);
    assert!(has(&told, "Callflow and the workers both answer"), "{told:#?}");
    assert!(has(&told, "its caller ID is `Desk` `1001`"), "{told:#?}");
    assert_eq!(told.warnings, [""; 0]);
}

#[tokio::test]
async fn a_call_that_nothing_follows_is_hung_up() {
    let told = told(callflow(shared("^\\*31$"), fixed(true, json!({}))), STATIC, unchanged).await;
    assert_eq!((told.answer, told.result), ("hang_up", Value::Null));
}

#[tokio::test]
async fn what_only_workers_know_is_decided_by_their_own_settings() {
    let pattern = "^\\*4(?<cid>[0-9]{2})(?<dest>[0-9]{7,})$";
    let told_of =
        async |members, worker| told(callflow(members, listed(worker)), LIST, unchanged).await;
    // KAZOO refuses any filled group (D2), and so does who answers beside it.
    let both = told_of(shared(pattern), true).await;
    assert_ne!(both.reason, "entry", "{both:#?}");
    let alone = told_of(exclusive(pattern), false).await;
    assert_eq!((alone.answer, alone.reason), ("resume_callflow", "entry"), "{alone:#?}");
    assert_eq!(alone.destination.as_deref(), Some("+15149072508"));
    assert_eq!(alone.result["data"]["id"], "all");
    assert!(has(&alone, "Only the workers know the number."), "{alone:#?}");
}

#[tokio::test]
async fn a_call_that_is_callflows_is_told_as_kazoo_decides_it() {
    let pattern = "^\\*4(?<cid>[0-9]{2})(?<dest>[0-9]{7,})$";
    let list = told(callflow(shared(pattern), listed(false)), LIST, unchanged).await;
    assert_eq!((list.answer, &list.result), (LEFT, &Value::Null));
    assert_ne!(list.reason, "entry", "{list:#?}");
    assert!(has(&list, "(`not_opted_in`)") && has(&list, "\"worker\": true"), "{list:#?}");
    let behind =
        json!({"module": "language", "data": {}, "children": {"_": fixed(true, json!({}))}});
    let behind = told(callflow(shared("^\\*31$"), behind), STATIC, unchanged).await;
    assert_eq!((behind.answer, behind.reason), (LEFT, "static"));
    assert!(has(&behind, "(`other_root`)"), "{behind:#?}");
    let preflow = |documents: &mut Vec<Value>| documents[0]["preflow"] = json!({"always": "all"});
    let preflow = told(callflow(shared("^\\*31$"), fixed(true, json!({}))), STATIC, preflow).await;
    assert!(preflow.answer == LEFT && has(&preflow, "(`preflow`)"), "{preflow:#?}");
}

#[tokio::test]
async fn a_call_that_is_refused_when_it_is_won_does_not_come_to_the_action() {
    let flow = fixed(true, json!({}));
    let told = told(callflow(shared("^\\*31([0-9]+)$"), flow), "*318005551234", unchanged).await;
    assert_eq!((told.answer, told.reason, told.mode), ("refused", "restricted", "unknown"));
    assert!(has(&told, "which is of the class `tollfree_us`"), "{told:#?}");
}

#[tokio::test]
async fn an_endpoint_that_kazoo_dies_of_is_told_so() {
    let flow = fixed(true, json!({"_": {"module": "offnet", "data": {}, "children": {}}}));
    let broken = |documents: &mut Vec<Value>| documents[1]["caller_id"] = json!("x");
    let told = told(callflow(shared("^\\*31$"), flow), STATIC, broken).await;
    assert_eq!((told.answer, told.reason), ("unresumable", "unresumable"));
    assert!(told.warnings.iter().any(|warning| warning.contains("caller_id")), "{told:#?}");
}
