//! What an operator and the cluster see of a running worker.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::schema::Schemas;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{Kazoo, REJECTED, Received};
use crate::line::Until;
use crate::scene::Scene;
use crate::service;
use crate::worker::Worker;

tests![
    a_worker_tells_of_itself_as_kazoo_nodes_do,
    a_worker_says_nothing_on_nodes_unless_told_to,
    the_log_s_level_follows_the_document,
    what_waits_and_what_was_selected_is_counted,
];

/// What one node of KAZOO's remembers: a quarter more than `Expires`.
const KEPT: Duration = Duration::from_millis(18_750);

async fn advertised(kazoo: &Kazoo) -> Result<tokio::sync::mpsc::UnboundedReceiver<Received>> {
    kazoo.listen("wire-nodes", &[("nodes", "")]).await
}

async fn a_worker_tells_of_itself_as_kazoo_nodes_do(world: &World) -> Result<()> {
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let mut nodes = advertised(&kazoo).await?;
    let servers = &world.servers;
    let arguments = ["--advertise", "on", "--zone", "west"];
    let worker = Worker::launch_with(&servers.amqp, &servers.couchdb, "info", &arguments)?;
    worker.ready(PATIENCE).await?;
    let schemas = Schemas::embedded();
    let mut before: Option<Instant> = None;
    for _ in 0..2 {
        let heard = timeout(KEPT, nodes.recv()).await?.context("no advertisement")?;
        let body = &heard.body;
        let violations = schemas.validate("kapi.nodes.advertise", body);
        ensure!(violations.is_empty(), "{violations:?}: {body}");
        // A listener of KAZOO's ends with any other.
        ensure!(heard.content_type.as_deref() == Some("application/json"), "{heard:?}");
        for (key, value) in [
            ("App-Name", json!("kz_nodes")),
            ("App-Version", json!("4.0.0")),
            ("Node", json!("wire@test.example.com")),
            ("Zone", json!("west")),
            ("Expires", json!(15_000)),
            ("Version", json!(env!("CARGO_PKG_VERSION"))),
        ] {
            ensure!(body[key] == value, "{key} is {}", body[key]);
        }
        let apps: Vec<_> = body["WhApps"].as_object().into_iter().flatten().collect();
        // Any other name would be counted among KAZOO's own.
        ensure!(matches!(apps.as_slice(), [(name, _)] if *name == "kazoo_dynamic_cid"), "{apps:?}");
        for shape in ["Globals", "Media-Servers", "Node-Info", "Server-ID"] {
            ensure!(body.get(shape).is_none(), "{shape} is there");
        }
        if let Some(before) = before {
            let pause = heard.at.duration_since(before);
            ensure!(pause < KEPT / 2, "one lost advertisement and it is forgotten: {pause:?}");
        }
        before = Some(heard.at);
    }
    kazoo.close().await;
    let status = worker.stop().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

async fn a_worker_says_nothing_on_nodes_unless_told_to(world: &World) -> Result<()> {
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let mut nodes = advertised(&kazoo).await?;
    let worker = Worker::start(world).await?;
    let heard = timeout(Duration::from_secs(2), nodes.recv()).await;
    ensure!(heard.is_err(), "{heard:?}");
    kazoo.close().await;
    worker.stop().await.map(drop)
}

/// Sets `worker.log_level`, or takes it away, and tells of that.
async fn set_level(scene: &mut Scene<'_>, level: Option<&str>) -> Result<()> {
    let worker = level.map_or_else(|| json!({}), |level| json!({ "log_level": level }));
    let settings = "callflow.dynamic_cid";
    scene.account = scene.account.with_configuration(settings, &json!({ "worker": worker }));
    scene.world.load(&scene.account).await?;
    scene.kazoo.document_changed("system_config", "config", settings).await
}

async fn decided_lines(scene: &Scene<'_>, level: &str, call: &str) -> Result<usize> {
    let (line, served) = scene.serve(call, &[], Until::Answered).await?;
    line.close().await?;
    ensure!(served.told.is_some(), "no answer at {level}");
    let lines = scene.worker.lines();
    Ok(lines.iter().filter(|line| line.contains("\"decided\"")).count())
}

async fn the_log_s_level_follows_the_document(world: &World) -> Result<()> {
    let worker = Worker::start_quiet(world).await?;
    let account = world.account.all_remote();
    world.load(&account).await?;
    let mut scene = Scene::with(world, account, worker).await?;
    ensure!(decided_lines(&scene, "info", "2001").await? == 1);
    set_level(&mut scene, Some("error")).await?;
    scene.worker.says("\"level\":\"ERROR\"").await?;
    ensure!(decided_lines(&scene, "error", "2001").await? == 1, "still logged at error");
    set_level(&mut scene, Some("loud")).await?;
    ensure!(decided_lines(&scene, "loud", "2001").await? == 1, "a wrong word changes nothing");
    set_level(&mut scene, None).await?;
    scene.worker.says("that of the start").await?;
    ensure!(decided_lines(&scene, "info again", "2001").await? == 2);
    for line in scene.worker.lines().iter().filter(|line| line.contains("\"decided\"")) {
        let line: Value = serde_json::from_str(line)?;
        ensure!(line["span"]["call_id"].is_string(), "no call id: {line}");
    }
    scene.end().await
}

async fn what_waits_and_what_was_selected_is_counted(world: &World) -> Result<()> {
    // It has dialled an entry of `list1` once.
    let scene = service::scene(world).await?;
    scene.kazoo.publish("kapps", "callflow.action.dynamic_cid", &json!({"no": "execute"})).await?;
    let account = scene.account.id();
    let list = format!("account=\"{account}\",list=\"list1\"");
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let (_, text) = scene.worker.get("/metrics").await?;
        let waits = "kazoo_dynamic_cid_queue_messages{queue=\"rejected\"} 1";
        if text.contains(waits) {
            let selected = [
                format!("kazoo_dynamic_cid_list_selections_total{{{list}}} 1"),
                format!("kazoo_dynamic_cid_entry_selections_total{{{list},entry=\"01\"}} 1"),
            ];
            for line in selected.iter().map(String::as_str).chain([
                "kazoo_dynamic_cid_queue_messages{queue=\"execute\"} 0",
                "kazoo_dynamic_cid_amqp_state{state=\"up\"} 1",
                "kazoo_dynamic_cid_couchdb_up 1",
            ]) {
                ensure!(text.contains(line), "{line} is missing in\n{text}");
            }
            break;
        }
        ensure!(Instant::now() < deadline, "{REJECTED} is not seen:\n{text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    scene.end().await
}
