//! Reading from a server that fails.

use super::*;

#[tokio::test]
async fn every_bad_answer_has_its_class() {
    use ReadErrorClass::{Denied, Malformed, Refused, Server};
    let json = |status, body: &str| canned::Reply::json(status, body);
    let complaint = r#"{"error":"unauthorized","reason":"You are not a server admin."}"#;
    for (reply, class, said) in [
        (json(401, complaint), Denied, "unauthorized, You are not a server admin."),
        (json(403, "{}"), Denied, "HTTP 403"),
        (json(400, complaint), Refused, "HTTP 400"),
        (json(429, ""), Refused, "HTTP 429"),
        (json(503, "<h1>503</h1>\nNo server"), Server, "<h1>503</h1> No server"),
        (json(304, ""), Malformed, "HTTP 304"),
        (canned::Reply::Html(200, "<html>".to_owned()), Malformed, "not a JSON document"),
        (json(200, ""), Malformed, "not a JSON document"),
        (json(200, r#"{"_id":"x","#), Malformed, "not a JSON document"),
        (json(200, "[]"), Malformed, "no `_id`"),
        (json(200, r#"{"couchdb":"Welcome"}"#), Malformed, "no `_id`"),
        (json(200, r#"{"_id":"y"}"#), Malformed, "another document, `y`"),
        (canned::Reply::Raw(b"SSH-2.0-OpenSSH\r\n<cut>".to_vec()), ReadErrorClass::Unreachable, ""),
    ] {
        let server = always(reply).await;
        let error = couchdb(&server).document(&account(), "x").await.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            error
                .to_string()
                .contains("document `x` in database `account/12/34/567890abcdef1234567890abcdef`"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn bad_rows_are_malformed_and_cut_rows_a_server_error() {
    for (body, class) in [
        ("[]", ReadErrorClass::Malformed),
        (r#"{"rows":{}}"#, ReadErrorClass::Malformed),
        (r#"{"rows":[{"key":null,"value":3}]}"#, ReadErrorClass::Malformed),
        (r#"{"rows":[{"id":"a","key":1}]"#, ReadErrorClass::Malformed),
        (r#"{"rows":[],"error":"timeout"}"#, ReadErrorClass::Server),
    ] {
        let server = always(canned::Reply::json(200, body)).await;
        let error = couchdb(&server).view(&account(), &entries("x")).await.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(error.to_string().contains("view `lists/entries`"), "{error}");
    }
}

#[tokio::test]
async fn a_500_is_asked_again_twice() {
    for status in [500, 504] {
        let server = Canned::serve(move |_, before| match before {
            0 | 1 => canned::Reply::json(status, "{}"),
            _ => canned::Reply::json(200, r#"{"_id":"x"}"#),
        })
        .await;
        assert!(couchdb(&server).document(&account(), "x").await.unwrap().is_some());
        assert_eq!(server.targets().len(), 3);

        let server = always(canned::Reply::json(status, r#"{"error":"boom"}"#)).await;
        let error = couchdb(&server).document(&account(), "x").await.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::Server);
        assert!(error.reason().contains("boom"), "{error}");
        assert_eq!(server.targets().len(), 3);
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_at_once() {
    for broken in [
        canned::Reply::Close,
        canned::Reply::Reset,
        canned::Reply::Truncated(r#"{"_id":"x"}"#.to_owned()),
    ] {
        let once = broken.clone();
        let server = Canned::serve(move |_, before| match before {
            0 => once.clone(),
            _ => canned::Reply::json(200, r#"{"_id":"x"}"#),
        })
        .await;
        assert!(couchdb(&server).document(&account(), "x").await.unwrap().is_some());

        let server = always(broken).await;
        let error = couchdb(&server).document(&account(), "x").await.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::Unreachable, "{error}");
        assert_eq!(server.targets().len(), 3);
    }
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_names_no_uri() {
    // A port that was free a moment ago, and is again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let mut with_secret = uri.clone();
    with_secret.set_username("kazoo").unwrap();
    with_secret.set_password(Some("s3cret")).unwrap();
    let couchdb = CouchDb::new(&with_secret, Duration::from_secs(5)).unwrap();
    let error = couchdb.document(&account(), "x").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Unreachable, "{error}");
    assert!(error.reason().contains("refused"), "{error}");
    for text in [format!("{error:?}"), format!("{couchdb:?}"), error.to_string()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(couchdb.answers().await.unwrap_err().class(), ReadErrorClass::Unreachable);
}

#[tokio::test]
async fn a_slow_answer_is_a_timeout_of_the_whole_read() {
    let slow = |reply| canned::Reply::Slow(Duration::from_secs(30), Box::new(reply));
    let server = always(slow(canned::Reply::json(200, "{}"))).await;
    let couchdb = CouchDb::new(&server.uri(), Duration::from_millis(100)).unwrap();
    let error = couchdb.document(&account(), "x").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Timeout);
    assert_eq!(error.reason(), "no answer within 100 ms");

    // Retries do not extend it, and what the server did say is what is reported.
    let server = always(canned::Reply::json(500, r#"{"error":"boom"}"#)).await;
    let couchdb = CouchDb::new(&server.uri(), Duration::from_millis(250)).unwrap();
    let error = couchdb.document(&account(), "x").await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Server);
    // The third one would be asked after 300 ms.
    assert!((1..=2).contains(&server.targets().len()));
}
