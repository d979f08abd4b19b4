use super::*;
use crate::dynamic_cid::SingleDocumentLists;

#[tokio::test]
async fn soft_deleted_and_missing_documents_read_as_absent() {
    let fake = Fake::new(&json!({ account_db().encoded(): [
        { "_id": "a", "pvt_deleted": true },
        { "_id": "b", "pvt_deleted": "true" },
        { "_id": "c", "pvt_deleted": false },
    ] }));
    let directory = directory(&fake);
    for (id, present) in [("a", false), ("b", false), ("c", true), ("d", false)] {
        let document = directory.document(&account_db(), id).await.unwrap();
        assert_eq!(document.is_some(), present, "{id}");
    }
    let missing = directory.document(&Database::system_schemas(), "x").await.unwrap_err();
    assert_eq!(missing.class(), ReadErrorClass::MissingDatabase);
}

#[tokio::test]
async fn an_account_is_read_from_its_own_database() {
    let directory = directory(&Fake::new(&documents(7)));
    assert_eq!(directory.account(&account()).await.unwrap().unwrap()["version"], 7);
    assert_eq!(directory.callflow(&account(), "flow").await.unwrap().unwrap()["version"], 7);
}

#[tokio::test]
async fn a_sip_username_leads_to_its_only_endpoint() {
    let device = |id: &str, username: &str, method: &str| {
        json!({ "_id": id, "pvt_type": "device",
        "sip": { "username": username, "method": method } })
    };
    let fake = Fake::new(&json!({ account_db().encoded(): [
        device("a", "one", "password"),
        device("b", "two", "password"),
        device("c", "two", "password"),
        device("d", "three", "ip"),
    ] }));
    let directory = directory(&fake);
    for (username, endpoint) in [("one", Some("a")), ("two", None), ("three", None), ("", None)] {
        for _ in 0..2 {
            let found = directory.endpoint_by_sip_username(&account(), username).await.unwrap();
            assert_eq!(found.as_deref(), endpoint, "{username}");
        }
    }
    assert_eq!(fake.reads().len(), 4, "each name is asked for once");
    fake.fail("attributes/sip_username", ReadErrorClass::MissingView);
    let error = directory.endpoint_by_sip_username(&account(), "four").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::MissingView);
}

#[tokio::test]
async fn a_category_without_document_has_no_keys() {
    for stored in [
        json!({ "system_config": [] }),
        json!({ "system_config": [{ "_id": "media", "pvt_deleted": true, "default": { "a": 1 } }] }),
        json!({}),
    ] {
        let fake = Fake::new(&stored);
        let category = directory(&fake).config("media").await.unwrap();
        assert_eq!((category.name(), category.get("a")), ("media", None));
    }
    let fake = Fake::new(&documents(1));
    fake.fail("media", ReadErrorClass::Denied);
    let error = directory(&fake).config("media").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Denied);
}

#[tokio::test]
async fn a_category_is_seen_from_the_configured_node_and_zone() {
    let fake = Fake::new(&json!({ "system_config": [{ "_id": "media",
        "default": { "a": 1, "b": 1, "c": 1 }, "east": { "b": 2, "c": 2 }, "n@h": { "c": 3 } }] }));
    let options = DirectoryOptions {
        node: Some("n@h".to_owned()),
        zone: "east".to_owned(),
        ..DirectoryOptions::default()
    };
    let category = Directory::new(fake, options).config("media").await.unwrap();
    for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
        assert_eq!(category.get(key), Some(&json!(value)), "{key}");
    }
}

#[tokio::test]
async fn a_list_has_its_rows_and_what_its_document_adds() {
    let fake = Fake::new(&json!({ account_db().encoded(): [
        { "_id": "list", "pvt_type": "list", "length": 3 },
        { "_id": "e2", "pvt_type": "list_entry", "list_id": "list", "capture_group_key": "02" },
        { "_id": "e1", "pvt_type": "list_entry", "list_id": "list", "capture_group_key": "01" },
        { "_id": "old", "length": 4, "entries": { "0001": { "number": "1" } } },
    ] }));
    let directory = directory(&fake);
    let list = directory.list(&account(), "list").await.unwrap();
    assert_eq!((list.len(), list.document_length()), (2, 3));
    let old = directory.list(&account(), "old").await.unwrap();
    assert_eq!((old.len(), old.document_length()), (0, 4));
    assert_eq!(old.rows(SingleDocumentLists::Read).len(), 1);
    let none = directory.list(&account(), "none").await.unwrap();
    assert_eq!((none.len(), none.document_length()), (0, 2));
}

