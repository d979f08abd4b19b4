//! Reading from a server that answers.

mod failing;

use super::{
    super::canned::{self, Canned},
    *,
};
use crate::directory::AccountId;
use serde_json::json;

const ACCOUNT: &str = "/account%2F12%2F34%2F567890abcdef1234567890abcdef";

fn account() -> Database {
    Database::account(&AccountId::new("1234567890abcdef1234567890abcdef").unwrap())
}

fn couchdb(server: &Canned) -> CouchDb {
    CouchDb::new(&server.uri(), Duration::from_secs(5)).unwrap()
}

fn entries(key: &str) -> ViewQuery<'_> {
    ViewQuery { design: "lists", view: "entries", key: Some(key), ..ViewQuery::default() }
}

async fn always(reply: canned::Reply) -> Canned {
    Canned::serve(move |_, _| reply.clone()).await
}

#[tokio::test]
async fn a_document_is_read_with_its_keys_in_order() {
    let body = r#"{"_id":"number_manager","classifiers":{"zulu":1,"alpha":2,"mike":3}}"#;
    let server = always(canned::Reply::json(200, body)).await;
    let document = couchdb(&server)
        .document(&Database::system_config(), "number_manager")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(document.to_string(), body);
    assert_eq!(server.targets(), ["/system_config/number_manager"]);
}

#[tokio::test]
async fn an_id_is_escaped_exactly_once() {
    for (id, segment) in [
        ("plain.id-1_2~3", "plain.id-1_2~3"),
        ("en-us/prompt", "en-us%2Fprompt"),
        ("a b+c", "a%20b%2Bc"),
        ("50%2F", "50%252F"),
        ("../../_users/x", "..%2F..%2F_users%2Fx"),
        ("%2e%2e", "%252e%252e"),
        ("x?rev=1#y", "x%3Frev%3D1%23y"),
        ("é", "%C3%A9"),
        ("a\r\nb\0", "a%0D%0Ab%00"),
    ] {
        let server = always(canned::Reply::json(200, &json!({ "_id": id }))).await;
        let document = couchdb(&server).document(&account(), id).await.unwrap();
        assert_eq!(document.unwrap()["_id"], id);
        assert_eq!(server.targets(), [format!("{ACCOUNT}/{segment}")], "{id}");
    }
}

#[tokio::test]
async fn an_id_no_document_can_have_is_absent_without_asking() {
    let server = always(canned::Reply::json(200, "{}")).await;
    for id in ["", ".", "..", "_all_docs", "_design/lists", "_changes"] {
        assert_eq!(couchdb(&server).document(&account(), id).await.unwrap(), None, "{id}");
    }
    assert!(server.targets().is_empty());
}

#[tokio::test]
async fn a_view_is_asked_with_its_key_as_json() {
    let row = json!({ "id": "a", "key": "k", "value": { "z": 1, "a": null } });
    let body = json!({ "total_rows": 9, "offset": 3, "rows": [row, { "id": "b", "key": null }] });
    let server = always(canned::Reply::json(200, &body)).await;
    let rows = couchdb(&server).view(&account(), &entries("a \"+&é")).await.unwrap();
    let [first, second] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(first.id, "a");
    assert_eq!(first.value.to_string(), r#"{"z":1,"a":null}"#);
    assert_eq!((&second.value, &second.doc), (&Value::Null, &None));
    assert_eq!(
        server.targets(),
        [format!("{ACCOUNT}/_design/lists/_view/entries?key=%22a+%5C%22%2B%26%C3%A9%22")]
    );
}

#[tokio::test]
async fn documents_are_listed_behind_an_id() {
    let rows = json!({ "total_rows": 2, "offset": 0, "rows": [
        { "id": "b", "key": "b", "value": { "rev": "1-x" }, "doc": { "_id": "b" } },
    ] });
    let server = always(canned::Reply::json(200, &rows)).await;
    let page = Page { after: Some("a/1"), limit: 7, include_docs: true };
    let rows = couchdb(&server).page(&account(), page).await.unwrap();
    assert_eq!((&*rows[0].id, &rows[0].doc), ("b", &Some(json!({ "_id": "b" }))));
    let target = server.targets().remove(0);
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, format!("{ACCOUNT}/_all_docs"));
    let mut options: Vec<_> = query.split('&').collect();
    options.sort_unstable();
    let startkey = "startkey=%22a%2F1%5Cu0000%22";
    assert_eq!(options, ["include_docs=true", "limit=7", startkey]);
}

