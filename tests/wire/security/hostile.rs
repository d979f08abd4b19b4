//! Ids that try to leave their account, and what CouchDB is asked because of them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::tap::Tap;
use crate::account::Account;
use crate::events;
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{Kazoo, WORK};
use crate::route::scenarios::opted_in;
use crate::route::switchboard::{RecordedCall, Switchboard};
use crate::scene::Scene;
use crate::worker::{DETAILED, ROUTE, Worker};

tests![
    no_execute_reads_beyond_its_account,
    no_value_of_a_call_ends_the_worker,
    no_route_request_and_no_document_reads_beyond_its_account,
];

/// An account that exists, and is another's.
const OTHER: &str = "ffffffff0000000011111111eeeeeeee";

fn hostile() -> Vec<String> {
    let other = format!("account%2Fff%2Fff%2F{}", &OTHER[4..]);
    let mut ids: Vec<String> = [
        "../",
        "..",
        ".",
        "../../system_config/accounts",
        "..%2F..%2Faccounts%2Fx",
        "%2F",
        "%2e%2e%2f",
        "..%252f..%252fx",
        "..\\..\\x",
        "/",
        "//evil.example/x",
        "_design/x",
        "_design%2Fx",
        "_all_docs",
        "_all_docs?include_docs=true",
        "_security",
        "?include_docs=true",
        "x?rev=1",
        "x#y",
        "x\u{0}y",
        "x\r\nGET /accounts/x HTTP/1.1\r\n\r\n",
        " ",
        "é\u{202e}",
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend([format!("../{other}/secret"), other, OTHER.to_owned(), "x".repeat(20_000)]);
    ids
}

/// Puts a value where a pointer leads, making objects on the way.
fn set(body: &mut Value, pointer: &[&str], value: Value) {
    let mut at = body;
    for key in pointer {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[*key];
    }
    *at = value;
}

/// What was asked of the database, checked: reading only, and within the account or the system's
/// own documents, whose ids are no caller's.
fn within(tap: &Tap, account: &Account) -> Result<Vec<String>> {
    let id = account.id();
    let own = format!("account%2F{}%2F{}%2F{}", &id[..2], &id[2..4], &id[4..]);
    let mut targets = Vec::new();
    for said in tap.heard() {
        for head in said.split("\r\n\r\n").filter(|head| !head.is_empty()) {
            let line = head.lines().next().unwrap_or_default();
            let words: Vec<_> = line.split(' ').collect();
            let ["GET", target, "HTTP/1.1"] = words.as_slice() else {
                anyhow::bail!("CouchDB was told: {line}");
            };
            let path = target.split('?').next().unwrap_or_default();
            let segments: Vec<_> = path.split('/').skip(1).collect();
            let fine = match segments.as_slice() {
                ["system_config" | "system_schemas"] => true,
                ["system_config" | "system_schemas", id] => !id.starts_with('_'),
                [database, "_design", _, "_view", _] => *database == own,
                [database, id] => *database == own && !id.starts_with('_'),
                _ => false,
            };
            let steps = |segment: &&str| {
                let plain = segment.to_ascii_lowercase().replace("%2e", ".");
                plain == "." || plain == ".." || plain.is_empty()
            };
            ensure!(fine && !segments.iter().any(steps), "CouchDB was asked for {target}");
            targets.push((*target).to_owned());
        }
    }
    Ok(targets)
}

/// A worker whose questions to the database are heard.
async fn tapped(world: &World, account: &Account, arguments: &[&str]) -> Result<(Tap, Worker)> {
    world.load(account).await?;
    let tap = Tap::start(&world.servers.couchdb, None).await?;
    let couchdb = tap.uri(&world.servers.couchdb)?;
    let worker = Worker::launch_with(&world.servers.amqp, &couchdb, DETAILED, arguments)?;
    worker.ready(PATIENCE).await?;
    Ok((tap, worker))
}

async fn until_taken(kazoo: &Kazoo, worker: &Worker) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while kazoo.waiting(WORK).await.is_some_and(|waiting| waiting > 0) {
        ensure!(Instant::now() < deadline, "work is not taken:\n{}", worker.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What was taken last is still being read for.
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Where an execute names something that may be read.
const IN_EXECUTE: [&[&str]; 13] = [
    &["Data", "id"],
    &["Data", "list_id"],
    &["Data", "caller_id", "number"],
    &["Call", "Account-ID"],
    &["Call", "Account-DB"],
    &["Call", "Authorizing-ID"],
    &["Call", "Owner-ID"],
    &["Call", "Custom-Channel-Vars", "Account-ID"],
    &["Call", "Custom-Channel-Vars", "Authorizing-ID"],
    &["Call", "Custom-Channel-Vars", "Owner-ID"],
    &["Call", "Key-Value-Store", "cf_flow_id"],
    &["Call", "Key-Value-Store", "cf_capture_group"],
    &["Call", "Request"],
];

async fn no_execute_reads_beyond_its_account(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    let (tap, worker) = tapped(world, &account, &[]).await?;
    let scene = Scene::with(world, account, worker).await?;
    let call = scene.call("*20014155551234")?;
    let data = scene.data(&call)?;
    let mut line = scene.line().await?;
    for id in hostile() {
        for pointer in IN_EXECUTE {
            // A call that says it is another account's is that account's call.
            if id == OTHER && pointer.ends_with(&["Account-ID"]) {
                continue;
            }
            let mut execute = line.execute(&call, Some(&data));
            set(&mut execute, pointer, json!(id));
            line.send(&execute).await?;
        }
    }
    until_taken(&scene.kazoo, &scene.worker).await?;
    let mut hung_up = events::hung_up();
    hung_up["Call-ID"] = json!(line.call_id());
    scene.kazoo.event(&hung_up).await?;
    scene.a_normal_call_works().await?;
    were_tried(&within(&tap, &scene.account)?)?;
    ensure!(!scene.worker.said("panicked"), "{}", scene.worker.last_lines());
    scene.worker.kill()
}

/// Values no setting or id has, of every kind.
fn extreme() -> Vec<Value> {
    let nested = (0..60).fold(json!(1), |inner, _| json!({"a": [inner]}));
    let deep = (0..90).fold(
        json!({"module": "dynamic_cid"}),
        |inner, _| json!({"module": "x", "data": {}, "children": {"_": inner}}),
    );
    vec![
        json!(null),
        json!(true),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(-1),
        json!(f64::MAX),
        json!(f64::MIN_POSITIVE),
        json!("9223372036854775808"),
        json!("-99999999999999999999999999"),
        json!("(((((a*)*)*)*)*)*$"),
        json!("[\u{0}-"),
        json!("*".repeat(100_000)),
        json!("é".repeat(300)),
        json!([]),
        json!([[], {}, null]),
        json!({}),
        nested,
        deep,
    ]
}

/// Where a call and its node say how it is to be served.
const SERVED_BY: [&[&str]; 28] = [
    &["Data"],
    &["Data", "action"],
    &["Data", "id"],
    &["Data", "idx_name"],
    &["Data", "caller_id"],
    &["Data", "caller_id", "number"],
    &["Data", "media"],
    &["Data", "media_id"],
    &["Data", "min_digits"],
    &["Data", "max_digits"],
    &["Data", "interdigit_timeout"],
    &["Data", "whitelist_regex"],
    &["Data", "enforce_call_restriction"],
    &["Data", "permit_custom_callflow"],
    &["Data", "skip_module"],
    &["Data", "worker"],
    &["Flow"],
    &["Flow", "children"],
    &["Call"],
    &["Call", "Request"],
    &["Call", "To"],
    &["Call", "From"],
    &["Call", "Control-Queue"],
    &["Call", "Custom-Channel-Vars"],
    &["Call", "Key-Value-Store"],
    &["Call", "Key-Value-Store", "cf_flow"],
    &["Call", "Key-Value-Store", "cf_capture_group"],
    &["Call", "Key-Value-Store", "cf_capture_groups"],
];

async fn no_value_of_a_call_ends_the_worker(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let mut line = scene.line().await?;
    let mut sent = 0;
    for number in ["2001", "2010", "*20014155551234"] {
        let call = scene.call(number)?;
        let data = scene.data(&call)?;
        for value in extreme() {
            for pointer in SERVED_BY {
                let mut execute = line.execute(&call, Some(&data));
                set(&mut execute, pointer, value.clone());
                line.send(&execute).await?;
                sent += 1;
            }
        }
    }
    until_taken(&scene.kazoo, &scene.worker).await?;
    // Keys and the end come to all of them at once.
    for event in ["1", "2", "3", "4", "5", "#"].iter().filter_map(|key| key.chars().next()) {
        let mut event = events::key_pressed(event);
        event["Call-ID"] = json!(line.call_id());
        scene.kazoo.event(&event).await?;
    }
    let mut hung_up = events::hung_up();
    hung_up["Call-ID"] = json!(line.call_id());
    scene.kazoo.event(&hung_up).await?;
    scene.a_normal_call_works().await?;
    ensure!(!scene.worker.said("panicked"), "{}", scene.worker.last_lines());
    ensure!(sent > 1000, "only {sent} calls");
    scene.worker.kill()
}

/// That the hostile ids came as far as the database, each as the name of one document.
fn were_tried(targets: &[String]) -> Result<()> {
    for escaped in
        ["/..%2F", "/..%252F", "%0D%0AGET%20", "/%3Finclude_docs", "%00", "/account%252F"]
    {
        let tried = targets.iter().any(|target| target.contains(escaped));
        ensure!(tried, "`{escaped}` was never asked for, but:\n{}", targets.join("\n"));
    }
    Ok(())
}

/// Where a route request names something that may be read.
const IN_REQUEST: [&[&str]; 7] = [
    &["Custom-Channel-Vars", "Account-ID"],
    &["Custom-Channel-Vars", "Authorizing-ID"],
    &["Custom-Channel-Vars", "Owner-ID"],
    &["Custom-Channel-Vars", "Account-DB"],
    &["Account-ID"],
    &["Account-DB"],
    &["Request"],
];

async fn no_route_request_and_no_document_reads_beyond_its_account(world: &World) -> Result<()> {
    let ids = hostile();
    let callflows = ids.iter().enumerate().map(|(number, id)| {
        json!({
            "_id": format!("cf_hostile_{number}"), "name": "x", "pvt_type": "callflow",
            "numbers": [format!("77{number:02}")], "patterns": [],
            "flow": {
                "module": "dynamic_cid", "data": {"action": "lists", "id": id},
                "children": {"_": {"module": "device", "data": {"id": id}, "children": {}}},
            },
        })
    });
    let account = opted_in(&world.kazoo_4_3.account.with(callflows));
    let (tap, worker) = tapped(world, &account, ROUTE).await?;
    let scene = Scene::with(world, account, worker).await?;
    let recorded = || RecordedCall::of(world.kazoo_4_3.transcript("static_nocg")?);
    for id in &ids {
        for pointer in IN_REQUEST {
            if id == OTHER && pointer.ends_with(&["Account-ID"]) {
                continue;
            }
            let mut recorded = recorded()?;
            let mut request = Value::Object(recorded.request);
            set(&mut request, pointer, json!(id));
            recorded.request = request.as_object().cloned().unwrap_or_default();
            let mut call = Switchboard::open(&scene.kazoo, recorded).await?;
            // The key has the account's id, which nothing can be routed by when it is hostile.
            scene.kazoo.publish("callmgr", "route.req.audio.x", &call.request()).await?;
            call.hangs_up().await?;
        }
    }
    for number in 0..ids.len() {
        let recorded = recorded()?.dialling(&format!("77{number:02}"));
        let mut call = Switchboard::open(&scene.kazoo, recorded).await?;
        call.is_answered().await?;
        call.wins().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        call.hangs_up().await?;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    were_tried(&within(&tap, &scene.account)?)?;
    ensure!(!scene.worker.said("panicked"), "{}", scene.worker.last_lines());
    ensure!(scene.worker.get("/readyz").await?.0 == 200, "{}", scene.worker.last_lines());
    scene.worker.kill()
}
