use std::collections::BTreeMap;

use super::{
    super::canned::{self, Canned},
    *,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_readers_of_one_missing_key_cause_one_request() {
    for readers in [1, 2, 7, 100] {
        let server = Canned::serve(|head, _| {
            let body = match head {
                head if head.contains("_view/") => json!({ "rows": [] }),
                _ => json!({ "_id": "x" }),
            };
            let reply = canned::Reply::json(200, &body);
            canned::Reply::Slow(Duration::from_millis(50), Box::new(reply))
        })
        .await;
        let couchdb = CouchDb::new(&server.uri(), Duration::from_secs(5)).unwrap();
        let directory = Directory::new(Arc::new(couchdb), DirectoryOptions::default());
        let read = |directory: Directory| async move {
            let account = account();
            directory.document(&account_db(), "x").await.unwrap();
            directory.config("x").await.unwrap();
            directory.list(&account, "x").await.unwrap();
            directory.callflow_by_number(&account, "x").await.unwrap();
            directory.patterns(&account).await.unwrap();
        };
        let all: Vec<_> = (0..readers).map(|_| tokio::spawn(read(directory.clone()))).collect();
        for reader in all {
            reader.await.unwrap();
        }
        let mut requests = BTreeMap::new();
        for target in server.targets() {
            *requests.entry(target).or_insert(0) += 1;
        }
        // The list's own document is read beside its rows, and another cache asked for it, too.
        let twice = format!("/{}/x", account_db().encoded());
        for (target, count) in &requests {
            assert_eq!(*count, if *target == twice { 2 } else { 1 }, "{target}");
        }
        assert_eq!(requests.len(), 5);
    }
}

#[tokio::test]
async fn what_was_read_is_kept_for_its_time() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let version = async || {
        directory.document(&account_db(), "dev").await.unwrap().unwrap()["version"].clone()
    };
    assert_eq!(version().await, 1);
    fake.store(&documents(2));
    assert_eq!(version().await, 1);
    assert_eq!(fake.reads(), ["dev"]);
    clock::test::advance(901);
    assert_eq!(version().await, 2);
    assert_eq!(fake.reads(), ["dev"]);
}

#[tokio::test]
async fn absence_is_kept_for_a_shorter_time() {
    let fake = Fake::new(&json!({ account_db().encoded(): [] }));
    let directory = directory(&fake);
    let read = async || {
        let account = account();
        let missing = directory.document(&account_db(), "dev").await.unwrap();
        assert!(missing.is_none());
        assert!(directory.callflow_by_number(&account, "1").await.unwrap().is_none());
        // That a database is missing is an answer as well.
        directory.document(&Database::accounts(), "x").await.unwrap_err();
    };
    read().await;
    read().await;
    assert_eq!(fake.reads(), ["dev", "callflows/listing_by_number 1", "x"]);
    clock::test::advance(31);
    read().await;
    assert_eq!(fake.reads().len(), 3);
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_wait_and_kept_for_nobody_else() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    for class in [ReadErrorClass::Timeout, ReadErrorClass::Denied, ReadErrorClass::Malformed] {
        fake.fail("dev", class);
        let shut = fake.gate.write().await;
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let directory = directory.clone();
                tokio::spawn(async move { directory.document(&account_db(), "dev").await })
            })
            .collect();
        settle().await;
        drop(shut);
        for reader in readers {
            assert_eq!(reader.await.unwrap().unwrap_err().class(), class);
        }
        assert_eq!(fake.reads(), ["dev"]);
        directory.document(&account_db(), "dev").await.unwrap_err();
        assert_eq!(fake.reads(), ["dev"]);
    }
}

#[tokio::test]
async fn a_reader_that_gives_up_leaves_its_place_to_the_next() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let shut = fake.gate.write().await;
    let read = || {
        let directory = directory.clone();
        tokio::spawn(async move { directory.document(&account_db(), "dev").await })
    };
    let first = read();
    settle().await;
    let second = read();
    settle().await;
    first.abort();
    settle().await;
    drop(shut);
    assert!(second.await.unwrap().unwrap().is_some());
    assert_eq!(fake.reads(), ["dev", "dev"]);
}

#[tokio::test]
async fn old_data_is_served_while_the_database_does_not_answer() {
    for class in [ReadErrorClass::Timeout, ReadErrorClass::Unreachable, ReadErrorClass::Server] {
        let fake = Fake::new(&documents(1));
        let directory = directory(&fake);
        let read = async || directory.document(&account_db(), "dev").await;
        read().await.unwrap();
        fake.reads();
        fake.fail("", class);
        clock::test::advance(901);
        // Asked once, then left alone for the pause.
        for _ in 0..3 {
            assert_eq!(read().await.unwrap().unwrap()["version"], 1);
        }
        assert_eq!(fake.reads(), ["dev"]);
        clock::test::advance(6);
        assert_eq!(read().await.unwrap().unwrap()["version"], 1);
        assert_eq!(fake.reads(), ["dev"]);
        // Not for ever.
        clock::test::advance(600);
        assert_eq!(read().await.unwrap_err().class(), class);
        assert_eq!(read().await.unwrap_err().class(), class);
        fake.recover();
        fake.store(&documents(2));
        assert_eq!(read().await.unwrap().unwrap()["version"], 2);
    }
}