#[tokio::test]
async fn databases_are_listed_without_couchdbs_own() {
    let names = json!(["_users", "account/12/34/567890abcdef1234567890abcdef", "system_config"]);
    let server = always(canned::Reply::json(200, &names)).await;
    let databases = couchdb(&server).databases().await.unwrap();
    assert_eq!(databases, [account(), Database::system_config()]);
    assert_eq!(server.targets(), ["/_all_dbs"]);
    let server = always(canned::Reply::json(401, r#"{"error":"unauthorized"}"#)).await;
    let error = couchdb(&server).databases().await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Denied);
}

#[tokio::test]
async fn a_view_gives_documents_where_asked() {
    let body = json!({ "rows": [
        { "id": "a", "key": "1", "value": null, "doc": { "_id": "a" } },
        { "id": "b", "key": "1", "value": null, "doc": null },
    ] });
    let server = always(canned::Reply::json(200, &body)).await;
    let query = ViewQuery {
        design: "callflows",
        view: "listing_by_number",
        include_docs: true,
        limit: Some(1),
        key: None,
    };
    let rows = couchdb(&server).view(&account(), &query).await.unwrap();
    assert_eq!(rows[0].doc, Some(json!({ "_id": "a" })));
    assert_eq!(rows[1].doc, None);
    let target = server.targets().remove(0);
    assert!(target.contains("include_docs=true") && target.contains("limit=1"), "{target}");
}

#[tokio::test]
async fn a_404_is_told_apart_by_its_reason() {
    use ReadErrorClass::{Malformed, MissingDatabase, MissingView};
    let said = |reason: &str| json!({ "error": "not_found", "reason": reason }).to_string();
    let proxy = "<html>Not Found</html>".to_owned();
    for (body, document, view) in [
        (said("missing"), None, MissingView),
        (said("deleted"), None, MissingView),
        (said("missing_named_view"), None, MissingView),
        (said("no_db_file"), Some(MissingDatabase), MissingDatabase),
        (said("Database does not exist."), Some(MissingDatabase), MissingDatabase),
        (proxy, Some(Malformed), Malformed),
        ("{}".to_owned(), Some(Malformed), Malformed),
    ] {
        let server = always(canned::Reply::json(404, &body)).await;
        let couchdb = couchdb(&server);
        let read = couchdb.document(&account(), "x").await;
        assert_eq!(read.as_ref().err().map(ReadError::class), document, "{body}");
        assert!(read.is_err() || read.unwrap().is_none());
        assert_eq!(couchdb.view(&account(), &entries("x")).await.unwrap_err().class(), view);
    }
}

#[tokio::test]
async fn credentials_are_sent_as_basic_auth_and_nowhere_else() {
    let server = always(canned::Reply::json(200, r#"{"_id":"x"}"#)).await;
    let mut uri = server.uri();
    uri.set_username("kazoo").unwrap();
    uri.set_password(Some("p@ss/é")).unwrap();
    CouchDb::new(&uri, Duration::from_secs(5)).unwrap().document(&account(), "x").await.unwrap();
    let head = server.requests().remove(0).to_lowercase();
    // base64 of `kazoo:p@ss/é`
    assert!(head.contains(&"authorization: Basic a2F6b286cEBzcy/DqQ==".to_lowercase()), "{head}");
    assert!(!head.contains("p@ss") && !head.contains("p%40ss"), "{head}");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_by_all_who_read() {
    let wrong = json!({ "error": "unauthorized", "reason": "Name or password is incorrect." });
    let server = always(canned::Reply::json(401, &wrong)).await;
    let (couchdb, account) = (couchdb(&server), account());
    let reads = (0..20).map(|_| couchdb.document(&account, "x"));
    for read in futures_util::future::join_all(reads).await {
        let error = read.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::Denied);
        assert!(error.reason().contains("Name or password is incorrect."), "{error}");
    }
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn a_path_in_the_uri_stands_before_every_request() {
    let server = always(canned::Reply::json(200, r#"{"_id":"x"}"#)).await;
    let uri = server.uri().join("/couch/?a=b").unwrap();
    let couchdb = CouchDb::new(&uri, Duration::from_secs(5)).unwrap();
    couchdb.document(&Database::system_config(), "x").await.unwrap();
    assert_eq!(server.targets(), ["/couch/system_config/x"]);
    assert_eq!(couchdb.server(), format!("{}couch", server.uri()));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_names_the_limit() {
    let body = json!({ "_id": "x", "text": "y".repeat(1000) }).to_string();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for reply in [canned::Reply::json(200, &body), canned::Reply::Raw(chunked.into_bytes())] {
        let server = always(reply).await;
        let within = couchdb(&server).with_largest_answer(body.len());
        assert!(within.document(&account(), "x").await.unwrap().is_some());
        let beyond = couchdb(&server).with_largest_answer(body.len() - 1);
        let error = beyond.document(&account(), "x").await.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::TooLarge);
        let limit = format!("limit of {} bytes", body.len() - 1);
        assert!(error.reason().contains(&limit), "{error}");
    }
}

#[tokio::test]
async fn an_id_too_long_for_a_request_is_refused() {
    let server = always(canned::Reply::json(200, "{}")).await;
    let error = couchdb(&server).document(&account(), &"x".repeat(100_000)).await.unwrap_err();
    assert_eq!(error.class(), ReadErrorClass::Refused, "{error}");
}

#[tokio::test]
async fn the_server_answers_where_its_databases_can_be_read() {
    let missing = r#"{"error":"not_found","reason":"Database does not exist."}"#;
    for (reply, class) in [
        (canned::Reply::json(200, r#"{"db_name":"system_config"}"#), None),
        (canned::Reply::json(404, missing), None),
        (canned::Reply::json(401, "{}"), Some(ReadErrorClass::Denied)),
        (canned::Reply::json(503, ""), Some(ReadErrorClass::Server)),
        (canned::Reply::Html(404, "<html>".to_owned()), Some(ReadErrorClass::Malformed)),
        (canned::Reply::Html(200, "<html>".to_owned()), Some(ReadErrorClass::Malformed)),
    ] {
        let server = always(reply).await;
        let answered = couchdb(&server).answers().await;
        assert_eq!(answered.err().map(|error| error.class()), class);
        assert_eq!(server.targets(), ["/system_config"]);
    }
}

#[test]
fn a_uri_that_is_none_of_couchdb_is_refused() {
    for uri in ["amqp://localhost", "file:///tmp", "mailto:a@b"] {
        let error = CouchDb::new(&Url::parse(uri).unwrap(), Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, CouchDbError::Scheme(_)), "{uri}");
    }
    let uri = Url::parse("http://a:%FF@localhost").unwrap();
    let error = CouchDb::new(&uri, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error, CouchDbError::Credentials);
}

proptest::proptest! {
    /// Whatever an id is, the request is for one document of the account, and for this one.
    #[test]
    fn an_id_never_leaves_its_database(id in "\\PC*|[./%\\\\?#_a-f0-9 \r\n\0-]{0,40}|(\\.\\./|%2[fF]|_design/){1,6}x?") {
        if super::is_document_id(&id) {
            let target = super::document_path(&account(), &id);
            let server = Url::parse("http://couchdb/").unwrap();
            let asked = server.join(&target).unwrap();
            proptest::prop_assert_eq!(asked.host_str(), Some("couchdb"));
            proptest::prop_assert!(asked.query().is_none() && asked.fragment().is_none());
            let segments: Vec<_> = asked.path_segments().unwrap().collect();
            proptest::prop_assert_eq!(segments.len(), 2, "{}", asked);
            proptest::prop_assert_eq!(segments[0], account().encoded());
            let decoded = percent_decode_str(segments[1]).decode_utf8().unwrap();
            proptest::prop_assert_eq!(decoded, id);
        }
    }

    /// A database is an account's own or none, whatever an account id is said to be.
    #[test]
    fn an_account_id_never_names_another_database(id in "\\PC{0,40}|[./%_a-fA-F0-9]{30,34}|[a-z0-9]{32}") {
        if let Some(id) = crate::directory::AccountId::new(&id) {
            let name = Database::account(&id).encoded();
            let rest = name.strip_prefix("account%2F").unwrap();
            let parts: Vec<_> = rest.split("%2F").collect();
            proptest::prop_assert_eq!(parts.concat(), id.as_str());
            proptest::prop_assert!(parts.len() == 3 && parts.concat().len() == 32);
        }
    }
}