#[tokio::test]
async fn a_list_needs_its_view_but_not_its_document() {
    let fake = Fake::new(&documents(1));
    fake.fail("lists/entries", ReadErrorClass::Server);
    let error = directory(&fake).list(&account(), "list").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Server);

    let fake = Fake::new(&json!({ account_db().encoded(): [
        { "_id": "e", "pvt_type": "list_entry", "list_id": "list-a" },
    ] }));
    let directory = directory(&fake);
    fake.fail("list-a", ReadErrorClass::Timeout);
    assert_eq!(directory.list(&account(), "list-a").await.unwrap().len(), 1);
    fake.reads();
    clock::test::advance(31);
    directory.list(&account(), "list-a").await.unwrap();
    assert_eq!(fake.reads().len(), 2, "an incomplete list is kept for a short time only");
}

#[tokio::test]
async fn kazoo_5_keeps_its_entries_in_another_view() {
    let fake = Fake::new(&documents(1));
    *fake.list_view.lock().unwrap() = "contacts/entries";
    let directory = directory(&fake);
    assert_eq!(directory.list(&account(), "list").await.unwrap().len(), 1);
    assert_eq!(fake.views(), ["lists/entries list", "contacts/entries list"]);

    // Which one it was is remembered beyond the list itself.
    directory.forget(&account_db(), Some("contact"), "entry");
    directory.list(&account(), "list").await.unwrap();
    assert_eq!(fake.views(), ["contacts/entries list"]);

    // The cluster went back, or was asked too early.
    *fake.list_view.lock().unwrap() = "lists/entries";
    directory.forget(&account_db(), Some("list"), "list");
    directory.list(&account(), "list").await.unwrap();
    assert_eq!(fake.views(), ["contacts/entries list", "lists/entries list"]);
    directory.forget(&account_db(), Some("list"), "list");
    directory.list(&account(), "list").await.unwrap();
    assert_eq!(fake.views(), ["lists/entries list"]);
}

#[tokio::test]
async fn without_any_list_view_the_error_is_about_the_first() {
    let fake = Fake::new(&documents(1));
    *fake.list_view.lock().unwrap() = "nowhere/entries";
    let error = directory(&fake).list(&account(), "list").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::MissingView);
    assert_eq!(error.subject(), &Subject::View("lists/entries".to_owned()));
}

#[tokio::test]
async fn a_callflow_is_found_by_its_number() {
    let flow = |id: &str| json!({ "_id": id, "pvt_type": "callflow", "numbers": ["2001"] });
    let fake = Fake::new(&json!({ account_db().encoded(): [flow("b"), flow("a")] }));
    let directory = directory(&fake);
    let found = directory.callflow_by_number(&account(), "2001").await.unwrap();
    assert_eq!(found.unwrap()["_id"], "a");
    assert_eq!(directory.callflow_by_number(&account(), "2002").await.unwrap(), None);
}

#[tokio::test]
async fn patterns_are_compiled_once_for_an_account() {
    let fake = Fake::new(&json!({ account_db().encoded(): [
        { "_id": "a", "pvt_type": "callflow", "patterns": ["^1$", 7, "^2$"] },
    ] }));
    let directory = directory(&fake);
    let first = directory.patterns(&account()).await.unwrap();
    let second = directory.patterns(&account()).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(Arc::ptr_eq(&first, &second));
}

/// Two callflows under our own key, the second with a pattern, too.
fn exclusive() -> Value {
    let flow = |id: &str, own: Value| {
        json!({ "_id": id, "pvt_type": "callflow", "numbers": ["2001"],
            "kazoo_dynamic_cid": own })
    };
    json!({ account_db().encoded(): [
        flow("b", json!({ "numbers": ["3001"] })),
        flow("a", json!({ "numbers": ["3001", "3002"], "patterns": ["^\\*3([0-9]+)$"] })),
    ] })
}

