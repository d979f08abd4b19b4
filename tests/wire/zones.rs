//! A cluster of several zones: notices are heard from every zone's broker, work is taken from our
//! own alone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{Kazoo, WORK};
use crate::relay::Relay;
use crate::scene::Scene;
use crate::worker::{DETAILED, Worker};

tests![another_zones_notices_are_heard_and_its_work_is_left_alone];

/// Waits until the other zone is heard, or not.
async fn west(worker: &Worker, connected: f64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, text) = worker.get("/metrics").await?;
        if text.contains(&format!("kazoo_dynamic_cid_zone_connected{{zone=\"west\"}} {connected}"))
        {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not {connected}:\n{}", worker.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One broker stands for both zones; each is reached over a relay of its own.
async fn another_zones_notices_are_heard_and_its_work_is_left_alone(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let amqp = &world.servers.amqp;
    let (ours, theirs) = (Relay::closed(amqp).await?, Relay::closed(amqp).await?);
    ours.open().await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.ini");
    let zones = format!(
        "[zone]\nname = \"local\"\nuri = \"{}\"\n[zone]\nname = \"west\"\nuri = \"{}\"\n",
        ours.uri(amqp)?,
        theirs.uri(amqp)?
    );
    std::fs::write(&config, zones)?;
    let config = config.to_string_lossy();
    let worker = Worker::spawn(
        &["--config", &config, "--couchdb-uri", &world.servers.couchdb],
        DETAILED,
        &[],
    )?;
    // That another zone is away is no obstacle.
    worker.ready(PATIENCE).await?;
    west(&worker, 0.0).await?;
    theirs.open().await?;
    west(&worker, 1.0).await?;
    let kazoo = Kazoo::connect(amqp).await?;
    ensure!(kazoo.consumers(WORK).await? == 1, "work is taken from two zones");

    ours.close();
    let deadline = Instant::now() + PATIENCE;
    while kazoo.consumers(WORK).await? > 0 {
        ensure!(Instant::now() < deadline, "work is still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kazoo.document_changed(&account.database(), "device", "told-in-the-west").await?;
    worker.says("told-in-the-west").await?;
    ensure!(kazoo.consumers(WORK).await? == 0, "work is taken from another zone");
    ours.open().await?;
    worker.ready(PATIENCE).await?;

    theirs.close();
    west(&worker, 0.0).await?;
    kazoo.close().await;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}
