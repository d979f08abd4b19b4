//! What is served while the database cannot be read, or not in time.

use super::*;

/// Every way in which a read can fail but one: an answer that is too large is the data's own fault.
const FAILURES: [ReadErrorClass; 9] = [
    ReadErrorClass::Timeout,
    ReadErrorClass::Deadline,
    ReadErrorClass::Unreachable,
    ReadErrorClass::Denied,
    ReadErrorClass::MissingDatabase,
    ReadErrorClass::MissingView,
    ReadErrorClass::Server,
    ReadErrorClass::Refused,
    ReadErrorClass::Malformed,
];

#[tokio::test]
async fn old_data_is_served_whatever_keeps_it_from_being_read() {
    for class in FAILURES {
        let fake = Fake::new(&documents(1));
        let directory = directory(&fake);
        directory.document(&account_db(), "dev").await.unwrap();
        fake.fail("", class);
        clock::test::advance(901);
        for _ in 0..2 {
            let read = directory.document(&account_db(), "dev").await;
            assert_eq!(read.unwrap().unwrap()["version"], 1, "{class:?}");
        }
        clock::test::advance(600);
        let error = directory.document(&account_db(), "dev").await.unwrap_err();
        assert_eq!(error.class(), class);
        fake.recover();
        fake.store(&documents(2));
        clock::test::advance(31);
        let read = directory.document(&account_db(), "dev").await;
        assert_eq!(read.unwrap().unwrap()["version"], 2, "{class:?}");
    }
}

#[tokio::test]
async fn a_list_that_has_grown_too_long_is_not_served_as_it_was() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    directory.list(&account(), "list").await.unwrap();
    fake.fail("lists/entries", ReadErrorClass::TooLarge);
    clock::test::advance(901);
    let error = directory.list(&account(), "list").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::TooLarge);
}

#[tokio::test]
async fn a_document_that_was_deleted_is_not_served_as_it_was() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    directory.document(&account_db(), "dev").await.unwrap();
    fake.store(&json!({ account_db().encoded(): [] }));
    clock::test::advance(901);
    assert_eq!(directory.document(&account_db(), "dev").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_doubtful_is_read_again_and_serves_where_that_fails() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let read = async || directory.document(&account_db(), "dev").await.unwrap().unwrap();
    assert_eq!(read().await["version"], 1);
    fake.store(&documents(2));
    assert_eq!(read().await["version"], 1);
    directory.distrust_everything();
    assert_eq!(read().await["version"], 2);
    fake.reads();
    assert_eq!(read().await["version"], 2);
    assert_eq!(fake.reads(), Vec::<String>::new());

    fake.store(&documents(3));
    fake.fail("", ReadErrorClass::Unreachable);
    directory.distrust_everything();
    for _ in 0..3 {
        assert_eq!(read().await["version"], 2);
    }
    // Asked once, then left alone for the pause.
    assert_eq!(fake.reads(), ["dev"]);
    fake.recover();
    clock::test::advance(6);
    assert_eq!(read().await["version"], 3);
}

#[tokio::test]
async fn a_read_that_began_before_a_doubt_does_not_end_it() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let shut = fake.gate.write().await;
    let begun = tokio::spawn({
        let directory = directory.clone();
        async move { directory.document(&account_db(), "dev").await }
    });
    settle().await;
    directory.distrust_everything();
    fake.store(&documents(2));
    let later = tokio::spawn({
        let directory = directory.clone();
        async move { directory.document(&account_db(), "dev").await }
    });
    settle().await;
    drop(shut);
    assert_eq!(begun.await.unwrap().unwrap().unwrap()["version"], 1);
    assert_eq!(later.await.unwrap().unwrap().unwrap()["version"], 2);
}

#[tokio::test]
async fn reading_ends_with_the_time_of_the_caller() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let shut = fake.gate.write().await;
    let hurried = directory.within(Duration::from_millis(50));
    let started = std::time::Instant::now();
    for _ in 0..3 {
        let error = hurried.document(&account_db(), "dev").await.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::Deadline);
    }
    assert!(hurried.list(&account(), "list").await.is_err());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    drop(shut);
    // What is kept costs no time, and others have theirs.
    assert!(directory.document(&account_db(), "dev").await.unwrap().is_some());
    assert!(hurried.document(&account_db(), "dev").await.unwrap().is_some());
}

#[tokio::test]
async fn one_who_has_no_time_is_served_what_is_kept() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    directory.document(&account_db(), "dev").await.unwrap();
    clock::test::advance(901);
    let _shut = fake.gate.write().await;
    let hurried = directory.within(Duration::from_millis(50));
    let read = hurried.document(&account_db(), "dev").await.unwrap();
    assert_eq!(read.unwrap()["version"], 1);
}

#[tokio::test]
async fn behind_somebody_who_has_more_time_one_waits_no_longer_than_one_can() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let _shut = fake.gate.write().await;
    let patient = tokio::spawn({
        let directory = directory.clone();
        async move { directory.document(&account_db(), "dev").await }
    });
    settle().await;
    let hurried = directory.within(Duration::from_millis(50));
    let error = hurried.document(&account_db(), "dev").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Deadline);
    patient.abort();
}
