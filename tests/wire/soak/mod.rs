//! Calls at an even rate for as long as one likes, with a restart of the broker and an outage of
//! the database on the way: everybody gets an answer, and the worker does not grow.
//!
//! Left out unless `KAZOO_TEST_SOAK_SECONDS` says how long; `KAZOO_TEST_SOAK_RATE` is in calls a
//! second, `KAZOO_TEST_SOAK_CSV` names the file for the samples. `deploy/soak` sets all of them and
//! draws the samples. The worker and its servers belong on a machine that has room for the rate.

mod load;
mod samples;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio_util::sync::CancellationToken;

use self::load::Load;
use self::samples::Sampler;
use crate::cluster::Cluster;
use crate::harness::{LONGEST, PATIENCE, Test, World};
use crate::kazoo::{HELD, Kazoo, WORK};
use crate::relay::Relay;
use crate::worker::Worker;

pub(crate) const TESTS: &[Test] = &[Test {
    name: "an_even_load_leaves_nobody_waiting_and_the_worker_as_large_as_it_was",
    run: |world| Box::pin(soak(world)),
    longest: || length().unwrap_or_default() + LONGEST,
}];

/// Calls a second where nothing else is said.
const RATE: u32 = 200;
/// A shorter run does not come to an even state.
const SHORTEST: Duration = Duration::from_secs(60);
/// How long the broker is away, besides the time it takes to start.
const RESTART: Duration = Duration::from_secs(2);
/// How long the database is away.
const OUTAGE: Duration = Duration::from_secs(20);
/// What starts fills up before this share of the run is over: connections, caches, the allocator.
const WARM_UP: f64 = 0.4;

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

fn length() -> Option<Duration> {
    Some(Duration::from_secs(number("KAZOO_TEST_SOAK_SECONDS")?.into()))
}

async fn soak(world: &World) -> Result<()> {
    let Some(length) = length() else {
        println!("        skipped: KAZOO_TEST_SOAK_SECONDS is not set");
        return Ok(());
    };
    ensure!(length >= SHORTEST, "KAZOO_TEST_SOAK_SECONDS: at least {}", SHORTEST.as_secs());
    let rate = number("KAZOO_TEST_SOAK_RATE").unwrap_or(RATE).max(1);
    let account = world.account.all_remote();
    world.load(&account).await?;
    let database = Relay::closed(&world.servers.couchdb).await?;
    database.open().await?;
    let couchdb = database.uri(&world.servers.couchdb)?;
    let worker = Worker::launch(&world.servers.amqp, &couchdb, "warn")?;
    worker.ready(PATIENCE).await?;
    let cluster = Cluster::on(&world.servers.amqp);
    cluster.kazoo().await?;

    // Tasks of their own: starting a broker holds up the one that does it.
    let began = Instant::now();
    let stop = CancellationToken::new();
    let csv = std::env::var_os("KAZOO_TEST_SOAK_CSV")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("soak.csv"), PathBuf::from);
    let load = Arc::new(Load::new(Arc::clone(&cluster), &account, world)?);
    let placing = tokio::spawn(Arc::clone(&load).place(rate, began + length));
    let judging = tokio::spawn(Arc::clone(&load).judge(stop.clone()));
    let notices = tokio::spawn(Arc::clone(&load).tell_of_changes(stop.clone()));
    let sampler = Arc::new(Sampler::new(&worker, &csv, began)?);
    let sampling = tokio::spawn(Arc::clone(&sampler).sample(Arc::clone(&load), stop.clone()));

    tokio::time::sleep_until((began + length / 3).into()).await;
    if world.servers.controls_broker() {
        sampler.mark("broker stopped");
        let died = Instant::now();
        // Until it is back, whatever is lost may be lost in it.
        load.broker_away(died, began + length);
        tokio::task::block_in_place(|| world.servers.control_broker("stop"))?;
        tokio::time::sleep(RESTART).await;
        tokio::task::block_in_place(|| world.servers.control_broker("start"))?;
        cluster.kazoo().await?;
        load.broker_back(died, Instant::now());
        sampler.mark("broker started");
    } else {
        println!("        the broker is not ours to restart: that is left out");
    }
    tokio::time::sleep_until((began + length * 2 / 3).into()).await;
    sampler.mark("database away");
    database.close();
    tokio::time::sleep(OUTAGE).await;
    database.open().await?;
    sampler.mark("database back");

    placing.await??;
    worker.ready(Duration::from_secs(30)).await?;
    worker.idle().await?;
    stop.cancel();
    notices.await?;
    sampling.await??;
    judging.await?;
    load.judge_all();
    println!("        {}", load.summary());
    println!("        samples: {}", csv.display());
    let growth = sampler.growth(length.mul_f64(WARM_UP), length);
    for line in &growth {
        println!("        {line}");
    }
    load.verdict().with_context(|| format!("the worker said:\n{}", worker.last_lines()))?;
    let grown: Vec<_> = growth.iter().filter(|line| !line.is_flat()).collect();
    ensure!(grown.is_empty(), "{} figures grow", grown.len());
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    for queue in [WORK, HELD] {
        let waiting = kazoo.waiting(queue).await.context("no queue")?;
        ensure!(waiting == 0, "{waiting} wait in {queue}");
    }
    kazoo.close().await;
    let status = worker.stop().await?;
    ensure!(status.success(), "the worker ended with {status}");
    Ok(())
}
