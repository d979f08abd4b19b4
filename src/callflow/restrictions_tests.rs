#![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

use serde_json::json;

use super::*;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

/// What a device, its owner and the account say about `did_us`, and what that makes.
fn merged_action(account: Value, owner: Value, device: Value) -> Option<String> {
    let of = |action: Value| json!({"call_restriction": {"did_us": {"action": action}}});
    let (account, owner, device) = (of(account), of(owner), of(device));
    let parts = Parts {
        endpoint: device.as_object(),
        owner: Owner::User(owner.as_object()),
        account: account.as_object(),
        ..Parts::default()
    };
    let (merged, misshapen) = merge(&parts, &["did_us", "international"]);
    assert_eq!(misshapen, None);
    assert_eq!(merged["call_restriction"].as_object().unwrap().len(), 1, "{merged}");
    merged["call_restriction"]["did_us"]["action"].as_str().map(str::to_owned)
}

#[test]
fn account_and_owner_go_before_the_device() {
    let inherit = || json!("inherit");
    for (account, owner, device, merged) in [
        (inherit(), inherit(), inherit(), Some("inherit")),
        (inherit(), inherit(), json!("deny"), Some("deny")),
        (inherit(), inherit(), json!("allow"), Some("allow")),
        (json!("deny"), json!("allow"), json!("allow"), Some("deny")),
        (inherit(), json!("deny"), json!("allow"), Some("deny")),
        (inherit(), json!("allow"), json!("deny"), Some("allow")),
        (json!("allow"), inherit(), json!("deny"), Some("deny")),
        (json!("DENY"), json!("Deny"), json!("x"), Some("x")),
        (json!(null), json!(1), json!("deny"), Some("deny")),
        (json!(["de", "ny"]), inherit(), inherit(), Some("deny")),
    ] {
        let result = merged_action(account.clone(), owner.clone(), device.clone());
        assert_eq!(result.as_deref(), merged, "{account} {owner} {device}");
    }
}

#[test]
fn a_document_without_an_opinion_leaves_the_device_its_own() {
    let device = json!({"call_restriction": {"did_us": {"action": "deny"}}, "name": "x"});
    let parts = Parts { endpoint: device.as_object(), ..Parts::default() };
    let (merged, misshapen) = merge(&parts, &["did_us", "international"]);
    assert_eq!(misshapen, None);
    let expected = json!({"call_restriction": {"did_us": {"action": "deny"}}, "dial_plan": {}});
    assert_eq!(merged, expected);
    let (merged, _) = merge(&Parts::default(), &["did_us"]);
    assert_eq!(merged, json!({"dial_plan": {}}));
}

#[test]
fn hotdesk_users_decide_together() {
    let user = |action: &str| json!({"call_restriction": {"did_us": {"action": action}}});
    let (deny, inherit) = (user("deny"), user("inherit"));
    let (deny, inherit) = (|| object(&deny), || object(&inherit));
    let device = user("deny");
    for (owner, merged) in [
        (Owner::HotdeskUser(inherit()), "allow"),
        (Owner::HotdeskUser(deny()), "deny"),
        (Owner::HotdeskUser(Object::new()), "allow"),
        (Owner::HotdeskUsers(vec![deny(), deny()]), "deny"),
        (Owner::HotdeskUsers(vec![deny(), inherit()]), "allow"),
        (Owner::HotdeskUsers(vec![inherit(), deny()]), "allow"),
        (Owner::HotdeskUsers(vec![]), "deny"),
    ] {
        let case = format!("{owner:?}");
        let parts =
            Parts { endpoint: device.as_object(), owner: owner.map(Some), ..Parts::default() };
        let (result, misshapen) = merge(&parts, &["did_us"]);
        assert_eq!(misshapen, None);
        assert_eq!(result["call_restriction"]["did_us"]["action"], merged, "{case}");
    }
}

