//! Numbers and patterns that only workers know: callflow finds nothing and stays silent.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::switchboard::{RecordedCall, Switchboard, Taken};
use crate::events::Cue;
use crate::harness::{World, tests};
use crate::line::Until;
use crate::scene::Scene;
use crate::worker::Worker;

tests![
    an_exclusive_pattern_is_taken_without_opting_in,
    an_exclusive_number_has_what_we_do_better,
    a_number_that_is_shared_as_well_is_shared,
    a_number_that_no_match_takes_is_not_exclusive,
    an_exclusive_number_that_is_removed_is_removed,
    a_call_that_kazoo_would_die_of_ends_with_a_spoken_word,
];

/// The callflow that takes every number nobody else has, exclusive ones included.
const NO_MATCH: &str = "cf_nomatch";

/// The recorded callflow, known to workers alone.
fn exclusive(world: &World, id: &str, own: Value) -> Result<Value> {
    let mut callflow = world.kazoo_4_3.account.document(id).context("no callflow")?.clone();
    callflow["numbers"] = json!([]);
    callflow["patterns"] = json!([]);
    callflow["kazoo_dynamic_cid"] = own;
    Ok(callflow)
}

async fn scene(world: &World, callflow: Value) -> Result<Scene<'_>> {
    scene_of(world, [callflow]).await
}

async fn scene_of<const N: usize>(world: &World, documents: [Value; N]) -> Result<Scene<'_>> {
    let mut account = world.kazoo_4_3.account.with(documents);
    account.documents.retain(|document| document["_id"] != NO_MATCH);
    let preset = json!({"worker": {"preset": "recommended"}});
    let account = account.with_configuration("callflow.dynamic_cid", &preset);
    world.load(&account).await?;
    Scene::with(world, account, Worker::start_for_routes(world).await?).await
}

async fn dial<'a>(scene: &'a Scene<'_>, number: &str) -> Result<Switchboard<'a>> {
    let recorded = RecordedCall::of(scene.world.kazoo_4_3.transcript("static_nocg")?)?;
    Switchboard::open(&scene.kazoo, recorded.dialling(number)).await
}

async fn serve(scene: &Scene<'_>, number: &str, cues: &[Cue]) -> Result<(Value, Taken)> {
    let mut call = dial(scene, number).await?;
    let taken = call.serve(cues, Until::Answered).await?;
    let response = call.response.clone();
    call.hangs_up().await?;
    call.close().await?;
    Ok((response, taken))
}

async fn an_exclusive_pattern_is_taken_without_opting_in(world: &World) -> Result<()> {
    let own = json!({"patterns": [r"^\*20(\d+)$"]});
    let scene = scene(world, exclusive(world, "cf_lists", own)?).await?;
    let (response, taken) = serve(&scene, "*20014155551234", &[Cue::done(5)]).await?;
    ensure!(response["Custom-Channel-Vars"]["CallFlow-ID"] == "cf_lists", "{response}");
    let words = taken.words();
    ensure!(words[1].contains("+14155550201") && words[2].contains("Entry One"), "{words:#?}");
    ensure!(words[3].contains("+14155551234"), "{words:#?}");
    scene.end().await
}

/// KAZOO's module dies of the expression, in silence; here the entry is refused, aloud.
async fn an_exclusive_number_has_what_we_do_better(world: &World) -> Result<()> {
    let own = json!({"numbers": ["2026"]});
    let scene = scene(world, exclusive(world, "cf_manual_badregex", own)?).await?;
    let cues: Vec<_> = std::iter::once(Cue::done(2))
        .chain(Cue::keys(3, "1234"))
        .chain((5..8).map(Cue::done))
        .collect();
    let (_, taken) = serve(&scene, "2026", &cues).await?;
    let words = taken.words();
    ensure!(words.iter().any(|it| it.contains("dynamic-cid-invalid_using_default")), "{words:#?}");
    ensure!(taken.resume.is_some(), "{words:#?}");
    scene.end().await
}

/// Callflow answers for it, too, so it must not matter who wins.
async fn a_number_that_is_shared_as_well_is_shared(world: &World) -> Result<()> {
    let mut callflow = exclusive(world, "cf_manual_badregex", json!({"numbers": ["2026"]}))?;
    callflow["numbers"] = json!(["2026"]);
    let scene = scene(world, callflow).await?;
    let mut call = dial(&scene, "2026").await?;
    call.is_ignored().await?;
    call.close().await?;
    ensure!(scene.worker.said("not_opted_in"), "{}", scene.worker.last_lines());
    scene.end().await
}

async fn a_number_that_no_match_takes_is_not_exclusive(world: &World) -> Result<()> {
    let callflow = exclusive(world, "cf_static_nocg", json!({"numbers": ["2055"]}))?;
    let account = world.kazoo_4_3.account.with([callflow]);
    world.load(&account).await?;
    let scene = Scene::with(world, account, Worker::start_for_routes(world).await?).await?;
    let mut call = dial(&scene, "2055").await?;
    call.is_ignored().await?;
    call.close().await?;
    ensure!(scene.worker.said("no_match_answers"), "{}", scene.worker.last_lines());
    scene.end().await
}

async fn an_exclusive_number_that_is_removed_is_removed(world: &World) -> Result<()> {
    let own = json!({"numbers": ["2055"]});
    let scene = scene(world, exclusive(world, "cf_static_nocg", own)?).await?;
    let (_, taken) = serve(&scene, "2055", &[]).await?;
    ensure!(taken.resume.is_some(), "{:#?}", taken.words());
    let without = exclusive(world, "cf_static_nocg", json!({}))?;
    world.couch.put(&scene.account.database(), &without).await?;
    let database = scene.account.database();
    scene.kazoo.document_changed(&database, "callflow", "cf_static_nocg").await?;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let mut call = dial(&scene, "2055").await?;
    call.is_ignored().await?;
    call.close().await?;
    scene.end().await
}

/// KAZOO merges the endpoint once more when it takes a call back, and dies of such shapes: the
/// caller would hear nothing any more.
async fn a_call_that_kazoo_would_die_of_ends_with_a_spoken_word(world: &World) -> Result<()> {
    let own = json!({"numbers": ["2998"]});
    for (member, value) in [("caller_id", json!("x")), ("call_restriction", json!("deny"))] {
        let callflow = exclusive(world, "cf_static_nocg", own.clone())?;
        let mut device = world.kazoo_4_3.account.document("dev1").context("no device")?.clone();
        device[member] = value;
        let scene = scene_of(world, [callflow, device]).await?;
        let (_, taken) = serve(&scene, "2998", &[]).await?;
        super::bad_input::ends_with_a_spoken_word(&taken).context(member)?;
        scene.worker.says("of which KAZOO dies").await?;
        scene.end().await?;
    }
    Ok(())
}
