//! The database fails in every way it can: nobody waits long, and nothing has to be restarted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::harness::{World, tests};
use crate::relay::{Fault, Relay};
use crate::replay::{self, Course, UNEVENTFUL};
use crate::scene::Scene;
use crate::term::Told;
use crate::transcript::in_words;
use crate::worker::{DETAILED, Worker};

tests![whatever_the_database_does_callers_get_an_answer_in_time];

const FAULTS: [Fault; 12] = [
    Fault::Down,
    Fault::Silent,
    Fault::Cut,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::Truncated,
    Fault::NotJson,
    Fault::OtherJson,
];

/// How long a caller may be silent at most: several reads of 2 s that follow each other.
const LONGEST: Duration = Duration::from_secs(9);

async fn whatever_the_database_does_callers_get_an_answer_in_time(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    relay.open().await?;
    let uri = relay.uri(&world.servers.couchdb)?;
    let worker = Worker::launch(&world.servers.amqp, &uri, DETAILED)?;
    worker.ready(crate::harness::PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    for fault in FAULTS {
        under(&scene, &relay, fault).await.with_context(|| format!("{fault:?}"))?;
    }
    scene.end().await
}

async fn under(scene: &Scene<'_>, relay: &Relay, fault: Fault) -> Result<()> {
    let list = scene.call("*20014155551234")?;
    let fixed = scene.call("2001")?;
    scene.a_normal_call_works().await?;
    relay.fail(fault).await?;

    // What is known already serves calls as before.
    let started = Instant::now();
    let warm = scene.run(&list, UNEVENTFUL).await?;
    let warm_took = started.elapsed();
    let differences = replay::differences(&scene.native(&list)?, &warm);
    ensure!(differences.is_empty(), "with a full cache: {}", differences.join("\n"));

    // Without, each caller gets an answer, and a word where the call cannot go on.
    scene.worker.signal("HUP")?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    let cold = scene.run(&list, UNEVENTFUL).await?;
    let cold_took = started.elapsed();
    ensure!(cold_took < LONGEST, "a list took {cold_took:?}");
    ended_aloud(&cold)?;
    let started = Instant::now();
    let fixed = scene.run(&fixed, UNEVENTFUL).await?;
    let fixed_took = started.elapsed();
    ensure!(fixed_took < LONGEST, "a static caller ID took {fixed_took:?}");
    ensure!(!matches!(fixed.told()?, Told::Unknown(_) | Told::Undecodable(_)), "{fixed:?}");
    println!(
        "        {:<12} cached list as always in {warm_took:.1?}; cold list: {} in {cold_took:.1?}; \
         cold static: {} in {fixed_took:.1?}",
        format!("{fault:?}"),
        word(cold.told()?),
        word(fixed.told()?),
    );

    // And the next call is as if nothing had been, without a restart.
    relay.close();
    relay.open().await?;
    scene.worker.ready(Duration::from_secs(30)).await?;
    scene.a_normal_call_works().await
}

/// The caller heard that the call cannot be completed before it ended, or it went on.
fn ended_aloud(course: &Course) -> Result<()> {
    let words: Vec<_> = course.commands.iter().map(in_words).collect();
    match course.told()? {
        Told::Stop(_) => {
            ensure!(words[0].contains("fault-can_not_be_completed_as_dialed"), "{words:#?}");
        }
        Told::Continue(_) => {}
        other => anyhow::bail!("{other:?}: {words:#?}"),
    }
    Ok(())
}

fn word(told: &Told) -> &'static str {
    match told {
        Told::Continue(_) => "goes on unchanged",
        Told::ContinueWithFlow(_) => "served",
        Told::Stop(_) => "fault prompt",
        Told::Unknown(_) | Told::Undecodable(_) => "nonsense",
    }
}
