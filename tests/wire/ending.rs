//! How a worker ends, and what it tells a service manager.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::events::{Cue, key_pressed};
use crate::faults::{answer, digits_are_collected_anew, questions};
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{HELD, Kazoo, WORK};
use crate::line::{Line, Until};
use crate::scene::Scene;
use crate::term::Told;
use crate::worker::{DETAILED, Worker};

tests![
    sigterm_ends_an_idle_worker_with_0,
    sigterm_lets_a_call_in_flight_finish,
    a_call_that_outlasts_the_grace_goes_to_the_next_worker,
    a_second_signal_ends_it_at_once,
    a_service_manager_is_told_what_happens,
];

async fn sigterm_ends_an_idle_worker_with_0(world: &World) -> Result<()> {
    let worker = Worker::start(world).await?;
    let started = Instant::now();
    let status = worker.stop().await?;
    ensure!(status.code() == Some(0), "{status}");
    ensure!(started.elapsed() < Duration::from_secs(5), "after {:?}", started.elapsed());
    Ok(())
}

async fn sigterm_lets_a_call_in_flight_finish(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let silence = Until::Silent(Duration::from_millis(50));
    let (mut line, served) = scene.serve("2010", &[Cue::done(1)], silence).await?;
    ensure!(served.commands.len() == 2, "{served:#?}");
    scene.worker.signal("TERM")?;
    // Work that comes now is another worker's.
    let mut late = scene.line().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let execute = late.execute(&scene.call("2001")?, Some(&json!({"action": "static"})));
    late.send(&execute).await?;
    for key in ['1', '2', '3', '4', '5', '6'] {
        let mut pressed: Value = key_pressed(key);
        pressed["Call-ID"] = line.call_id().into();
        scene.kazoo.event(&pressed).await?;
    }
    let served = line.follow(Instant::now(), &[], Until::Answered).await?;
    let flow = served.told.as_ref().and_then(Told::flow).context("no flow")?;
    ensure!(flow["data"]["caller_id"]["number"] == "123456", "{flow:?}");
    line.close().await?;
    let Scene { worker, kazoo, .. } = scene;
    let status = worker.stop().await?;
    ensure!(status.code() == Some(0), "{status}");
    ensure!(kazoo.waiting(WORK).await == Some(1), "the late call is gone");
    late.close().await?;
    kazoo.close().await;
    Ok(())
}

/// A worker with a caller who has been asked for digits and does not type.
async fn with_a_silent_caller<'a>(world: &'a World, grace: &str) -> Result<(Scene<'a>, Line)> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let servers = &world.servers;
    let arguments = ["--grace", grace];
    let worker = Worker::launch_with(&servers.amqp, &servers.couchdb, DETAILED, &arguments)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    let silence = Until::Silent(Duration::from_millis(50));
    let (line, served) = scene.serve("2010", &[Cue::done(1)], silence).await?;
    ensure!(served.commands.len() == 2, "{served:#?}");
    Ok((scene, line))
}

/// The call waits on disk for somebody else.
async fn waits_for_the_next(kazoo: &Kazoo) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while kazoo.waiting(HELD).await != Some(1) {
        ensure!(Instant::now() < deadline, "the call is gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn a_call_that_outlasts_the_grace_goes_to_the_next_worker(world: &World) -> Result<()> {
    let (scene, mut line) = with_a_silent_caller(world, "1s").await?;
    let Scene { world, account, kazoo, worker } = scene;
    let started = Instant::now();
    let status = worker.stop().await?;
    let took = started.elapsed();
    ensure!(status.code() == Some(0), "{status}");
    ensure!((900..3000).contains(&took.as_millis()), "after {took:?}");
    waits_for_the_next(&kazoo).await?;
    let mut questions = questions(&kazoo).await?;
    let worker = Worker::start(world).await?;
    answer(&kazoo, &mut questions, line.call_id(), "active").await?;
    line.begins_anew();
    digits_are_collected_anew(line).await?;
    Scene { world, account, kazoo, worker }.end().await
}

async fn a_second_signal_ends_it_at_once(world: &World) -> Result<()> {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM")] {
        let (scene, line) = with_a_silent_caller(world, "60s").await?;
        let Scene { world, kazoo, worker, .. } = scene;
        worker.signal(first)?;
        worker.says("stopping").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = Instant::now();
        worker.signal(second)?;
        let status = worker.ends(Duration::from_secs(5)).await?;
        ensure!(started.elapsed() < Duration::from_secs(1), "after {:?}", started.elapsed());
        ensure!(status.code() == Some(1), "{status}");
        // Nothing is lost by that.
        waits_for_the_next(&kazoo).await?;
        kazoo.forget_old_work().await?;
        line.close().await?;
        kazoo.close().await;
        world.count("workers ended at once");
    }
    Ok(())
}

async fn a_service_manager_is_told_what_happens(world: &World) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut heard = String::new();
    let mut hears = |what: &str| -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut datagram = [0; 4096];
        while !heard.contains(what) {
            ensure!(Instant::now() < deadline, "never told {what}, but: {heard}");
            if let Ok(length) = socket.recv(&mut datagram) {
                heard.push_str(&String::from_utf8_lossy(&datagram[..length]));
                heard.push('\n');
            }
        }
        // Everything up to it counts once.
        let end = heard.find(what).map_or(0, |at| at + what.len());
        heard.drain(..end);
        Ok(())
    };
    let worker = Worker::launch_in(
        &world.servers.amqp,
        &world.servers.couchdb,
        DETAILED,
        &[],
        &[("NOTIFY_SOCKET", path.to_str().context("a path")?), ("WATCHDOG_USEC", "200000")],
    )?;
    hears("READY=1").with_context(|| worker.last_lines())?;
    hears("STATUS=connected to")?;
    for _ in 0..3 {
        hears("WATCHDOG=1")?;
    }
    worker.signal("HUP")?;
    hears("RELOADING=1")?;
    hears("READY=1")?;
    worker.signal("TERM")?;
    hears("STOPPING=1")?;
    let status = worker.ends(PATIENCE).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
