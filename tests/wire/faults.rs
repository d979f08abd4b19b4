//! What breaks: the broker, the worker, the database.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::sync::mpsc;

use crate::events::Cue;
use crate::harness::{PATIENCE, World, tests};
use crate::kazoo::{self, Kazoo, Received, WORK};
use crate::line::{Line, Until};
use crate::relay::Relay;
use crate::replay::{self, UNEVENTFUL};
use crate::scene::Scene;
use crate::term::Told;
use crate::worker::{DETAILED, Worker};

tests![
    a_worker_serves_again_after_the_broker_was_restarted,
    digits_are_collected_anew_after_the_broker_was_restarted,
    an_executor_that_is_gone_leaves_no_caller_in_silence,
    an_executor_that_is_back_late_gets_its_answer,
    a_call_of_a_killed_worker_starts_again_with_the_next,
    switches_that_are_back_late_are_asked_again,
    a_call_in_flight_survives_a_cut_connection,
    a_redelivered_call_that_has_ended_is_dropped,
    a_redelivered_call_nobody_knows_of_goes_on,
    a_call_that_came_while_no_worker_ran_is_served_by_the_next,
    an_old_call_is_served_only_if_its_channel_is_there,
    a_worker_without_couchdb_says_so_and_serves_when_it_comes,
    a_list_that_cannot_be_read_plays_the_fault_prompt_and_stops,
];

