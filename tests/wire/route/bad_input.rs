//! Messages of the route seam that no KAZOO 4.3 sends, and those that come when nobody expects
//! them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::scenarios::opted_in;
use super::switchboard::{RecordedCall, Switchboard, Taken};
use crate::bad_input::{Bad, bad, changed, is_kept, junk};
use crate::events::Cue;
use crate::harness::{World, tests};
use crate::kazoo::{self, JOBS, REJECTED};
use crate::line::{Control, Until};
use crate::scene::Scene;
use crate::worker::Worker;

tests![
    requests_wins_and_jobs_that_cannot_be_read_are_kept,
    a_win_that_nobody_asked_for_ends_with_a_spoken_word,
    a_win_that_comes_twice_is_served_once,
    a_win_that_comes_too_late_ends_with_a_spoken_word,
    a_resume_nobody_takes_ends_with_a_spoken_word,
    a_job_of_a_newer_worker_waits_for_one_and_then_ends_with_a_spoken_word,
    a_request_that_is_not_opted_in_is_left_to_callflow,
    a_node_opts_in_by_its_data,
    a_request_of_a_newer_kazoo_is_left_alone_with_a_warning,
    a_request_whose_sender_is_gone_is_forgotten,
    a_call_that_ends_before_it_is_served_is_let_go,
    a_call_that_ends_before_it_is_won_is_let_go,
];

/// How long nothing may come where nothing should.
const QUIET: Until = Until::Silent(Duration::from_millis(400));

pub(crate) async fn scene(world: &World) -> Result<Scene<'_>> {
    let account = opted_in(&world.kazoo_4_3.account);
    world.load(&account).await?;
    Scene::with(world, account, Worker::start_for_routes(world).await?).await
}

fn recorded(scene: &Scene<'_>, name: &str) -> Result<RecordedCall> {
    RecordedCall::of(scene.world.kazoo_4_3.transcript(name)?)
}

async fn call<'a>(scene: &'a Scene<'_>) -> Result<Switchboard<'a>> {
    Switchboard::open(&scene.kazoo, recorded(scene, "static_nocg")?).await
}

/// The caller was told that it does not go on, and hung up.
pub(super) fn ends_with_a_spoken_word(taken: &Taken) -> Result<()> {
    let words = taken.words();
    ensure!(taken.resume.is_none(), "it was resumed");
    ensure!(words.len() >= 2, "{words:#?}");
    let (said, hung_up) = (&words[words.len() - 2], &words[words.len() - 1]);
    ensure!(said.contains("fault-can_not_be_completed_as_dialed"), "{words:#?}");
    ensure!(hung_up.starts_with("hangup"), "{words:#?}");
    Ok(())
}

pub(crate) async fn a_normal_call_works(scene: &Scene<'_>) -> Result<()> {
    let mut call = call(scene).await?;
    let taken = call.serve(&[], Until::Answered).await?;
    ensure!(taken.resume.is_some(), "{:#?}", taken.words());
    call.hangs_up().await?;
    call.close().await
}

async fn requests_wins_and_jobs_that_cannot_be_read_are_kept(world: &World) -> Result<()> {
    let mut scene = scene(world).await?;
    let (request, win, queue) = {
        let mut call = call(&scene).await?;
        call.is_answered().await?;
        (call.request(), call.win(), call.win_queue()?.to_owned())
    };
    let without =
        |good: &Value, what, member| bad(what, changed(good, what, member, None), "missing_header");
    let mut requests = junk(&request);
    requests.extend(["Call-ID", "Msg-ID", "Server-ID"].map(|it| without(&request, it, it)));
    let mut wins = junk(&win);
    wins.extend(["Call-ID", "Control-Queue"].map(|it| without(&win, it, it)));
    let sent: [(&str, &str, Vec<Bad>); 3] = [
        ("callmgr", "route.req.audio.c1d00000000000000000000000000001", requests),
        ("targeted", &queue, wins),
        ("targeted", JOBS, junk(&win)),
    ];
    for (exchange, key, bad) in sent {
        for bad in bad {
            let channel = &scene.kazoo.channel;
            kazoo::publish(channel, exchange, key, &bad.body, bad.properties()).await?;
            is_kept(&mut scene, &bad).await.with_context(|| key.to_owned())?;
            world.count("bad messages survived");
        }
    }
    a_normal_call_works(&scene).await?;
    ensure!(scene.kazoo.waiting(REJECTED).await == Some(0), "more was rejected");
    scene.end().await
}

