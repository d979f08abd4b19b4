//! Calls that change hands, or their id, while the worker collects digits.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::events::{Cue, done, event, key_pressed};
use crate::harness::{World, tests};
use crate::line::{Line, Served, Until};
use crate::scene::Scene;
use crate::term::Told;

tests![
    a_call_that_goes_on_under_another_id_is_followed,
    an_id_that_changes_for_another_fetch_is_not_followed,
    a_call_taken_away_is_let_go_without_a_word,
    news_about_others_does_not_disturb_the_collection,
    a_refused_caller_hears_why_and_nobody_is_answered,
];

/// Keys from `cf_manual`: at least 4, at most 6, 700 ms between two.
const MANUAL: &str = "2010";
const NEXT_ID: &str = "the-next.id@10.0.0.9";

/// The lead-in is over and two keys were pressed.
fn two_keys() -> Vec<Cue> {
    vec![
        Cue::at_once(1, done(1)),
        Cue::later(2, 10, key_pressed('1')),
        Cue::later(3, 20, key_pressed('2')),
    ]
}

/// Two more, then the time between keys is over.
fn two_more() -> Vec<Cue> {
    vec![Cue::later(3, 150, key_pressed('3')), Cue::later(3, 170, key_pressed('4'))]
}

async fn collect(
    scene: &Scene<'_>,
    middle: Vec<Cue>,
    end: Vec<Cue>,
    until: Until,
) -> Result<(Line, Served)> {
    let cues: Vec<_> = two_keys().into_iter().chain(middle).chain(end).collect();
    scene.serve(MANUAL, &cues, until).await
}

fn fetch_id(scene: &Scene<'_>) -> Result<Value> {
    Ok(scene.call(MANUAL)?["Custom-Channel-Vars"]["Fetch-ID"].clone())
}

fn number(served: &Served) -> Value {
    let flow = served.told.as_ref().and_then(Told::flow);
    flow.map(|flow| flow["data"]["caller_id"]["number"].clone()).unwrap_or_default()
}

async fn a_call_that_goes_on_under_another_id_is_followed(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let ours = json!({"Fetch-ID": fetch_id(&scene)?});
    for (name, member) in
        [("CHANNEL_REPLACED", "Replaced-By"), ("CHANNEL_DIRECT", "Connecting-Leg-B-UUID")]
    {
        let moved = event(name, json!({member: NEXT_ID, "Custom-Channel-Vars": ours}));
        let moved = Cue { moves_the_call: true, ..Cue::later(3, 60, moved) };
        let (line, served) = collect(&scene, vec![moved], two_more(), Until::Answered).await?;
        // The digits pressed under the new id count, those of the old one are not forgotten.
        ensure!(number(&served) == "1234", "{name}: {served:#?}");
        ensure!(served.result["Call-ID"] == NEXT_ID, "{name}: {}", served.result);
        let ids: Vec<_> = served.commands.iter().map(|it| it["Call-ID"].clone()).collect();
        ensure!(ids.len() == 5 && ids[3] == NEXT_ID && ids[4] == NEXT_ID, "{name}: {ids:?}");
        ensure!(ids[0] != NEXT_ID, "{name}: {ids:?}");
        line.close().await?;
    }
    scene.end().await
}

async fn an_id_that_changes_for_another_fetch_is_not_followed(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let theirs = json!({"Replaced-By": NEXT_ID, "Custom-Channel-Vars": {"Fetch-ID": "theirs"}});
    let cue = Cue::later(3, 60, event("CHANNEL_REPLACED", theirs));
    let (line, served) = collect(&scene, vec![cue], two_more(), Until::Answered).await?;
    ensure!(number(&served) == "1234", "{served:#?}");
    ensure!(served.result["Call-ID"] != NEXT_ID, "{}", served.result);
    line.close().await?;
    scene.end().await
}

async fn a_call_taken_away_is_let_go_without_a_word(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let ours = json!({"Fetch-ID": fetch_id(&scene)?});
    for taken in [
        event("usurp_control", json!({"Fetch-ID": "somebody-elses", "Reason": "redirect"})),
        event("CHANNEL_TRANSFEREE", json!({"Custom-Channel-Vars": ours})),
        event("CHANNEL_DISCONNECTED", json!({})),
        event("CHANNEL_PIVOT", json!({"Application-Data": {"module": "play", "data": {}}})),
    ] {
        let name = taken["Event-Name"].clone();
        let cue = vec![Cue::later(3, 60, taken)];
        // Longer than the time between keys: the collection would have ended by then.
        let silence = Until::Silent(Duration::from_millis(1200));
        let (line, served) = collect(&scene, cue, Vec::new(), silence).await?;
        ensure!(served.told.is_none(), "{name}: {served:#?}");
        ensure!(served.commands.len() == 3, "{name}: {:#?}", served.commands);
        line.close().await?;
    }
    scene.end().await
}

async fn news_about_others_does_not_disturb_the_collection(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let ours = fetch_id(&scene)?;
    let theirs = json!({"Custom-Channel-Vars": {"Fetch-ID": "theirs"}});
    for (position, news) in [
        // What ecallmgr says right after route_win.
        event("usurp_control", json!({"Fetch-ID": ours, "Reason": "Route-Win"})),
        event("CHANNEL_TRANSFEREE", theirs),
        event("CHANNEL_BRIDGE", json!({"Other-Leg-Call-ID": "b@x"})),
        event("channel_status_req", json!({"Server-ID": "somebody"})),
        event("SOMETHING_NEW", json!({"Custom-Channel-Vars": {"Fetch-ID": ours}})),
    ]
    .into_iter()
    .enumerate()
    {
        let name = news["Event-Name"].clone();
        let delay = 40 + 10 * position as u64;
        let cues = vec![Cue::later(3, delay, news)];
        let (line, served) = collect(&scene, cues, two_more(), Until::Answered).await?;
        ensure!(number(&served) == "1234", "{name}: {served:#?}");
        line.close().await?;
    }
    scene.end().await
}

async fn a_refused_caller_hears_why_and_nobody_is_answered(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let transcript = world.transcript("lists_permit_restricted")?;
    let call = scene.account.call(transcript)?;
    let mut line = scene.line().await?;
    let data = scene.data(&call)?;
    let cues = [Cue::later(6, 50, done(5))];
    let silence = Until::Silent(Duration::from_millis(300));
    let served = line.serve(&call, Some(&data), &cues, silence).await?;
    let applications: Vec<_> =
        served.commands.iter().map(|it| it["Application-Name"].as_str().unwrap_or("")).collect();
    ensure!(applications == ["set", "set", "set", "answer", "queue", "hangup"], "{applications:?}");
    ensure!(served.told.is_none(), "{:?}", served.told);
    // Until the channel ends the call is the worker's: were it to die, another one would take it.
    let busy = scene.worker.metric("kazoo_dynamic_cid_in_flight").await?;
    ensure!((busy - 1.0).abs() < 0.5, "{busy} calls in flight");
    let mut gone = event("CHANNEL_DESTROY", json!({"Hangup-Cause": "NORMAL_CLEARING"}));
    gone["Call-ID"] = line.call_id().into();
    scene.kazoo.event(&gone).await?;
    scene.worker.idle().await?;
    line.close().await?;
    scene.end().await
}