async fn a_worker_serves_again_after_the_broker_was_restarted(world: &World) -> Result<()> {
    if !world.servers.controls_broker() {
        println!("        skipped: this broker is not ours to restart");
        return Ok(());
    }
    let scene = Scene::set(world, world.account.all_remote()).await?;
    scene.a_normal_call_works().await?;
    world.servers.control_broker("stop")?;
    let deadline = Instant::now() + PATIENCE;
    while scene.worker.ready(Duration::from_millis(1)).await.is_ok() {
        ensure!(Instant::now() < deadline, "ready without a broker");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.servers.control_broker("start")?;
    scene.worker.ready(Duration::from_secs(30)).await?;
    let Scene { account, worker, .. } = scene;
    let scene = Scene::with(world, account, worker).await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}

/// KAZOO's own message is gone with the broker's memory; the call was put on disk before.
async fn digits_are_collected_anew_after_the_broker_was_restarted(world: &World) -> Result<()> {
    if !world.servers.controls_broker() {
        println!("        skipped: this broker is not ours to restart");
        return Ok(());
    }
    for stopped in ["stop", "kill"] {
        let account = world.account.all_remote();
        world.load(&account).await?;
        let relay = Relay::closed(&world.servers.amqp).await?;
        relay.open().await?;
        let address = relay.uri(&world.servers.amqp)?;
        let worker = Worker::launch(&address, &world.servers.couchdb, DETAILED)?;
        worker.ready(PATIENCE).await?;
        let scene = Scene::with(world, account, worker).await?;
        let silence = Until::Silent(Duration::from_millis(100));
        let (line, served) = scene.serve("2010", &[Cue::done(1)], silence).await?;
        ensure!(served.commands.len() == 2, "{served:#?}");
        world.servers.control_broker(stopped)?;
        relay.close();
        world.servers.control_broker("start")?;
        let kazoo = Kazoo::connect(&world.servers.amqp).await?;
        let mut questions = questions(&kazoo).await?;
        let mut line = line.reopened(&kazoo).await?;
        // The worker asks as soon as it is back, and only once.
        relay.open().await?;
        scene.worker.ready(Duration::from_secs(30)).await?;
        answer(&kazoo, &mut questions, line.call_id(), "active").await?;
        line.begins_anew();
        digits_are_collected_anew(line).await.context(stopped)?;
        Scene { kazoo, ..scene }.end().await?;
    }
    Ok(())
}

/// The callflow that ran the call is gone, the call is not: its caller must not wait for ever.
async fn an_executor_that_is_gone_leaves_no_caller_in_silence(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    for (status, told) in [("active", true), ("terminated", false)] {
        let mut questions = questions(&scene.kazoo).await?;
        let call = scene.call("2001")?;
        let mut line = scene.line().await?;
        let mut execute = line.execute(&call, Some(&scene.data(&call)?));
        execute["Server-ID"] = json!("pid://<0.1.0>/callflow_route_of_a_node_that_is_gone");
        line.send(&execute).await?;
        answer(&scene.kazoo, &mut questions, line.call_id(), status).await?;
        let until = Until::Silent(Duration::from_secs(10));
        let served = line.follow(Instant::now(), &[], until).await?;
        let words: Vec<_> = served.commands.iter().map(crate::transcript::in_words).collect();
        if told {
            ensure!(words[0].contains("fault-can_not_be_completed_as_dialed"), "{words:#?}");
            ensure!(words.last().is_some_and(|it| it.starts_with("hangup")), "{words:#?}");
        } else {
            ensure!(words.is_empty(), "{words:#?}");
        }
        line.close().await?;
    }
    scene.end().await
}

/// A broker that is stopped closes its connections politely, and then KAZOO leaves it alone for 30 s.
async fn an_executor_that_is_back_late_gets_its_answer(world: &World) -> Result<()> {
    /// Longer than an executor is waited for whose call is known to be up.
    const AWAY: Duration = Duration::from_secs(13);
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let call = scene.call("2001")?;
    let mut line = scene.line().await?;
    let queue = format!("callflow_route_{:08x}", rand::random::<u32>());
    let mut execute = line.execute(&call, Some(&scene.data(&call)?));
    execute["Server-ID"] = json!(format!("pid://<0.1.0>/{queue}"));
    line.send(&execute).await?;
    tokio::time::sleep(AWAY).await;
    let mut answers = scene.kazoo.listen(&queue, &[("targeted", &queue)]).await?;
    let answer = tokio::time::timeout(PATIENCE, answers.recv()).await;
    let answer = answer.context("no answer")?.context("no connection")?;
    ensure!(answer.text("Event-Name") == "action.result", "{}", answer.body);
    ensure!(answer.body["Call-ID"] == line.call_id(), "{}", answer.body);
    line.close().await?;
    scene.end().await
}

/// The questions for channels that come to an ecallmgr.
pub(crate) async fn questions(kazoo: &Kazoo) -> Result<mpsc::UnboundedReceiver<Received>> {
    let queue = format!("ecallmgr_{:08x}", rand::random::<u32>());
    kazoo.listen(&queue, &[("callevt", "call.status_req.#")]).await
}

/// A manual entry whose worker dies while the prompt plays, and the questions the next one asks.
async fn orphaned(
    scene: Scene<'_>,
) -> Result<(Scene<'_>, Line, mpsc::UnboundedReceiver<Received>)> {
    let questions = questions(&scene.kazoo).await?;
    let cues = [Cue::done(1)];
    let silence = Until::Silent(Duration::from_millis(100));
    let (mut line, served) = scene.serve("2010", &cues, silence).await?;
    ensure!(served.accepted && served.commands.len() == 2, "{served:#?}");
    let Scene { world, account, worker, kazoo } = scene;
    worker.kill()?;
    line.begins_anew();
    let worker = Worker::start(world).await?;
    Ok((Scene { world, account, kazoo, worker }, line, questions))
}

/// Answers the question whether the channel is there.
pub(crate) async fn answer(
    kazoo: &Kazoo,
    questions: &mut mpsc::UnboundedReceiver<Received>,
    call_id: &str,
    status: &str,
) -> Result<()> {
    let question = tokio::time::timeout(PATIENCE, questions.recv()).await;
    let question = question.context("nobody asks for the channel")?.context("no connection")?;
    ensure!(question.text("Call-ID") == call_id, "asks for {}", question.body);
    ensure!(question.text("Event-Name") == "channel_status_req", "{}", question.body);
    ensure!(question.content_type.as_deref() == Some("application/json"), "{question:?}");
    let body = json!({
        "Event-Category": "call_event", "Event-Name": "channel_status_resp",
        "Call-ID": call_id, "Status": status, "Msg-ID": question.text("Msg-ID"),
        "App-Name": "ecallmgr", "App-Version": "4.0.0", "Node": "ecallmgr@127.0.0.1",
        "Switch-Nodename": "freeswitch@fs1.example.com",
    });
    kazoo.publish("targeted", question.text("Server-ID"), &body).await
}

async fn a_call_of_a_killed_worker_starts_again_with_the_next(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let (scene, line, mut questions) = orphaned(scene).await?;
    answer(&scene.kazoo, &mut questions, line.call_id(), "active").await?;
    digits_are_collected_anew(line).await?;
    scene.end().await
}

/// After a restart of the broker the worker may be back before the switches are.
async fn switches_that_are_back_late_are_asked_again(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let (scene, line, mut questions) = orphaned(scene).await?;
    let mut unanswered = BTreeSet::new();
    while unanswered.len() < 2 {
        let question = tokio::time::timeout(PATIENCE, questions.recv()).await;
        let question = question.context("nobody asks again")?.context("no connection")?;
        unanswered.insert(question.text("Msg-ID").to_owned());
    }
    answer(&scene.kazoo, &mut questions, line.call_id(), "active").await?;
    digits_are_collected_anew(line).await?;
    scene.end().await
}

/// What still plays is cut off; the caller hears the prompt again, and types.
pub(crate) async fn digits_are_collected_anew(mut line: Line) -> Result<()> {
    let cues: Vec<_> =
        [Cue::done(1), Cue::done(2)].into_iter().chain(Cue::keys(3, "123456")).collect();
    let served = line.follow(Instant::now(), &cues, Until::Answered).await?;
    let media: Vec<_> = served
        .commands
        .iter()
        .map(|it| it["Commands"][1]["Media-Name"].as_str().unwrap_or("flush"))
        .collect();
    ensure!(served.commands[0]["Insert-At"] == "flush", "{media:?}");
    ensure!(media[1] == "silence_stream://100", "{media:?}");
    ensure!(media[2].contains("dynamic-cid-enter_cid"), "{media:?}");
    let flow = served.told.as_ref().and_then(Told::flow).context("no flow")?;
    ensure!(flow["data"]["caller_id"]["number"] == "123456", "{flow:?}");
    line.close().await
}

async fn a_call_in_flight_survives_a_cut_connection(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.amqp).await?;
    relay.open().await?;
    let worker =
        Worker::launch(&relay.uri(&world.servers.amqp)?, &world.servers.couchdb, DETAILED)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    let mut questions = questions(&scene.kazoo).await?;
    let silence = Until::Silent(Duration::from_millis(100));
    let (mut line, served) = scene.serve("2010", &[Cue::done(1)], silence).await?;
    ensure!(served.commands.len() == 2, "{served:#?}");
    relay.close();
    tokio::time::sleep(Duration::from_millis(100)).await;
    relay.open().await?;
    line.begins_anew();
    answer(&scene.kazoo, &mut questions, line.call_id(), "active").await?;
    digits_are_collected_anew(line).await?;
    scene.worker.ready(PATIENCE).await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}

