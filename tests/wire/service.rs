//! What a cluster expects of the service as a whole: fresh documents, and calls that do not mix.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::events::Cue;
use crate::harness::{PATIENCE, World, tests};
use crate::line::Until;
use crate::scene::Scene;
use crate::term::Told;
use crate::transcript::in_words;

tests![
    a_hundred_callers_who_type_at_once_get_their_own_numbers,
    a_changed_document_counts_from_its_notice_on,
    a_changed_setting_counts_from_its_notice_on,
    sighup_forgets_every_document,
];

async fn a_hundred_callers_who_type_at_once_get_their_own_numbers(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let calls = (0..100).map(|caller| {
        let scene = &scene;
        async move {
            let keys = format!("{:06}", 900_100 + caller);
            let cues: Vec<_> = std::iter::once(Cue::done(1)).chain(Cue::keys(2, &keys)).collect();
            let (line, served) = scene.serve("2010", &cues, Until::Answered).await?;
            let flow = served.told.as_ref().and_then(Told::flow);
            let flow = flow.with_context(|| format!("{:?}", served.told))?;
            let number = &flow["data"]["caller_id"]["number"];
            ensure!(*number == keys, "{keys} became {number}: {:#?}", served.commands);
            line.close().await
        }
    });
    try_join_all(calls).await?;
    scene.end().await
}

/// What the worker itself says of a call: its static node and what follows, or that it stops.
async fn says(scene: &Scene<'_>, number: &str) -> Result<String> {
    // Where the call is stopped, a prompt has to end before.
    let (line, served) = scene.serve(number, &[Cue::done(4)], Until::Answered).await?;
    line.close().await?;
    let told = served.told.context("no answer")?;
    Ok(told.flow().map_or_else(|| format!("{told:?}"), |flow| json!(flow).to_string()))
}

/// Calls until the answer is this one: a notice comes on another way than the calls.
async fn comes_to_say(scene: &Scene<'_>, number: &str, answer: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = says(scene, number).await?;
        if now.contains(answer) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{number}: still {now}, not {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A list whose node has no child, so that the worker names the caller ID itself.
pub(crate) const LISTED: &str = "*70014155552099";

/// An account with such a list.
pub(crate) async fn scene(world: &World) -> Result<Scene<'_>> {
    let alone = json!({
        "_id": "cf_alone", "name": "cf_alone", "pvt_type": "callflow", "numbers": [],
        "patterns": [r"^\*70(\d+)$"],
        "flow": {"module": "dynamic_cid", "data": {"action": "lists", "id": "list1"}},
    });
    let scene = Scene::set(world, world.account.with([alone]).all_remote()).await?;
    ensure!(says(&scene, LISTED).await?.contains("+14155550201"));
    ensure!(says(&scene, "2001").await?.contains("+14155550100"));
    Ok(scene)
}

/// Changed documents, the number to dial, and what the worker then says.
fn changes(scene: &Scene<'_>) -> Result<[(Value, &'static str, &'static str); 3]> {
    let document = |id: &str| scene.account.document(id).cloned().context("no such document");
    let (mut entry, mut callflow) = (document("e1")?, document("cf_static_nocg")?);
    entry["number"] = json!("+14155557001");
    // Not the node itself: with other data it would be taken for edited and come with those.
    callflow["flow"]["children"]["_"]["data"]["at"] = json!("+14155557002");
    // The destination gets a callflow of its own, which the node does not permit.
    let mut added = callflow.clone();
    added["_id"] = json!("cf_added");
    added["numbers"] = json!(["+14155552099"]);
    Ok([
        (entry, LISTED, "+14155557001"),
        (callflow, "2001", "+14155557002"),
        (added, LISTED, "Stop"),
    ])
}

async fn a_changed_document_counts_from_its_notice_on(world: &World) -> Result<()> {
    let mut scene = scene(world).await?;
    let database = scene.account.database();
    for (document, dial, answer) in changes(&scene)? {
        let id = document["_id"].as_str().unwrap_or_default().to_owned();
        let kind = document["pvt_type"].as_str().unwrap_or_default().to_owned();
        says(&scene, dial).await?;
        world.couch.put(&database, &document).await?;
        scene.account = scene.account.with([document]);
        let stale = says(&scene, dial).await?;
        ensure!(!stale.contains(answer), "{id} is not cached: {stale}");
        scene.kazoo.document_changed(&database, &kind, &id).await?;
        comes_to_say(&scene, dial, answer).await.context(id)?;
    }
    scene.end().await
}

async fn a_changed_setting_counts_from_its_notice_on(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let (prompt, settings) = ("tone_stream://%(1,1,1)", "callflow.dynamic_cid");
    // The caller of a node without a number hears it from the worker itself.
    let heard = async || -> Result<String> {
        let (line, served) = scene.serve("2002", &[], Until::Answered).await?;
        line.close().await?;
        Ok(served.commands.first().map(in_words).unwrap_or_default())
    };
    let before = heard().await?;
    ensure!(before.contains("dynamic-cid-invalid_using_default"), "{before}");
    let account = scene.account.with_configuration(settings, &json!({"reject_prompt": prompt}));
    world.load(&account).await?;
    scene.kazoo.document_changed("system_config", "config", settings).await?;
    let deadline = Instant::now() + PATIENCE;
    while !heard().await?.contains(prompt) {
        ensure!(Instant::now() < deadline, "still {before}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.end().await
}

async fn sighup_forgets_every_document(world: &World) -> Result<()> {
    let mut scene = scene(world).await?;
    for (document, dial, answer) in changes(&scene)? {
        says(&scene, dial).await?;
        world.couch.put(&scene.account.database(), &document).await?;
        scene.account = scene.account.with([document]);
        let stale = says(&scene, dial).await?;
        ensure!(!stale.contains(answer), "not cached: {stale}");
        scene.worker.signal("HUP")?;
        comes_to_say(&scene, dial, answer).await?;
    }
    scene.end().await
}
