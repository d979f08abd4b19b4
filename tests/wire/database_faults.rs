//! The database fails in every way it can: nobody waits long, what is known serves on for a while,
//! and nothing has to be restarted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::fault::Fault;
use crate::gate::{Asked, Gate};
use crate::harness::{PATIENCE, World, tests};
use crate::install;
use crate::relay::Relay;
use crate::replay::{self, Course, UNEVENTFUL};
use crate::scene::Scene;
use crate::term::Told;
use crate::transcript::in_words;
use crate::worker::{DETAILED, Worker};

tests![
    whatever_the_database_does_callers_get_an_answer_in_time,
    with_both_servers_away_what_is_known_still_serves,
    a_check_waits_for_views_that_are_being_built,
];

const FAULTS: [Fault; 18] = [
    Fault::Down,
    Fault::Silent,
    Fault::Slow,
    Fault::ViewsRebuild,
    Fault::Cut,
    Fault::Reset,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(409),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::Truncated,
    Fault::NotJson,
    Fault::OtherJson,
    Fault::NoDatabase,
    Fault::Behind,
];

/// A list call and one with a fixed caller ID.
const LIST: &str = "*20014155551234";
const FIXED: &str = "2001";

/// How long documents count as current in these tests, in seconds.
const TTL: u64 = 1;
/// How long a caller may be silent where nothing is known: `--read-deadline`, and a little.
const COLD: Duration = Duration::from_millis(4600);
/// How long a view takes to be built: longer than a call waits for one request.
const BUILDING: Duration = Duration::from_millis(2500);
/// How long where all is known but old: one read, and a little.
const OLD: Duration = Duration::from_millis(2600);

async fn faulty<'a>(world: &'a World, arguments: &[&str]) -> Result<(Scene<'a>, Relay)> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    relay.open().await?;
    let uri = relay.uri(&world.servers.couchdb)?;
    let worker = Worker::launch_with(&world.servers.amqp, &uri, DETAILED, arguments)?;
    worker.ready(PATIENCE).await?;
    Ok((Scene::with(world, account, worker).await?, relay))
}

async fn whatever_the_database_does_callers_get_an_answer_in_time(world: &World) -> Result<()> {
    let (scene, relay) = faulty(world, &["--cache-ttl", &format!("{TTL}s")]).await?;
    for fault in FAULTS {
        under(&scene, &relay, fault).await.with_context(|| format!("{fault:?}"))?;
    }
    ensure!(scene.worker.said("older data is served"), "stale data is served in silence");
    scene.end().await
}

async fn under(scene: &Scene<'_>, relay: &Relay, fault: Fault) -> Result<()> {
    scene.a_normal_call_works().await?;
    tokio::time::sleep(Duration::from_millis(TTL * 1000 + 50)).await;
    relay.fail(fault).await?;

    // What is known but old serves calls as before; only of what the database denies to have, in
    // its own words, nothing is served any more.
    let (old, old_took) = timed(scene, LIST).await?;
    ensure!(old_took < OLD, "old data took {old_took:?}");
    if fault == Fault::Behind {
        ensure!(word(old.told()?) != "served", "{old:?}");
    } else {
        let differences = replay::differences(&scene.native(&scene.call(LIST)?)?, &old);
        ensure!(differences.is_empty(), "with old data: {}", differences.join("\n"));
    }

    // Without, each caller gets an answer, and a word where the call cannot go on.
    scene.worker.signal("HUP")?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (cold, cold_took) = timed(scene, LIST).await?;
    ensure!(cold_took < COLD, "a list took {cold_took:?}");
    ended_aloud(&cold)?;
    let (fixed, fixed_took) = timed(scene, FIXED).await?;
    ensure!(fixed_took < COLD, "a static caller ID took {fixed_took:?}");
    ensure!(word(fixed.told()?) != "nonsense", "{fixed:?}");
    println!(
        "        {:<12} old list: {} in {old_took:.1?}; unknown list: {} in {cold_took:.1?}; \
         unknown static: {} in {fixed_took:.1?}",
        format!("{fault:?}"),
        word(old.told()?),
        word(cold.told()?),
        word(fixed.told()?),
    );

    // And the next call is as if nothing had been, without a restart.
    relay.close();
    relay.open().await?;
    scene.worker.ready(Duration::from_secs(30)).await?;
    if matches!(fault, Fault::Behind | Fault::NoDatabase) {
        // That something is not there is believed for a while, unless a notice says otherwise.
        scene.worker.signal("HUP")?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.a_normal_call_works().await
}

async fn timed(scene: &Scene<'_>, number: &str) -> Result<(Course, Duration)> {
    let call = scene.call(number)?;
    let started = Instant::now();
    let course = scene.run(&call, UNEVENTFUL).await?;
    Ok((course, started.elapsed()))
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

/// After a broken session all that is known is doubtful, for notices may have been missed; but it
/// is better than nothing.
async fn with_both_servers_away_what_is_known_still_serves(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let (broker, database) =
        (Relay::closed(&world.servers.amqp).await?, Relay::closed(&world.servers.couchdb).await?);
    broker.open().await?;
    database.open().await?;
    let worker = Worker::launch(
        &broker.uri(&world.servers.amqp)?,
        &database.uri(&world.servers.couchdb)?,
        DETAILED,
    )?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    database.close();
    broker.close();
    scene.worker.says("the session with the broker has ended").await?;
    broker.open().await?;
    let deadline = Instant::now() + PATIENCE;
    while scene.worker.metric("kazoo_dynamic_cid_consuming").await? < 1.0 {
        ensure!(Instant::now() < deadline, "no session: {}", scene.worker.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.a_normal_call_works().await?;
    ensure!(scene.worker.said("older data is served"), "{}", scene.worker.last_lines());
    database.open().await?;
    scene.worker.ready(Duration::from_secs(30)).await?;
    scene.end().await
}

/// Apache CouchDB builds a view when it is first asked for, and answers no sooner.
async fn a_check_waits_for_views_that_are_being_built(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let gate = Gate::open(
        &world.servers.couchdb,
        Arc::new(|asked: Asked| {
            Box::pin(async move {
                if asked.path.contains("/_view/") {
                    tokio::time::sleep(BUILDING).await;
                }
                None
            })
        }),
    )
    .await?;
    let line = ["check", "--account", account.id()];
    let uri = gate.uri(&world.servers.couchdb)?;
    let (_, said) = install::run(world, &uri, &world.servers.amqp, &line).await?;
    ensure!(said.contains("1 account read") && !said.contains("unreadable"), "{said}");
    Ok(())
}
