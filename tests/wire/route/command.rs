//! `call --seam route`, the program itself against a worker.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::scenarios::opted_in;
use crate::account::Account;
use crate::harness::{World, tests};
use crate::scene::Scene;
use crate::worker::{self, Worker};

tests![a_test_call_is_taken_and_handed_back, a_test_call_nobody_takes_says_why_that_may_be,];

async fn scene(world: &World, account: Account) -> Result<Scene<'_>> {
    world.load(&account).await?;
    Scene::with(world, account, Worker::start_for_routes(world).await?).await
}

/// Places a call with the program; its exit code and what it printed.
async fn call(scene: &Scene<'_>, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let servers = &scene.world.servers;
    let mut command = Command::new(worker::binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAZOO_")) {
        command.env_remove(name);
    }
    let output = command
        .args(["call", "--config", "/dev/null", "--seam", "route", "--format", "json"])
        .args(["--amqp-uri", &servers.amqp, "--couchdb-uri", &servers.couchdb])
        .args(["--account", scene.account.id(), "--from", "dev1"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let transcript = serde_json::from_str(&printed);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), transcript.with_context(|| format!("{said}\n{printed}"))?))
}

async fn a_test_call_is_taken_and_handed_back(world: &World) -> Result<()> {
    let scene = scene(world, opted_in(&world.kazoo_4_3.account)).await?;
    let (code, transcript) = call(&scene, &["--dial", "2010", "--dtmf", "123456"]).await?;
    ensure!(code == Some(0), "{transcript:#}");
    ensure!(transcript["end"] == "resumed" && transcript["faults"] == 0, "{transcript:#}");
    let caller_id = json!({"name": "dev1", "number": "123456"});
    ensure!(transcript["caller_id"] == caller_id, "{:#}", transcript["caller_id"]);
    // It would be said some seconds after the resume, while the call still counts.
    scene.worker.idle().await?;
    ensure!(!scene.worker.said("shown no sign"), "{}", scene.worker.last_lines());
    scene.end().await
}

async fn a_test_call_nobody_takes_says_why_that_may_be(world: &World) -> Result<()> {
    let scene = scene(world, world.kazoo_4_3.account.clone()).await?;
    let (code, transcript) = call(&scene, &["--dial", "2001"]).await?;
    ensure!(code == Some(1) && transcript["end"] == "left_to_callflow", "{transcript:#}");
    let problem = transcript["problem"].as_str().unwrap_or_default();
    ensure!(problem.contains("route_accounts"), "{problem}");
    scene.end().await
}