async fn a_redelivered_call_that_has_ended_is_dropped(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let (scene, mut line, mut questions) = orphaned(scene).await?;
    answer(&scene.kazoo, &mut questions, line.call_id(), "terminated").await?;
    let silence = Until::Silent(Duration::from_millis(2500));
    let served = line.follow(Instant::now(), &[], silence).await?;
    ensure!(served.told.is_none() && served.commands.is_empty(), "{served:#?}");
    line.close().await?;
    scene.end().await
}

async fn a_redelivered_call_nobody_knows_of_goes_on(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let (scene, mut line, _questions) = orphaned(scene).await?;
    let served = line.follow(Instant::now(), &[], Until::Answered).await?;
    ensure!(served.told == Some(Told::Continue("_".to_owned())), "{served:#?}");
    ensure!(served.commands.is_empty(), "{served:#?}");
    line.close().await?;
    scene.end().await
}

/// The situation `remote_unavailable`: KAZOO would lose a listener and the caller would hang.
async fn a_call_that_came_while_no_worker_ran_is_served_by_the_next(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let Scene { world, account, kazoo, worker } = scene;
    let status = worker.stop().await?;
    ensure!(status.success(), "{status}");
    let mut line = Line::open(&kazoo, crate::line::Control::Process, "waiting@test").await?;
    let call = account.call_to(world.transcript("static_nocg")?, "2001")?;
    let execute = line.execute(&call, Some(&account.data_of("cf_static_nocg")));
    // An error where the broker returns it.
    line.send(&execute).await?;
    ensure!(kazoo.waiting(WORK).await == Some(1), "the call does not wait");
    let worker = Worker::start(world).await?;
    let served = line.follow(Instant::now(), &[], Until::Answered).await?;
    ensure!(served.told.is_some());
    line.close().await?;
    Scene { world, account, kazoo, worker }.end().await
}

