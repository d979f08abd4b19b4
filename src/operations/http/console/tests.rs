use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::assets;
use crate::amqp::SessionState;
use crate::operations::http::rig::{Answer, Behind, PATIENCE, Rig};
use crate::operations::http::serve::{Bounds, serve};
use crate::operations::records::Record;
use crate::operations::running::RunningCall;

const ACCOUNT: &str = "c1d0f3a8b27e4c65913d0ae84f5b6d21";
const JSON: &str = "Content-Type: application/json\r\n";

fn record(call_id: &str) -> Record {
    Record { call_id: call_id.to_owned(), end: "static".to_owned(), ..Record::default() }
}

async fn simulate(rig: &Rig, head: &str, body: &str) -> Answer {
    rig.ask("POST /simulate", head, body).await
}

/// A stream of events, read so far.
struct Stream {
    stream: TcpStream,
    text: String,
}

impl Stream {
    async fn open(rig: &Rig, head: &str) -> Self {
        Self::open_at(rig.address, head).await
    }

    async fn open_at(address: SocketAddr, head: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /events HTTP/1.1\r\nHost: localhost\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, text: String::new() }
    }

    /// Reads on until the text so far has this; the text.
    async fn until(&mut self, wanted: &str) -> &str {
        let reading = async {
            let mut buffer = [0; 4096];
            while !self.text.contains(wanted) {
                let length = self.stream.read(&mut buffer).await.unwrap();
                assert!(length > 0, "ended without {wanted}: {}", self.text);
                self.text += &String::from_utf8_lossy(&buffer[..length]);
            }
        };
        timeout(PATIENCE, reading).await.expect("it does not come");
        &self.text
    }

    /// The data of the events of this name so far.
    fn data(&self, name: &str) -> Vec<Value> {
        let head = format!("event: {name}\n");
        let events = self.text.split(&head).skip(1);
        let data = events.filter_map(|event| event.split_once("data: ")?.1.lines().next());
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    fn last_id(&self) -> String {
        let id = self.text.rsplit_once("\nid: ").expect("an id").1;
        id.lines().next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn every_file_of_the_page_is_kept_by_a_browser_until_it_changes() {
    let rig = Rig::new(&[]).await;
    for asset in assets::ALL {
        let answer = rig.get(asset.path).await;
        assert_eq!(answer.status(), 200, "{}", asset.path);
        let tag = answer.header("etag").unwrap();
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let again = format!("If-None-Match: {tag}\r\n");
        let again = rig.ask(&format!("GET {}", asset.path), &again, "").await;
        assert_eq!((again.status(), again.body()), (304, ""), "{}", asset.path);
    }
    rig.end().await;
}

#[tokio::test]
async fn every_answer_has_a_policy_for_the_browser() {
    let rig = Rig::new(&[]).await;
    for path in ["/", "/state", "/settings", "/words", "/calls", "/none", "/readyz"] {
        let answer = rig.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let kept = if path == "/" { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
    }
    rig.end().await;
}

#[tokio::test]
async fn the_state_tells_of_each_connection() {
    let rig = Rig::new(&["--node", "cid@apps1", "--prefetch", "50"]).await;
    rig.metrics.in_flight.set(3);
    let call = RunningCall { call_id: "a@b".to_owned(), account: None, began_at_ms: 7 };
    let serving = rig.metrics.running.begin(call);
    let state = rig.get("/state").await.json();
    for (member, value) in [
        ("/node", json!("cid@apps1")),
        ("/ready", json!(true)),
        ("/rabbitmq/state", json!("up")),
        ("/rabbitmq/text", json!("connected to amqp://a")),
        ("/couchdb/state", json!("up")),
        ("/other_zones/0/zone", json!("west")),
        ("/other_zones/0/state", json!("waiting")),
        ("/in_flight", json!(3)),
        ("/most_in_flight", json!(50)),
        ("/oldest", json!([{"call_id": "a@b", "began_at_ms": 7}])),
        ("/last_minute/p50_us", Value::Null),
    ] {
        assert_eq!(state.pointer(member), Some(&value), "{member}: {state:#}");
    }
    drop(serving);
    rig.session.send_replace(SessionState::Down { last_error: "refused".to_owned() });
    let state = rig.get("/state").await.json();
    assert_eq!(state["ready"], false);
    assert_eq!(state["rabbitmq"], json!({"state": "down", "text": "not connected: refused"}));
    assert_eq!(state["obstacles"], json!(["RabbitMQ: not connected: refused"]));
    rig.end().await;
}

#[tokio::test]
async fn settings_come_with_their_origin_and_without_passwords() {
    let rig = Rig::new(&["--amqp-uri", "amqp://kazoo:s3cret@a", "--zone", "east"]).await;
    let answer = rig.get("/settings").await;
    assert!(!answer.0.contains("s3cret"), "{}", answer.0);
    let settings = answer.json();
    let row = |name: &str| {
        let rows = settings["settings"].as_array().unwrap().iter();
        rows.clone().find(|row| row["name"] == name).cloned().unwrap()
    };
    let broker = row("amqp-uri");
    assert_eq!(broker["value"], "amqp://kazoo:…@a");
    assert_eq!(broker["origin"], "flag --amqp-uri");
    assert_eq!((&row("zone")["value"], &row("zone")["default"]), (&json!("east"), &json!("local")));
    assert_eq!(row("grace")["origin"], "default");
    rig.end().await;
}

#[tokio::test]
async fn every_reason_and_end_has_its_meaning() {
    let rig = Rig::new(&[]).await;
    let words = rig.get("/words").await.json();
    assert_eq!(words["reasons"]["entry"], "an entry of the list has the dialled key");
    assert_eq!(
        words["ends"]["destroyed"],
        json!({"meaning": "the caller hung up", "class": "gone"})
    );
    rig.end().await;
}

#[tokio::test]
async fn a_call_is_simulated_as_on_the_command_line() {
    let rig = Rig::new(&[]).await;
    let body = json!({"account": ACCOUNT, "dial": "*2015149072508"}).to_string();
    let answer = simulate(&rig, JSON, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.0);
    let told = answer.json();
    assert_eq!((&told["mode"], &told["reason"]), (&json!("lists"), &json!("entry")));
    assert_eq!(told["entry"], "01");
    let body = json!({"account": ACCOUNT, "dial": "*2015149072508", "seam": "route"}).to_string();
    assert_eq!(simulate(&rig, JSON, &body).await.json()["answer"], "left_to_callflow");
    assert!(told["steps"].as_array().unwrap().len() > 3, "{told:#}");
    // As a page of the worker's own asks.
    let head = format!("{JSON}Origin: http://localhost:{0}\r\nHost: localhost:{0}\r\n", 8090);
    let body =
        json!({"account": ACCOUNT, "dial": "*65149072508", "from": "", "keys": "4165550123"});
    let answer = simulate(&rig, &head, &body.to_string()).await;
    assert_eq!(answer.json()["reason"], "digits_accepted", "{}", answer.0);
    rig.end().await;
}

#[tokio::test]
async fn masked_numbers_are_masked_in_simulations() {
    let rig = Rig::new(&["--mask-numbers", "on"]).await;
    let body = json!({"account": ACCOUNT, "dial": "*2015149072508"}).to_string();
    let answer = simulate(&rig, JSON, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.0);
    let told = answer.json();
    assert!(told["caller_id_number"].as_str().unwrap().contains("xxx"), "{told:#}");
    assert!(!answer.body().contains("5149072508"), "{told:#}");
    let nobody = json!({"account": ACCOUNT, "dial": "995149072508"}).to_string();
    let answer = simulate(&rig, JSON, &nobody).await;
    assert_eq!(answer.status(), 422, "{}", answer.0);
    assert!(!answer.body().contains("5149072508"), "{}", answer.0);
    rig.end().await;
}

#[tokio::test]
async fn a_simulation_that_cannot_be_is_refused_with_a_sentence() {
    let rig = Rig::new(&[]).await;
    let call = |account: &str, dial: &str| json!({"account": account, "dial": dial}).to_string();
    let good = call(ACCOUNT, "*2015149072508");
    let odd = json!({"account": ACCOUNT, "dial": "1", "shoe": "9"}).to_string();
    let keys = json!({"account": ACCOUNT, "dial": "1", "keys": "x"}).to_string();
    let seam = json!({"account": ACCOUNT, "dial": "1", "seam": "both"}).to_string();
    let foreign = format!("{JSON}Origin: https://evil.example\r\n");
    let text = "Content-Type: text/plain\r\n";
    for (head, body, status, sentence) in [
        ("", good.as_str(), 415, "application/json"),
        (text, &good, 415, "application/json"),
        (&foreign, &good, 403, "somebody else"),
        (JSON, "", 400, "an object with"),
        (JSON, "{", 400, "an object with"),
        (JSON, "[]", 400, "an object with"),
        (JSON, "{\"account\": 1}", 400, "an object with"),
        (JSON, &odd, 400, "shoe"),
        (JSON, &keys, 400, "keys: keys are"),
        (JSON, &seam, 400, "unknown variant `both`"),
        (JSON, &call("..", "1"), 400, "account: an account id"),
        (JSON, &call(ACCOUNT, ""), 400, "dial: a dialled number"),
        (JSON, &call(ACCOUNT, "1 2"), 400, "dial: a dialled number"),
        (JSON, &call(ACCOUNT, &"1".repeat(129)), 400, "at most 128"),
        (JSON, &call(ACCOUNT, &"1".repeat(5000)), 413, "4096 bytes"),
        (JSON, &call(&"0".repeat(32), "1"), 422, "does not exist"),
        (JSON, &call(ACCOUNT, "999"), 422, "callflow"),
    ] {
        let answer = simulate(&rig, head, body).await;
        assert_eq!(answer.status(), status, "{body}: {}", answer.0);
        assert!(answer.sentence().contains(sentence), "{sentence}: {}", answer.0);
    }
    let answer = rig.get("/simulate").await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("POST")), "{}", answer.0);
    rig.end().await;
}

#[tokio::test]
async fn only_so_many_simulations_begin_in_a_second() {
    let rig = Rig::new(&[]).await;
    let body = json!({"account": ACCOUNT, "dial": "*55149072508"}).to_string();
    let mut refused = 0;
    // Even a slow machine asks faster than five times in a second, each with a connection.
    for _ in 0..40 {
        let answer = simulate(&rig, JSON, &body).await;
        match answer.status() {
            200 => {}
            429 => refused += 1,
            other => panic!("{other}: {}", answer.0),
        }
    }
    assert!(refused > 0);
    rig.end().await;
}

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_what_is_new() {
    let rig = Rig::new(&[]).await;
    rig.records.add(record("first@a"));
    let mut stream = Stream::open(&rig, "").await;
    let head = stream.until("event: slots").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    stream.until("\nid: ").await;
    let calls = &stream.data("calls")[0];
    assert_eq!((&calls["fresh"], &calls["calls"][0]["call_id"]), (&json!(true), &json!("first@a")));
    assert_eq!(stream.data("state")[0]["ready"], true);
    assert_eq!(stream.data("slots")[0]["fresh"], true);
    rig.records.add(record("second@a"));
    stream.until("second@a").await;
    assert!(!stream.text.split("second@a").next().unwrap().contains("\"missed\":1"));
    let calls = stream.data("calls");
    assert_eq!((&calls[1]["fresh"], &calls[1]["missed"]), (&json!(false), &json!(0)));
    assert_eq!(calls[1]["calls"].as_array().unwrap().len(), 1);
    // Who comes back is told what came since.
    stream.until("\nid: ").await;
    let id = stream.last_id();
    drop(stream);
    rig.records.add(record("third@a"));
    let mut again = Stream::open(&rig, &format!("Last-Event-ID: {id}\r\n")).await;
    let text = again.until("third@a").await;
    assert!(!text.contains("first@a"), "{text}");
    assert_eq!(again.data("calls")[0]["fresh"], false);
    // Of another process there is nothing to go on with.
    let mut other = Stream::open(&rig, "Last-Event-ID: 1-9-9\r\n").await;
    assert!(other.until("first@a").await.contains("\"fresh\":true"));
    drop((again, other));
    rig.end().await;
}

#[tokio::test]
async fn a_stream_says_when_the_broker_goes_and_ends_with_the_listener() {
    let rig = Rig::new(&[]).await;
    let mut stream = Stream::open(&rig, "").await;
    stream.until("\"ready\":true").await;
    rig.session.send_replace(SessionState::Down { last_error: "gone away".to_owned() });
    stream.until("gone away").await;
    rig.stop.cancel();
    let mut rest = String::new();
    timeout(Duration::from_secs(5), stream.stream.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "it ended without an end: {rest}");
    rig.end().await;
}

#[tokio::test]
async fn a_stream_ends_well_when_its_connection_has_lasted_long_enough() {
    let Behind { console, metrics, records, .. } = Behind::new(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Bounds { lifetime: Duration::from_millis(300), ..Bounds::default() };
    let stop = CancellationToken::new();
    let router = super::router(console, metrics, records);
    let server = tokio::spawn(serve(listener, router, bounds, stop.clone()));
    let mut stream = Stream::open_at(address, "").await;
    stream.until("event: slots").await;
    let mut rest = String::new();
    timeout(PATIENCE, stream.stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "it ended without an end: {rest}");
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn the_ninth_stream_is_refused_and_a_place_is_given_back() {
    let rig = Rig::new(&[]).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = Stream::open(&rig, "").await;
        stream.until("event: state").await;
        streams.push(stream);
    }
    let refused = rig.get("/events").await;
    assert_eq!(refused.status(), 503, "{}", refused.0);
    assert!(refused.sentence().contains("8 pages"), "{}", refused.0);
    // The other pages answer all the same.
    assert_eq!(rig.get("/state").await.status(), 200);
    streams.pop();
    let free = async {
        loop {
            let mut stream = Stream::open(&rig, "").await;
            if stream.until("\r\n\r\n").await.contains("200 OK") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, free).await.expect("no place is given back");
    drop(streams);
    rig.end().await;
}

#[tokio::test]
async fn a_page_of_somebody_else_gets_no_stream() {
    let rig = Rig::new(&[]).await;
    let answer = rig.ask("GET /events", "Origin: http://localhost:3000\r\n", "").await;
    assert_eq!(answer.status(), 403, "{}", answer.0);
    let answer = rig.ask("GET /state", "Host: evil.example\r\n", "").await;
    assert_eq!(answer.status(), 421, "{}", answer.0);
    rig.end().await;
}

#[tokio::test]
async fn the_console_can_be_off_and_the_rest_answers() {
    let rig = Rig::new(&["--console", "off"]).await;
    for path in ["/", "/console/main.js", "/state", "/events", "/settings", "/words"] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status(), 404, "{path}: {}", answer.0);
        assert!(answer.sentence().contains("--console on"), "{path}: {}", answer.0);
    }
    for path in ["/healthz", "/readyz", "/metrics", "/calls"] {
        assert_eq!(rig.get(path).await.status(), 200, "{path}");
    }
    rig.end().await;
}
