#![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

use serde_json::json;

use super::super::test_documents::{Map, Unreadable, account};
use super::*;

async fn find(documents: &Map, number: &str) -> Result<Found, LookupError<Unreadable>> {
    lookup(documents, &account(), number, OptionalGroups::NoCapture).await
}

fn callflow(id: &str, numbers: Value, patterns: Value) -> Value {
    json!({"_id": id, "pvt_type": "callflow", "numbers": numbers, "patterns": patterns,
        "flow": {"module": id}})
}

fn account_of_three() -> Map {
    Map::of([
        callflow("cf_2000", json!(["2000", "+15145550100"]), json!([])),
        callflow("cf_feature", json!([]), json!([r"^\*2([0-9]{2,})$"])),
        callflow("cf_no_match", json!(["no_match", "1001"]), json!([])),
    ])
}

#[tokio::test]
async fn a_number_is_found_by_number_pattern_or_no_match() {
    let documents = account_of_three();
    for (number, id, no_match, group) in [
        ("2000", "cf_2000", false, None),
        ("+15145550100", "cf_2000", false, None),
        ("*2015149072508", "cf_feature", false, Some("015149072508")),
        ("15145550100", "cf_no_match", true, None),
        ("+15149072508", "cf_no_match", true, None),
        ("++1", "cf_no_match", true, None),
        ("+", "cf_no_match", true, None),
        // `no_match` is a property of the document, not of the way to it.
        ("1001", "cf_no_match", true, None),
        ("no_match", "cf_no_match", true, None),
    ] {
        let found = find(&documents, number).await.unwrap();
        assert_eq!((found.id.as_str(), found.no_match), (id, no_match), "{number}");
        assert_eq!(found.capture_group().as_deref(), group, "{number}");
        assert_eq!(Value::Object(found.flow().clone()), json!({ "module": id }), "{number}");
    }
}

#[tokio::test]
async fn the_way_to_the_callflow_is_told() {
    let documents = account_of_three();
    assert_eq!(find(&documents, "1001").await.unwrap().via, Via::Number("1001".into()));
    assert_eq!(find(&documents, "7").await.unwrap().via, Via::NoMatch);
    assert!(matches!(
        find(&documents, "*212").await.unwrap().via,
        Via::Pattern(PatternMatch { ref pattern, .. }) if pattern == r"^\*2([0-9]{2,})$"
    ));
}

#[tokio::test]
async fn what_nothing_takes_is_not_found() {
    let nothing = Map::of([]);
    let all = account_of_three();
    for (documents, number, reason) in [
        (&all, "", "there is no number to look a callflow up by"),
        (
            &all,
            "*98",
            "no callflow has the number `*98` or a pattern for it, and `no_match` takes only digits",
        ),
        (
            &all,
            "1+1",
            "no callflow has the number `1+1` or a pattern for it, and `no_match` takes only digits",
        ),
        (
            &all,
            "٣",
            "no callflow has the number `٣` or a pattern for it, and `no_match` takes only digits",
        ),
        (
            &nothing,
            "1",
            "no callflow has the number `1` or a pattern for it, and none has the number `no_match`",
        ),
        (
            &nothing,
            "no_match",
            "no callflow has the number `no_match` or a pattern for it, and none has the number `no_match`",
        ),
    ] {
        assert_eq!(find(documents, number).await.unwrap_err().to_string(), reason);
    }
}

#[tokio::test]
async fn only_unreadable_patterns_are_passed_over() {
    let number = account_of_three().unreadable("7");
    let message = "the callflow for `7` cannot be looked up: `7` cannot be read";
    assert_eq!(find(&number, "7").await.unwrap_err().to_string(), message);

    let patterns = account_of_three().unreadable("listing_by_pattern");
    assert_eq!(find(&patterns, "7").await.unwrap().via, Via::NoMatch);
    assert!(matches!(find(&patterns, "*212").await, Err(LookupError::NotFound { .. })));

    let no_match = account_of_three().unreadable("no_match");
    assert!(matches!(find(&no_match, "7").await, Err(LookupError::Unreadable { .. })));

    let document = account_of_three().unreadable("cf_feature");
    assert!(matches!(find(&document, "*212").await, Err(LookupError::Unreadable { .. })));
}

#[tokio::test]
async fn a_crash_of_kazoos_lookup_ends_ours_where_asked() {
    let documents = Map::of([callflow("cf_bad", json!([]), json!([r"^\*3(a)?$"]))]);
    let crashed = lookup(&documents, &account(), "*3", OptionalGroups::Crash).await;
    assert!(matches!(crashed, Err(LookupError::Crash(_))));
    assert_eq!(find(&documents, "*3").await.unwrap().capture_group(), None);
    // A number of a callflow never gets as far as the patterns.
    let documents = Map::of([callflow("cf_bad", json!(["*3"]), json!([r"^\*3(a)?$"]))]);
    assert!(lookup(&documents, &account(), "*3", OptionalGroups::Crash).await.is_ok());
}

#[tokio::test]
async fn a_deleted_callflow_behind_a_pattern_is_an_error() {
    let mut documents = account_of_three();
    let mut deleted = callflow("cf_feature", json!([]), json!([r"^\*2([0-9]{2,})$"]));
    deleted["pvt_deleted"] = json!(true);
    documents.documents.insert("cf_feature".into(), Arc::new(deleted));
    assert_eq!(
        find(&documents, "*212").await.unwrap_err().to_string(),
        r"callflow `cf_feature`, whose pattern `^\*2([0-9]{2,})$` matches `*212`, does not exist"
    );
}