async fn a_win_that_nobody_asked_for_ends_with_a_spoken_word(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let queue = {
        let mut other = call(&scene).await?;
        other.is_answered().await?;
        other.win_queue()?.to_owned()
    };
    for control in [Control::Plain, Control::Process] {
        let recorded = recorded(&scene, "static_nocg")?;
        let mut call = Switchboard::with(&scene.kazoo, recorded, control, true).await?;
        let won = call.wins_at(&queue).await?;
        ends_with_a_spoken_word(&call.follow(won, &[], Until::Answered).await?)?;
        call.close().await?;
    }
    scene.worker.says("of which nothing is known here").await?;
    scene.end().await
}

async fn a_win_that_comes_twice_is_served_once(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let mut call = call(&scene).await?;
    call.is_answered().await?;
    let won = call.wins().await?;
    call.wins().await?;
    let taken = call.follow(won, &[], Until::Answered).await?;
    ensure!(taken.resume.is_some() && taken.commands.len() == 3, "{:#?}", taken.words());
    let more = call.follow(Instant::now(), &[], QUIET).await?;
    ensure!(more.resume.is_none() && more.commands.is_empty(), "{:#?}", more.words());
    // Even when it is long over.
    call.wins().await?;
    let more = call.follow(Instant::now(), &[], QUIET).await?;
    ensure!(more.resume.is_none() && more.commands.is_empty(), "{:#?}", more.words());
    scene.worker.says("won twice").await?;
    call.hangs_up().await?;
    call.close().await?;
    scene.end().await
}

async fn a_win_that_comes_too_late_ends_with_a_spoken_word(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let mut call = call(&scene).await?;
    call.is_answered().await?;
    tokio::time::sleep(Duration::from_millis(6500)).await;
    let won = call.wins().await?;
    ends_with_a_spoken_word(&call.follow(won, &[], Until::Answered).await?)?;
    call.close().await?;
    scene.end().await
}

async fn a_resume_nobody_takes_ends_with_a_spoken_word(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let recorded = recorded(&scene, "static_nocg")?;
    let mut call = Switchboard::with(&scene.kazoo, recorded, Control::Plain, false).await?;
    let taken = call.serve(&[], Until::Answered).await?;
    ends_with_a_spoken_word(&taken)?;
    ensure!(taken.commands.len() == 5, "{:#?}", taken.words());
    call.close().await?;
    scene.worker.says("no callflow application of KAZOO takes the call back").await?;
    scene.end().await
}

async fn a_job_of_a_newer_worker_waits_for_one_and_then_ends_with_a_spoken_word(
    world: &World,
) -> Result<()> {
    let scene = scene(world).await?;
    let mut call = call(&scene).await?;
    let job = json!({
        "Event-Category": "kazoo_dynamic_cid", "Event-Name": "route_job", "Version": 9,
        "Call-ID": call.call_id, "Control-Queue": call.win()["Control-Queue"],
        "How": {"that": "is written is not known yet"},
        "App-Name": "kazoo_dynamic_cid", "App-Version": "9.0.0", "Node": "w@h", "Msg-ID": "j1",
    });
    let started = Instant::now();
    scene.kazoo.publish("targeted", JOBS, &job).await?;
    let taken = call.follow(started, &[], Until::Answered).await?;
    ends_with_a_spoken_word(&taken)?;
    let took = started.elapsed();
    ensure!((4..8).contains(&took.as_secs()), "after {took:?}");
    call.close().await?;
    scene.end().await
}