#[test]
fn dial_plans_are_merged_rule_by_rule() {
    let plan = |text: &str| json!({"dial_plan": serde_json::from_str::<Value>(text).unwrap()});
    for (account, endpoint, owner, merged) in [
        ("{}", "{}", "{}", "{}"),
        (
            r#"{"b":{"prefix":"1"},"a":{"prefix":"2","suffix":""}}"#,
            r#"{"c":{"prefix":"3"},"a":{"prefix":"4"}}"#,
            r#"{"a":{"suffix":"5"},"c":{"prefix":""}}"#,
            r#"{"b":{"prefix":"1"},"a":{"prefix":"4","suffix":"5"},"c":{"prefix":"3"}}"#,
        ),
        (r#"{"a":{"prefix":"1"}}"#, r#""""#, "null", r#"{"a":{"prefix":"1"}}"#),
        (r#"{"system":["us"]}"#, r#"{"system":["fr","de"]}"#, "{}", r#"{"system":["fr","de"]}"#),
    ] {
        let (account, endpoint, owner) = (plan(account), plan(endpoint), plan(owner));
        let parts = Parts {
            endpoint: endpoint.as_object(),
            owner: Owner::User(owner.as_object()),
            account: account.as_object(),
            ..Parts::default()
        };
        let (result, misshapen) = merge(&parts, &[]);
        assert_eq!(misshapen, None);
        assert_eq!(result["dial_plan"].to_string(), merged);
    }
}

#[test]
fn an_account_with_ancestors_has_its_dial_plan_turned_round() {
    let account = |tree: Value| json!({"pvt_tree": tree, "dial_plan": {"b": {}, "a": {"prefix": "1", "suffix": null}, "c": {}}});
    for (tree, merged) in [
        (json!([]), r#"{"b":{},"a":{"prefix":"1","suffix":null},"c":{}}"#),
        (json!(["parent"]), r#"{"c":{},"b":{},"a":{"prefix":"1"}}"#),
        (json!(["parent", "parent2"]), r#"{"c":{},"b":{},"a":{"prefix":"1"}}"#),
    ] {
        let account = account(tree);
        let parts = Parts { account: account.as_object(), ..Parts::default() };
        assert_eq!(merge(&parts, &[]).0["dial_plan"].to_string(), merged);
    }
}

#[test]
fn a_shape_kazoos_merge_dies_of_says_nothing_and_is_named() {
    let fine = json!({});
    let denied = json!({"call_restriction": {"did_us": {"action": "deny"}}});
    for (account, owner, device, reason, otherwise) in [
        (
            json!({"call_restriction": "deny"}),
            fine.clone(),
            denied.clone(),
            Some(("account", "call_restriction", "\"deny\"")),
            Verdict::Denied,
        ),
        (
            fine.clone(),
            json!({"call_restriction": {"did_us": "deny"}}),
            fine.clone(),
            Some(("owner", "call_restriction.did_us", "\"deny\"")),
            Verdict::Allowed,
        ),
        (
            json!({"call_restriction": null}),
            denied.clone(),
            fine.clone(),
            Some(("account", "call_restriction", "null")),
            Verdict::Denied,
        ),
        // What the account denies is not asked of the owner.
        (denied.clone(), json!({"call_restriction": "x"}), fine.clone(), None, Verdict::Denied),
        // With ancestors, `null`s are gone before.
        (
            json!({"call_restriction": null, "pvt_tree": ["p"]}),
            fine.clone(),
            fine.clone(),
            None,
            Verdict::Allowed,
        ),
        (json!({"call_restriction": []}), fine.clone(), denied.clone(), None, Verdict::Denied),
        (
            denied.clone(),
            fine.clone(),
            json!({"call_restriction": ["x"]}),
            Some(("endpoint", "call_restriction", "[\"x\"]")),
            Verdict::Allowed,
        ),
        (denied.clone(), fine.clone(), json!({"call_restriction": "x"}), None, Verdict::Denied),
        (
            json!({"dial_plan": "x"}),
            fine.clone(),
            fine.clone(),
            Some(("account", "dial_plan", "\"x\"")),
            Verdict::Allowed,
        ),
        (
            json!({"dial_plan": {"a": "x"}}),
            fine.clone(),
            json!({"dial_plan": {"a": {"prefix": "1"}}}),
            Some(("account", "dial_plan.a", "\"x\"")),
            Verdict::Allowed,
        ),
    ] {
        let parts = Parts {
            endpoint: device.as_object(),
            owner: Owner::User(owner.as_object()),
            account: account.as_object(),
            ..Parts::default()
        };
        let (merged, misshapen) = merge(&parts, &["did_us"]);
        let misshapen =
            misshapen.as_ref().map(|it| (it.whose.as_str(), it.path.as_str(), it.value.as_str()));
        assert_eq!(misshapen, reason, "{account} {owner} {device}");
        assert_eq!(verdict(&merged, Some("did_us")), otherwise, "{account} {owner} {device}");
    }
}

#[test]
fn hotdesk_users_of_a_bad_shape_are_asked_as_kazoo_asks_them() {
    let bad = json!({"call_restriction": {"did_us": "deny"}});
    let text = json!({"call_restriction": "deny"});
    let inherit = json!({});
    let (bad, text, inherit) = (|| object(&bad), || object(&text), || object(&inherit));
    let array = || object(&json!({"call_restriction": ["x"]}));
    for (owner, broken) in [
        (Owner::HotdeskUser(bad()), true),
        (Owner::HotdeskUser(text()), false),
        (Owner::HotdeskUser(array()), false),
        (Owner::HotdeskUsers(vec![inherit(), bad()]), true),
        // The last is asked first, and its answer settles it.
        (Owner::HotdeskUsers(vec![bad(), inherit()]), false),
        (Owner::HotdeskUsers(vec![bad(), text()]), false),
    ] {
        let case = format!("{owner:?}");
        let parts = Parts { owner: owner.map(Some), ..Parts::default() };
        let (merged, misshapen) = merge(&parts, &["did_us"]);
        assert_eq!(misshapen.is_some(), broken, "{case}");
        assert_eq!(verdict(&merged, Some("did_us")), Verdict::Allowed);
    }
}

#[test]
fn a_verdict_is_deny_and_nothing_else() {
    for (endpoint, classification, expected) in [
        (json!(null), Some("did_us"), Verdict::Allowed),
        (json!({}), Some("did_us"), Verdict::Allowed),
        (json!({"call_restriction": {}}), Some("did_us"), Verdict::Allowed),
        (
            json!({"call_restriction": {"did_us": {"action": "deny"}}}),
            Some("did_us"),
            Verdict::Denied,
        ),
        (
            json!({"call_restriction": {"did_us": {"action": "deny"}}}),
            Some("unknown"),
            Verdict::Allowed,
        ),
        (json!({"call_restriction": {"did_us": {"action": "deny"}}}), None, Verdict::Allowed),
        (
            json!({"call_restriction": {"did_us": {"action": "Deny"}}}),
            Some("did_us"),
            Verdict::Allowed,
        ),
        (
            json!({"call_restriction": {"did_us": {"action": ["deny"]}}}),
            Some("did_us"),
            Verdict::Denied,
        ),
        (
            json!({"call_restriction": {"did_us": {"action": null}}}),
            Some("did_us"),
            Verdict::Allowed,
        ),
        (json!({"call_restriction": []}), Some("did_us"), Verdict::Allowed),
        (json!({"call_restriction": {"did_us": []}}), Some("did_us"), Verdict::Allowed),
    ] {
        assert_eq!(verdict(&endpoint, classification), expected, "{endpoint} {classification:?}");
    }
    for (endpoint, classification, named) in [
        (
            json!({"call_restriction": "deny"}),
            Some("did_us"),
            "`call_restriction` of the endpoint is \"deny\",",
        ),
        (
            json!({"call_restriction": null}),
            Some("did_us"),
            "`call_restriction` of the endpoint is null,",
        ),
        (json!({"call_restriction": null}), None, "`call_restriction` of the endpoint is null,"),
        (
            json!({"call_restriction": {"did_us": "deny"}}),
            Some("did_us"),
            "`call_restriction.did_us` of the endpoint is \"deny\",",
        ),
    ] {
        let Verdict::Broken(reason) = verdict(&endpoint, classification) else {
            panic!("{endpoint}")
        };
        assert!(reason.starts_with(named), "{reason}");
    }
}