async fn an_old_call_is_served_only_if_its_channel_is_there(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let mut questions = questions(&scene.kazoo).await?;
    for (status, served) in [("active", true), ("terminated", false)] {
        let call = scene.call("2001")?;
        let mut line = scene.line().await?;
        let execute = line.execute(&call, Some(&scene.data(&call)?));
        let timestamp = kazoo::properties().timestamp().unwrap_or_default() - 30_000_000;
        let properties = kazoo::properties().with_timestamp(timestamp);
        let body = execute.to_string();
        kazoo::publish_work(&scene.kazoo.channel, body.as_bytes(), properties).await?;
        answer(&scene.kazoo, &mut questions, line.call_id(), status).await?;
        let until =
            if served { Until::Answered } else { Until::Silent(Duration::from_millis(2500)) };
        let came = line.follow(Instant::now(), &[], until).await.context(status)?;
        ensure!(came.told.is_some() == served, "{status}: {came:#?}");
        line.close().await?;
        // KAZOO 5 is asked under another category, so there may be a second question.
        while questions.try_recv().is_ok() {}
    }
    scene.end().await
}

async fn a_worker_without_couchdb_says_so_and_serves_when_it_comes(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    let uri = relay.uri(&world.servers.couchdb)?;
    let worker = Worker::launch(&world.servers.amqp, &uri, DETAILED)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok((503, text)) = worker.get("/readyz").await
            && text.contains("CouchDB")
        {
            break;
        }
        ensure!(Instant::now() < deadline, "no word of CouchDB:\n{}", worker.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.says("CouchDB").await?;
    relay.open().await?;
    worker.ready(Duration::from_secs(30)).await?;
    let scene = Scene::with(world, account, worker).await?;
    let call = scene.call("2001")?;
    let (expected, came) = (scene.native(&call)?, scene.run(&call, UNEVENTFUL).await?);
    let differences = replay::differences(&expected, &came);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    scene.end().await
}

async fn a_list_that_cannot_be_read_plays_the_fault_prompt_and_stops(world: &World) -> Result<()> {
    let account = world.account.all_remote();
    world.load(&account).await?;
    let relay = Relay::closed(&world.servers.couchdb).await?;
    relay.open().await?;
    let uri = relay.uri(&world.servers.couchdb)?;
    let worker = Worker::launch(&world.servers.amqp, &uri, DETAILED)?;
    worker.ready(PATIENCE).await?;
    let scene = Scene::with(world, account, worker).await?;
    relay.close();
    let course = scene.run(&scene.call("*20014155551234")?, UNEVENTFUL).await?;
    let words: Vec<_> = course.commands.iter().map(crate::transcript::in_words).collect();
    ensure!(words.len() == 2, "{words:#?}");
    ensure!(words[0].contains("fault-can_not_be_completed_as_dialed"), "{words:#?}");
    ensure!(*course.told()? == Told::Stop(None), "{:?}", course.told());
    ensure!(scene.worker.said("list1"), "no word of it:\n{}", scene.worker.last_lines());
    relay.open().await?;
    scene.worker.ready(Duration::from_secs(30)).await?;
    scene.a_normal_call_works().await?;
    scene.end().await
}