async fn a_request_that_is_not_opted_in_is_left_to_callflow(world: &World) -> Result<()> {
    let account = world.kazoo_4_3.account.clone();
    world.load(&account).await?;
    let scene = Scene::with(world, account, Worker::start_for_routes(world).await?).await?;
    for name in ["static_nocg", "lists_match", "manual_ok"] {
        let mut call = Switchboard::open(&scene.kazoo, recorded(&scene, name)?).await?;
        call.is_ignored().await?;
        call.close().await?;
    }
    ensure!(scene.worker.said("not_opted_in"), "{}", scene.worker.last_lines());
    scene.end().await
}

async fn a_node_opts_in_by_its_data(world: &World) -> Result<()> {
    let account = &world.kazoo_4_3.account;
    for (worker, taken) in [
        (json!(true), true),
        (json!({"route": true}), true),
        (json!(false), false),
        (json!({"route": false}), false),
        (json!({"preset": "recommended"}), false),
    ] {
        let mut callflow = account.document("cf_static_nocg").context("no callflow")?.clone();
        callflow["flow"]["data"]["worker"] = worker.clone();
        let account = account.with([callflow]);
        world.load(&account).await?;
        let worker_process = Worker::start_for_routes(world).await?;
        let scene = Scene::with(world, account, worker_process).await?;
        let mut call = call(&scene).await?;
        if taken {
            call.serve(&[], Until::Answered).await.with_context(|| worker.to_string())?;
            call.hangs_up().await?;
        } else {
            call.is_ignored().await.with_context(|| worker.to_string())?;
        }
        call.close().await?;
        scene.end().await?;
    }
    Ok(())
}

async fn a_request_of_a_newer_kazoo_is_left_alone_with_a_warning(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let mut call = call(&scene).await?;
    let mut request = call.request();
    request["Server-ID"] = json!(format!("pid://<0.77.0>/{}", call.queue()));
    scene.kazoo.publish("callmgr", "route.req.audio.x", &request).await?;
    call.hears_nothing().await?;
    scene.worker.says("newer than 4.3").await?;
    call.close().await?;
    scene.end().await
}

async fn a_request_whose_sender_is_gone_is_forgotten(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let call = call(&scene).await?;
    let mut request = call.request();
    request["Server-ID"] = json!("nobody.any.more");
    // An answer out of cold caches may be too late to be sent at all.
    for _ in 0..3 {
        scene.kazoo.publish("callmgr", "route.req.audio.x", &request).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    scene.worker.says("whoever asked for a route is gone").await?;
    call.close().await?;
    a_normal_call_works(&scene).await?;
    scene.end().await
}

/// Nothing of the call is bound yet when it ends.
async fn a_call_that_ends_before_it_is_won_is_let_go(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    for name in ["static_nocg", "lists_match", "manual_ok"] {
        let mut call = Switchboard::open(&scene.kazoo, recorded(&scene, name)?).await?;
        call.is_answered().await?;
        call.hangs_up().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let won = call.wins().await?;
        let taken = call.follow(won, &[], QUIET).await?;
        ensure!(taken.resume.is_none() && taken.commands.is_empty(), "{name}: {taken:#?}");
        call.close().await?;
    }
    a_normal_call_works(&scene).await?;
    scene.end().await
}

async fn a_call_that_ends_before_it_is_served_is_let_go(world: &World) -> Result<()> {
    let scene = scene(world).await?;
    let manual = recorded(&scene, "manual_ok")?;
    let mut call = Switchboard::open(&scene.kazoo, manual).await?;
    call.is_answered().await?;
    let won = call.wins().await?;
    let cues = [Cue::at_once(1, crate::events::hung_up())];
    let taken = call.follow(won, &cues, QUIET).await?;
    ensure!(taken.resume.is_none() && taken.commands.len() < 4, "{:#?}", taken.words());
    call.close().await?;
    scene.end().await
}
