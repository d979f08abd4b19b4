//! Why did this call get that caller ID? What a worker remembers of the calls it finished.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::events::{self, Cue};
use crate::harness::{PATIENCE, World, tests};
use crate::line::Until;
use crate::replay::UNEVENTFUL;
use crate::route::bad_input;
use crate::scene::Scene;
use crate::worker::{Worker, binary};

tests![
    a_finished_call_is_explained,
    a_call_that_was_given_up_is_explained,
    numbers_are_masked_where_that_is_asked_for,
    a_call_of_kazoo_4_3_is_explained,
];

async fn calls(worker: &Worker) -> Result<Vec<Value>> {
    let (status, text) = worker.get("/calls").await?;
    ensure!(status == 200, "{status} {text}");
    let body: Value = serde_json::from_str(&text)?;
    Ok(body["calls"].as_array().context("no calls")?.clone())
}

/// The only record, as soon as it is there.
async fn only(worker: &Worker) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = calls(worker).await?;
        ensure!(found.len() < 2, "{found:#?}");
        if let Some(record) = found.into_iter().next() {
            return Ok(record);
        }
        ensure!(Instant::now() < deadline, "no record:\n{}", worker.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the subcommand says of a call.
fn explained(worker: &Worker, call_id: &str) -> Result<(bool, String)> {
    let output = Command::new(binary())
        .args(["explain", call_id, "--config", "/dev/null", "--worker", worker.address()])
        .stdin(Stdio::null())
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

async fn a_finished_call_is_explained(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    scene.run(&scene.call("*20014155551234")?, UNEVENTFUL).await?;
    let record = only(&scene.worker).await?;
    for (member, value) in [
        ("seam", "execute"),
        ("account", scene.account.id()),
        ("mode", "lists"),
        ("list", "list1"),
        ("entry", "01"),
        ("reason", "entry"),
        ("outcome", "branch"),
        ("number", "+14155550201"),
        ("name", "Entry One"),
        ("destination", "+14155551234"),
    ] {
        ensure!(record[member] == value, "{member}: {record:#}");
    }
    let id = record["call_id"].as_str().context("no id")?;
    let (found, text) = explained(&scene.worker, id)?;
    ensure!(found, "{text}");
    for line in ["entry: an entry of the list has the dialled key", "+14155550201", "Entry One"] {
        ensure!(text.contains(line), "{line} in {text}");
    }
    let (found, text) = explained(&scene.worker, "no-such-call")?;
    ensure!(!found && text.contains("no such call is remembered"), "{text}");
    scene.end().await
}

async fn a_call_that_was_given_up_is_explained(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let cues = [Cue::done(1), Cue::at_once(2, events::hung_up())];
    let silence = Until::Silent(Duration::from_millis(100));
    let (line, _) = scene.serve("2010", &cues, silence).await?;
    let record = only(&scene.worker).await?;
    ensure!(record["end"] == "destroyed" && record["reason"].is_null(), "{record:#}");
    ensure!(record["call_id"] == line.call_id(), "{record:#}");
    let (found, text) = explained(&scene.worker, line.call_id())?;
    ensure!(found && text.contains("the caller hung up"), "{text}");
    line.close().await?;
    scene.end().await
}

async fn numbers_are_masked_where_that_is_asked_for(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let arguments = ["--mask-numbers", "on"];
    let servers = &world.servers;
    let worker = Worker::launch_with(&servers.amqp, &servers.couchdb, "info", &arguments)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    scene.run(&scene.call("*20014155551234")?, UNEVENTFUL).await?;
    let record = only(&scene.worker).await?;
    ensure!(record["number"] == "xxxxxxxxx201", "{record:#}");
    ensure!(record["destination"] == "xxxxxxxxx234", "{record:#}");
    scene.worker.says("decided").await?;
    for number in ["4155550201", "4155551234"] {
        ensure!(!scene.worker.said(number), "{number} is in the log");
    }
    scene.end().await
}

async fn a_call_of_kazoo_4_3_is_explained(world: &World) -> Result<()> {
    let scene = bad_input::scene(world).await?;
    bad_input::a_normal_call_works(&scene).await?;
    let record = only(&scene.worker).await?;
    ensure!(record["seam"] == "route", "{record:#}");
    ensure!(record["end"].as_str().is_some_and(|end| end.starts_with("resume")), "{record:#}");
    ensure!(record["reason"].is_string() && record["number"].is_string(), "{record:#}");
    scene.end().await
}
