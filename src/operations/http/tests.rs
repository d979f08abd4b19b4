use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::rig::{PATIENCE, Rig, ask};
use super::*;
use crate::operations::records::Record;

/// A listener with a page of its own, as a console would have, and these bounds.
async fn page(bounds: Bounds) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = || get(async || "open\n");
    let router = Router::new().route("/", get(async || "page\n").post(async || "done\n"));
    let open =
        Router::new().route("/healthz", open()).route("/readyz", open()).route("/metrics", open());
    let router = guarded(router, open, &Hosts::new(address, &["cid.example.com".to_owned()]));
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, router, bounds, stop.clone()));
    (address, stop, server)
}

#[tokio::test]
async fn finished_calls_are_told_and_nonsense_is_refused_with_a_sentence() {
    let rig = Rig::new(&[]).await;
    for call_id in ["a/b@1", "c@1", "a/b@1"] {
        let call_id = call_id.to_owned();
        rig.records.add(Record { call_id, end: "static".to_owned(), ..Record::default() });
    }
    let long = format!("/calls/{}", "x".repeat(256));
    for (path, status, calls) in [
        ("/calls", 200, Some(3)),
        ("/calls?limit=2", 200, Some(2)),
        ("/calls/a%2Fb%401", 200, Some(2)),
        ("/calls/c@1", 200, Some(1)),
        ("/calls/none", 404, None),
        ("/calls/%ff", 400, None),
        ("/calls?limit=0", 400, None),
        ("/calls?limit=1001", 400, None),
        ("/calls?limit=two", 400, None),
        ("/calls?page=2", 400, None),
        (&long, 400, None),
        ("/other", 404, None),
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.0);
        match calls {
            Some(calls) => assert_eq!(answer.json()["calls"].as_array().unwrap().len(), calls),
            None => assert!(answer.body().len() > 10, "{path}: no sentence: {}", answer.0),
        }
    }
    rig.end().await;
}

#[tokio::test]
async fn readiness_names_what_is_in_the_way() {
    let rig = Rig::new(&[]).await;
    assert_eq!(rig.get("/readyz").await.status(), 200);
    rig.database.send_replace(Some(Err("CouchDB is down".to_owned())));
    assert_eq!(rig.get("/healthz").await.status(), 200);
    let answer = rig.get("/readyz").await;
    assert_eq!((answer.status(), answer.body()), (503, "CouchDB: CouchDB is down\n"));
    assert!(rig.get("/metrics").await.body().contains("kazoo_dynamic_cid_in_flight 0"));
    rig.end().await;
}

#[tokio::test]
async fn a_foreign_host_sees_health_and_metrics_and_nothing_else() {
    let (address, stop, server) = page(Bounds::default()).await;
    let ours = format!("Host: {address}\r\n");
    for (line, headers, status) in [
        ("GET / HTTP/1.1", ours.as_str(), 200),
        ("GET / HTTP/1.1", "Host: localhost:1\r\n", 200),
        ("GET / HTTP/1.1", "Host: cid.example.com\r\n", 200),
        ("GET / HTTP/1.1", "Host: evil.example\r\n", 421),
        ("POST / HTTP/1.1", "Host: evil.example\r\nContent-Length: 0\r\n", 421),
        ("GET /none HTTP/1.1", "Host: evil.example\r\n", 421),
        ("GET /none HTTP/1.1", ours.as_str(), 404),
        ("GET //healthz HTTP/1.1", "Host: evil.example\r\n", 421),
        ("GET /healthz/ HTTP/1.1", "Host: evil.example\r\n", 421),
        ("GET /%68ealthz HTTP/1.1", "Host: evil.example\r\n", 421),
        ("GET /healthz HTTP/1.1", "Host: evil.example\r\n", 200),
        ("GET /readyz?a=b HTTP/1.1", "Host: evil.example\r\n", 200),
        ("GET /metrics HTTP/1.1", "Host: evil.example\r\n", 200),
        ("GET / HTTP/1.0", "", 421),
        ("GET /healthz HTTP/1.0", "", 200),
        ("GET / HTTP/1.1", "Host: localhost\r\nHost: evil.example\r\n", 421),
        ("GET http://evil.example/ HTTP/1.1", "Host: localhost\r\n", 421),
        ("GET http://localhost/ HTTP/1.1", "Host: localhost\r\n", 200),
    ] {
        let request = format!("{line}\r\n{headers}Connection: close\r\n\r\n");
        let answer = ask(address, &request).await;
        assert_eq!(
            answer.split(' ').nth(1),
            Some(status.to_string().as_str()),
            "{request}{answer}"
        );
        assert_eq!(status == 421, answer.contains("--http-hosts"), "{answer}");
    }
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let (address, stop, server) = page(Bounds::default()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(100));
    for request in [long, many] {
        let answer = ask(address, &request).await;
        assert!(!answer.contains(" 200 ") && answer.len() < 1000, "{answer}");
    }
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn clients_that_send_or_ask_nothing_make_room_for_others() {
    let head = Duration::from_millis(200);
    let bounds = Bounds { connections: 4, head, ..Bounds::default() };
    let (address, stop, server) = page(bounds).await;
    let mut silent = Vec::new();
    for number in 0..12 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let said: &[u8] = if number % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nHost: " };
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    let started = Instant::now();
    let answer = ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.await.ends_with("page\n"));
    // Three rounds of four wait before: the bound holds.
    assert!(started.elapsed() >= 2 * head, "{:?}", started.elapsed());
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_ends_however_busy_it_is() {
    let lifetime = Duration::from_millis(300);
    let bounds = Bounds { lifetime, farewell: lifetime, ..Bounds::default() };
    let (address, stop, server) = page(bounds).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let started = Instant::now();
    let mut answers = 0;
    while started.elapsed() < PATIENCE {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut answer = [0; 512];
        if stream.write_all(request).await.is_err() {
            break;
        }
        match stream.read(&mut answer).await {
            Ok(length) if length > 0 => answers += 1,
            _ => break,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(answers > 1, "{answers}");
    assert!(started.elapsed() < PATIENCE, "it is still served");
    stop.cancel();
    server.await.unwrap();
}