#[tokio::test]
async fn one_timeout_is_enough_for_everything_that_is_kept() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let read = async || {
        let account = account();
        directory.document(&account_db(), "dev").await.unwrap();
        directory.config("media").await.unwrap();
        directory.list(&account, "list").await.unwrap();
        directory.patterns(&account).await.unwrap();
    };
    read().await;
    fake.reads();
    fake.fail("", ReadErrorClass::Timeout);
    clock::test::advance(901);
    read().await;
    assert_eq!(fake.reads(), ["dev"]);
    fake.recover();
    clock::test::advance(6);
    read().await;
    assert_eq!(fake.reads().len(), 5);
}

#[tokio::test]
async fn nobody_joins_a_refresh_that_failed_before() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    directory.document(&account_db(), "dev").await.unwrap();
    fake.fail("", ReadErrorClass::Timeout);
    clock::test::advance(901);
    directory.document(&account_db(), "dev").await.unwrap();
    clock::test::advance(6);
    let shut = fake.gate.write().await;
    let refresh = {
        let directory = directory.clone();
        tokio::spawn(async move { directory.document(&account_db(), "dev").await })
    };
    settle().await;
    let database = account_db();
    let beside = directory.document(&database, "dev");
    let beside = tokio::time::timeout(Duration::from_secs(20), beside).await.unwrap();
    assert_eq!(beside.unwrap().unwrap()["version"], 1);
    drop(shut);
    refresh.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_exceeds_the_capacity_is_served_and_not_kept() {
    let entry =
        |id: u32| json!({ "_id": format!("e{id}"), "pvt_type": "list_entry", "list_id": "list" });
    let stored: Vec<_> = (0..1000).map(entry).collect();
    let fake = Fake::new(&json!({ account_db().encoded(): stored }));
    let options = DirectoryOptions { capacity: 20, ..DirectoryOptions::default() };
    let directory = Directory::new(Arc::<Fake>::clone(&fake), options);
    for _ in 0..3 {
        assert_eq!(directory.list(&account(), "list").await.unwrap().len(), 1000);
    }
    for number in 0..1000 {
        directory.document(&account_db(), &number.to_string()).await.unwrap();
    }
}

#[tokio::test]
async fn times_of_any_length_are_accepted() {
    let fake = Fake::new(&documents(1));
    for time in [Duration::ZERO, Duration::MAX] {
        let options = DirectoryOptions {
            ttl: time,
            absent_ttl: time,
            stale_for: time,
            retry_pause: time,
            ..DirectoryOptions::default()
        };
        let directory = Directory::new(Arc::<Fake>::clone(&fake), options);
        for _ in 0..2 {
            assert!(directory.document(&account_db(), "dev").await.unwrap().is_some());
            assert!(directory.document(&account_db(), "none").await.unwrap().is_none());
        }
    }
}

#[derive(Default)]
struct Evictions(std::sync::atomic::AtomicUsize);

impl Observer for Evictions {
    fn read(&self, _what: &'static str, _outcome: &'static str) {}

    fn evicted(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn what_has_to_go_for_something_else_is_told() {
    let fake = Fake::new(&documents(1));
    let evictions = Arc::new(Evictions::default());
    let directory = Directory::new(
        Arc::<Fake>::clone(&fake),
        DirectoryOptions {
            capacity: 5,
            observer: Some(Arc::<Evictions>::clone(&evictions)),
            ..DirectoryOptions::default()
        },
    );
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    let mut id = 0;
    while evictions.0.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        assert!(std::time::Instant::now() < deadline, "nothing had to go for {id} documents");
        id += 1;
        directory.document(&account_db(), &format!("absent-{id}")).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn read(&self, what: &'static str, outcome: &'static str) {
        self.0.lock().unwrap().push(format!("{what} {outcome}"));
    }
}

#[tokio::test]
async fn every_read_is_observed() {
    let seen = Arc::new(Seen::default());
    let fake = Fake::new(&documents(1));
    let options = DirectoryOptions { observer: Some(seen.clone()), ..DirectoryOptions::default() };
    let directory = Directory::new(Arc::<Fake>::clone(&fake), options);
    let observed = || std::mem::take(&mut *seen.0.lock().unwrap());
    directory.document(&account_db(), "dev").await.unwrap();
    directory.document(&account_db(), "dev").await.unwrap();
    directory.list(&account(), "list").await.unwrap();
    directory.callflow_by_number(&account(), "2001").await.unwrap();
    directory.patterns(&account()).await.unwrap();
    directory.exclusive_by_number(&account(), "2001").await.unwrap();
    assert_eq!(
        observed(),
        [
            "document miss",
            "document hit",
            "list miss",
            "number miss",
            "patterns miss",
            "exclusive_patterns miss",
            "exclusive_number miss"
        ]
    );
    fake.fail("", ReadErrorClass::Timeout);
    clock::test::advance(901);
    directory.document(&account_db(), "dev").await.unwrap();
    directory.document(&account_db(), "dev").await.unwrap();
    directory.document(&account_db(), "other").await.unwrap_err();
    directory.number_rules().await;
    assert_eq!(
        observed(),
        [
            "document timeout",
            "document stale",
            "document stale",
            "document timeout",
            "config timeout",
            "number_rules default"
        ]
    );
}
