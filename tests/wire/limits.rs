//! Each limit is reached once: something definite happens, it is counted, and the log says so.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::events::{Cue, key_pressed};
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{REJECTED, properties, publish_work};
use crate::line::{Line, Served, Until};
use crate::replay::UNEVENTFUL;
use crate::scene::Scene;
use crate::term::Told;
use crate::transcript::in_words;
use crate::worker::{DETAILED, Worker};

tests![
    more_calls_than_allowed_go_on_after_a_moment,
    an_account_that_calls_too_fast_is_let_through_unchanged,
    a_list_that_is_too_long_counts_as_unreadable,
    patterns_that_are_too_many_count_as_unreadable,
    a_message_that_is_too_large_or_too_deep_leaves_nobody_waiting,
];

async fn limited<'a>(world: &'a World, arguments: &[&str]) -> Result<Scene<'a>> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let servers = &world.servers;
    let worker = Worker::launch_with(&servers.amqp, &servers.couchdb, DETAILED, arguments)?;
    worker.ready(PATIENCE).await?;
    Scene::with(world, account, worker).await
}

/// The limit was counted so often, and the log names the setting that moves it.
async fn was_reached(scene: &Scene<'_>, limit: &str, times: f64, setting: &str) -> Result<()> {
    let (_, text) = scene.worker.get("/metrics").await?;
    let line = format!("kazoo_dynamic_cid_limits_total{{limit=\"{limit}\"}} ");
    let count = text.lines().find_map(|found| found.strip_prefix(&line));
    let count: f64 = count.with_context(|| format!("{limit} is not counted"))?.parse()?;
    ensure!((count - times).abs() < 0.5, "{limit}: {count} times");
    scene.worker.says(setting).await
}

/// A static call; what came of it.
async fn fixed(scene: &Scene<'_>) -> Result<Served> {
    let (line, served) = scene.serve("2001", &[], Until::Answered).await?;
    line.close().await?;
    Ok(served)
}

fn goes_on(served: &Served) -> bool {
    served.commands.is_empty() && served.told == Some(Told::Continue("_".to_owned()))
}

async fn more_calls_than_allowed_go_on_after_a_moment(world: &World) -> Result<()> {
    let scene = limited(world, &["--prefetch", "1"]).await?;
    let silence = Until::Silent(Duration::from_millis(50));
    let (mut waiting, served) = scene.serve("2010", &[Cue::done(1)], silence).await?;
    ensure!(served.commands.len() == 2, "{served:#?}");
    let started = Instant::now();
    let second = fixed(&scene).await?;
    ensure!(goes_on(&second), "{second:#?}");
    let took = started.elapsed();
    ensure!((900..2000).contains(&took.as_millis()), "after {took:?}");
    was_reached(&scene, "calls", 1.0, "--prefetch").await?;
    // The first is not disturbed, and makes room for others.
    for key in "123456".chars() {
        let mut pressed = key_pressed(key);
        pressed["Call-ID"] = waiting.call_id().into();
        scene.kazoo.event(&pressed).await?;
    }
    let served = waiting.follow(Instant::now(), &[], Until::Answered).await?;
    ensure!(served.told.as_ref().and_then(Told::flow).is_some(), "{served:#?}");
    waiting.close().await?;
    let third = fixed(&scene).await?;
    ensure!(third.told.as_ref().and_then(Told::flow).is_some(), "{third:#?}");
    scene.end().await
}

async fn an_account_that_calls_too_fast_is_let_through_unchanged(world: &World) -> Result<()> {
    let scene = limited(world, &["--account-rate", "1"]).await?;
    let mut served = Vec::new();
    for _ in 0..4 {
        served.push(fixed(&scene).await?);
    }
    let unchanged = served.iter().filter(|served| goes_on(served)).count();
    // A slow machine may take so long for a call that another is due.
    ensure!((1..=3).contains(&unchanged), "{unchanged} of 4: {served:#?}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let later = fixed(&scene).await?;
    ensure!(later.told.as_ref().and_then(Told::flow).is_some(), "{later:#?}");
    let times = u32::try_from(unchanged)?;
    was_reached(&scene, "account_rate", times.into(), "--account-rate").await?;
    // Why such a call kept its caller ID can be asked as well.
    let (_, calls) = scene.worker.get("/calls").await?;
    ensure!(calls.matches("\"continue_limited\"").count() == unchanged, "{calls}");
    scene.end().await
}

async fn a_list_that_is_too_long_counts_as_unreadable(world: &World) -> Result<()> {
    let scene = limited(world, &["--max-list-rows", "1"]).await?;
    let course = scene.run(&scene.call("*20014155551234")?, UNEVENTFUL).await?;
    let words: Vec<_> = course.commands.iter().map(in_words).collect();
    ensure!(words[0].contains("fault-can_not_be_completed_as_dialed"), "{words:#?}");
    ensure!(*course.told()? == Told::Stop(None), "{:?}", course.told());
    was_reached(&scene, "list_rows", 1.0, "--max-list-rows").await?;
    scene.end().await
}

async fn patterns_that_are_too_many_count_as_unreadable(world: &World) -> Result<()> {
    let scene = limited(world, &["--max-patterns", "1"]).await?;
    // The destination has no number of its own, so patterns are looked at.
    let course = scene.run(&scene.call("*20014155551234")?, UNEVENTFUL).await?;
    ensure!(!matches!(course.told()?, Told::Unknown(_) | Told::Undecodable(_)), "{course:?}");
    was_reached(&scene, "patterns", 1.0, "--max-patterns").await?;
    scene.end().await
}

async fn a_message_that_is_too_large_or_too_deep_leaves_nobody_waiting(
    world: &World,
) -> Result<()> {
    let scene = limited(world, &["--max-message", "64KiB", "--max-depth", "30"]).await?;
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (what, extra) in [
        ("64 KiB", format!("\"{}\"", "x".repeat(64 * 1024))),
        ("4 MiB", format!("\"{}\"", "x".repeat(4 * 1024 * 1024))),
        ("30 levels", deep(30)),
        ("20 000 levels", deep(20_000)),
    ] {
        let mut line: Line = scene.line().await?;
        let call = scene.call("2001")?;
        let good = line.execute(&call, Some(&json!({"action": "static"}))).to_string();
        let body = good.replacen('{', &format!("{{\"Extra\":{extra},"), 1);
        publish_work(&scene.kazoo.channel, body.as_bytes(), properties()).await?;
        let served = line.follow(Instant::now(), &[], Until::Answered).await.context(what)?;
        ensure!(goes_on(&served), "{what}: {served:#?}");
        let kept = scene.kazoo.take(REJECTED, PATIENCE).await.context(what)?;
        ensure!(kept.data == body.as_bytes(), "{what}: it was kept changed");
        line.close().await?;
    }
    was_reached(&scene, "message_size", 2.0, "--max-message").await?;
    was_reached(&scene, "message_depth", 2.0, "--max-depth").await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}