#[tokio::test]
async fn what_only_we_answer_to_is_listed_apart() {
    let fake = Fake::new(&exclusive());
    let directory = directory(&fake);
    for (number, id) in [("3001", Some("a")), ("3002", Some("a")), ("2001", None)] {
        let found = directory.exclusive_by_number(&account(), number).await.unwrap();
        assert_eq!(found.as_deref().map(|found| &found["_id"]), id.map(Value::from).as_ref());
    }
    assert_eq!(directory.exclusive_patterns(&account()).await.unwrap().len(), 1);
    // Nothing of it is in KAZOO's own listing.
    assert!(directory.callflow_by_number(&account(), "3001").await.unwrap().is_none());
    assert_eq!(directory.patterns(&account()).await.unwrap().len(), 0);
    fake.reads();
    directory.exclusive_by_number(&account(), "3001").await.unwrap();
    directory.exclusive_patterns(&account()).await.unwrap();
    assert!(fake.reads().is_empty(), "everything is kept");
}

#[tokio::test]
async fn an_account_without_our_views_has_nothing_exclusive() {
    let fake = Fake::new(&exclusive());
    fake.fail("kazoo_dynamic_cid/", ReadErrorClass::MissingView);
    let directory = directory(&fake);
    for number in ["3001", "3002", "3003"] {
        let found = directory.exclusive_by_number(&account(), number).await.unwrap();
        assert_eq!(found, None);
    }
    assert_eq!(directory.exclusive_patterns(&account()).await.unwrap().len(), 0);
    assert_eq!(fake.reads(), ["kazoo_dynamic_cid/patterns *"], "one look for all of them");

    // They may come unannounced, and are then found as soon as any other absent thing.
    fake.recover();
    assert_eq!(directory.exclusive_by_number(&account(), "3001").await.unwrap(), None);
    clock::test::advance(31);
    assert!(directory.exclusive_by_number(&account(), "3001").await.unwrap().is_some());
    assert_eq!(directory.exclusive_patterns(&account()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn views_of_ours_that_cannot_be_read_are_an_error() {
    for class in [ReadErrorClass::Timeout, ReadErrorClass::Denied, ReadErrorClass::MissingDatabase]
    {
        let fake = Fake::new(&exclusive());
        fake.fail("kazoo_dynamic_cid/", class);
        let directory = directory(&fake);
        let by_number = directory.exclusive_by_number(&account(), "3001").await.err();
        let patterns = directory.exclusive_patterns(&account()).await.err();
        for error in [by_number, patterns] {
            assert_eq!(error.as_ref().map(ReadError::class), Some(class));
        }
    }
    // A number needs no patterns.
    let fake = Fake::new(&exclusive());
    fake.fail("kazoo_dynamic_cid/patterns", ReadErrorClass::Timeout);
    let found = directory(&fake).exclusive_by_number(&account(), "3001").await.unwrap();
    assert!(found.is_some());
    // And a view of numbers that is missing alone has none.
    let fake = Fake::new(&exclusive());
    fake.fail("kazoo_dynamic_cid/numbers", ReadErrorClass::MissingView);
    let found = directory(&fake).exclusive_by_number(&account(), "3001").await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn number_rules_are_read_anew_only_when_they_changed() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let names = |rules: &crate::numbers::Rules| {
        rules.classifier_names().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = directory.number_rules().await;
    assert_eq!(names(&first), ["class_1"]);
    directory.forget(&Database::system_config(), Some("config"), "number_manager");
    assert!(Arc::ptr_eq(&first, &directory.number_rules().await));
    fake.store(&documents(2));
    directory.forget(&Database::system_config(), Some("config"), "number_manager");
    assert_eq!(names(&*directory.number_rules().await), ["class_2"]);

    fake.fail("number_manager", ReadErrorClass::Denied);
    directory.forget_everything();
    assert_eq!(directory.number_rules().await.classifier_names().next(), Some("tollfree_us"));
    fake.recover();
    assert_eq!(names(&*directory.number_rules().await), ["class_2"]);
}

#[tokio::test]
async fn settings_are_looked_up_once_a_second_and_after_every_change() {
    let changes: [fn(&Directory); 5] = [
        |directory| directory.forget(&Database::system_config(), None, "number_manager"),
        |directory| directory.forget_database(&Database::system_config()),
        Directory::forget_everything,
        Directory::distrust_everything,
        |_| clock::test::advance(901),
    ];
    for change in changes {
        let (fake, looked_up) = (Fake::new(&documents(1)), Arc::new(Mutex::default()));
        let observer = Some(Arc::new(Counts(Arc::clone(&looked_up))) as Arc<dyn Observer>);
        let options = DirectoryOptions { observer, ..DirectoryOptions::default() };
        let directory = Directory::new(Arc::<Fake>::clone(&fake), options);
        let names = async || {
            let settings = directory.settings().await;
            settings.rules.classifier_names().map(str::to_owned).collect::<Vec<_>>()
        };
        let looked_up = || std::mem::take(&mut *looked_up.lock().unwrap());
        assert_eq!((names().await, looked_up()), (vec!["class_1".to_owned()], 5));
        assert_eq!((names().await, looked_up()), (vec!["class_1".to_owned()], 0));
        clock::test::advance(2);
        assert_eq!((names().await, looked_up()), (vec!["class_1".to_owned()], 5));
        fake.store(&documents(2));
        change(&directory);
        assert_eq!((names().await, looked_up()), (vec!["class_2".to_owned()], 5));
    }
}

#[tokio::test]
async fn settings_that_could_not_be_read_are_asked_for_again() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    for category in ["number_manager", "privacy"] {
        directory.forget_everything();
        fake.fail(category, ReadErrorClass::Timeout);
        directory.settings().await;
        fake.reads();
        directory.settings().await;
        assert_eq!(fake.reads(), [category]);
        fake.recover();
        let settings = directory.settings().await;
        assert_eq!(settings.rules.classifier_names().collect::<Vec<_>>(), ["class_1"]);
        fake.reads();
        directory.settings().await;
        assert_eq!(fake.reads(), [""; 0]);
    }
}

/// Counts reads, from the source or not.
struct Counts(Arc<Mutex<u32>>);

impl Observer for Counts {
    fn read(&self, _: &'static str, _: &'static str) {
        *self.0.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn more_rows_than_allowed_are_an_error_that_names_the_limit() {
    let entry =
        |id: u32| json!({ "_id": format!("e{id}"), "pvt_type": "list_entry", "list_id": "list" });
    let mut stored: Vec<Value> = (0..3).map(entry).collect();
    stored.push(json!({ "_id": "f", "pvt_type": "callflow", "patterns": ["1", "2", "3"] }));
    let fake = Fake::new(&json!({ account_db().encoded(): stored }));
    for (max_rows, class) in [(3, None), (2, Some(ReadErrorClass::TooLarge))] {
        let options = DirectoryOptions {
            max_list_rows: max_rows,
            max_patterns: max_rows,
            ..DirectoryOptions::default()
        };
        let directory = Directory::new(Arc::<Fake>::clone(&fake), options);
        let list = directory.list(&account(), "list").await.err();
        let patterns = directory.patterns(&account()).await.err();
        for error in [list, patterns] {
            assert_eq!(error.as_ref().map(ReadError::class), class);
            assert!(error.is_none_or(|error| error.reason().contains("limit of 2")));
        }
    }
}

#[tokio::test]
async fn a_list_of_ten_thousand_entries_is_read_once_and_shared() {
    let entry = |id: u32| {
        json!({ "_id": format!("e{id:05}"), "pvt_type": "list_entry", "list_id": "list",
            "capture_group_key": format!("{id:05}"), "capture_group_length": 5 })
    };
    let fake =
        Fake::new(&json!({ account_db().encoded(): (0..10_000).map(entry).collect::<Vec<_>>() }));
    let directory = directory(&fake);
    let first = directory.list(&account(), "list").await.unwrap();
    let second = directory.list(&account(), "list").await.unwrap();
    assert_eq!(first.len(), 10_000);
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(fake.views(), ["lists/entries list"]);
}