#[tokio::test]
async fn groups_stored_in_the_document_count_where_the_pattern_gives_none() {
    let stored = |patterns| {
        let mut document = callflow("cf", json!(["1"]), patterns);
        document["capture_group"] = json!("stored");
        document["capture_groups"] = json!({"cid": "stored"});
        Map::of([document])
    };
    let by_number = find(&stored(json!([])), "1").await.unwrap();
    assert_eq!(by_number.capture_group().as_deref(), Some("stored"));
    assert_eq!(Value::Object(by_number.capture_groups()), json!({"cid": "stored"}));
    let emptied = find(&stored(json!([r"^\*2(\d)$"])), "*20").await.unwrap();
    assert_eq!(emptied.capture_group().as_deref(), Some("stored"));
    let matched = find(&stored(json!([r"^\*2(?<cid>\d)$"])), "*21").await.unwrap();
    assert_eq!(matched.capture_group().as_deref(), Some("1"));
    assert_eq!(Value::Object(matched.capture_groups()), json!({"cid": "1"}));
}

#[tokio::test]
async fn numbers_that_are_no_list_hold_no_no_match() {
    let documents = Map::of([json!({"_id": "cf", "pvt_type": "callflow", "numbers": "no_match",
        "patterns": ["^1$"], "flow": null})]);
    let found = find(&documents, "1").await.unwrap();
    assert!(!found.no_match);
    assert!(found.flow().is_empty());
}

fn account_with_numbers_of_its_own() -> Map {
    let own = |id: &str, own: Value| {
        let mut document = callflow(id, json!(["2000", "no_match"]), json!([]));
        document["kazoo_dynamic_cid"] = own;
        document
    };
    Map::of([
        own("cf_a", json!({"numbers": ["3000", "no_match"], "patterns": [r"^\*3(a)?$"]})),
        own("cf_b", json!({"patterns": [r"^\*2([0-9]{2,})$", r"^\*2(?<cid>[0-9]{2})([0-9]+)$"]})),
    ])
}

async fn exclusive(
    documents: &Map,
    number: &str,
) -> Result<Option<Found>, LookupError<Unreadable>> {
    lookup_exclusive(documents, &account(), number, OptionalGroups::NoCapture).await
}

#[tokio::test]
async fn what_only_we_answer_to_is_found_by_number_or_pattern() {
    let documents = account_with_numbers_of_its_own();
    for (number, id, group) in [
        ("3000", "cf_a", None),
        ("*3", "cf_a", None),
        ("*2014155551234", "cf_b", Some("014155551234")),
    ] {
        let found = exclusive(&documents, number).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.capture_group().as_deref()), (id, group), "{number}");
        assert_eq!(Value::Object(found.flow().clone()), json!({ "module": id }), "{number}");
        // It is what the document says, as ever.
        assert!(found.no_match);
    }
    assert_eq!(
        exclusive(&documents, "3000").await.unwrap().unwrap().via,
        Via::Number("3000".into())
    );
}

#[tokio::test]
async fn what_kazoo_lists_is_none_of_ours_and_nothing_takes_the_rest() {
    let documents = account_with_numbers_of_its_own();
    for number in ["2000", "15145550100", "*98", "+"] {
        assert_eq!(exclusive(&documents, number).await.unwrap(), None, "{number}");
    }
    assert_eq!(exclusive(&Map::of([]), "1").await.unwrap(), None);
    assert!(matches!(exclusive(&documents, "").await, Err(LookupError::InvalidNumber)));
    // And KAZOO's lookup knows nothing of ours.
    assert!(matches!(find(&documents, "*2014155551234").await, Err(LookupError::NotFound { .. })));
    assert_eq!(find(&documents, "3000").await.unwrap().via, Via::NoMatch);
}

#[tokio::test]
async fn a_listing_of_ours_that_cannot_be_read_is_an_error() {
    for (unreadable, number) in
        [("exclusive 7", "7"), ("exclusive patterns", "7"), ("cf_b", "*2014155551234")]
    {
        let documents = account_with_numbers_of_its_own().unreadable(unreadable);
        let error = exclusive(&documents, number).await.unwrap_err();
        assert!(matches!(error, LookupError::Unreadable { .. }), "{unreadable}: {error}");
    }
    // What is not needed is not read.
    let documents = account_with_numbers_of_its_own().unreadable("exclusive patterns");
    assert!(exclusive(&documents, "3000").await.unwrap().is_some());
    assert_eq!(*documents.reads.lock().unwrap(), ["exclusive 3000"]);

    let documents = account_with_numbers_of_its_own();
    let crashed = lookup_exclusive(&documents, &account(), "*3", OptionalGroups::Crash).await;
    assert!(matches!(crashed, Err(LookupError::Crash(_))));
}

#[tokio::test]
async fn the_recorded_account_answers_as_recorded() {
    let documents = Map::recorded();
    for (number, id, group, groups) in [
        ("*51014155551234", "cf_remote_lists", Some("014155551234"), json!({})),
        (
            "*52014155551234",
            "cf_remote_idx",
            Some("4155551234"),
            json!({"cid": "01", "dest": "4155551234"}),
        ),
        ("2005", "cf_lists_nocg", None, json!({})),
        ("+14155551234", "cf_nomatch", None, json!({})),
        ("+14158867900", "cf_dest_local", None, json!({})),
    ] {
        let found = find(&documents, number).await.unwrap();
        assert_eq!((found.id.as_str(), found.capture_group().as_deref()), (id, group), "{number}");
        assert_eq!(Value::Object(found.capture_groups()), groups, "{number}");
    }
}
