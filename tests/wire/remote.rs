//! The situations of the execute seam that were recorded on a living KAZOO, with our worker in the
//! place of the recording one.

use std::time::Duration;

use anyhow::{Result, ensure};
use kazoo_dynamic_cid::dynamic_cid::Preset;
use kazoo_dynamic_cid::json::Object;
use serde_json::Value;

use crate::events::{Cue, done, hung_up, key_pressed};
use crate::harness::{World, tests};
use crate::line::Until;
use crate::replay::{self, Course, Play, UNEVENTFUL};
use crate::scene::Scene;
use crate::transcript::Transcript;

tests![
    what_other_workers_were_asked_ours_answers_as_kazoos_own_module_would,
    a_named_group_gives_exactly_what_the_recorded_answer_gave,
    the_native_answers_are_the_recorded_ones,
    an_answer_at_once_is_not_accepted_first,
    a_caller_who_hangs_up_hears_nothing_more_and_nobody_is_answered,
];

fn recorded<'a>(world: &'a World, prefix: &str) -> impl Iterator<Item = &'a Transcript> {
    let prefix = prefix.to_owned();
    world.transcripts.iter().filter(move |transcript| transcript.name.starts_with(&prefix))
}

/// Recordings of what happens without a worker: none was bound, or none answered. The first cannot
/// come about any more once our shared queue exists (see `faults`).
const WITHOUT_WORKER: [&str; 2] = ["remote_silent", "remote_unavailable"];

async fn what_other_workers_were_asked_ours_answers_as_kazoos_own_module_would(
    world: &World,
) -> Result<()> {
    let scene = Scene::set(world, world.account.with_preset(Preset::Kazoo)).await?;
    let mut wrong = Vec::new();
    for transcript in recorded(world, "remote_") {
        if WITHOUT_WORKER.contains(&transcript.name.as_str()) {
            println!("        {} is not about a worker's answer", transcript.name);
            continue;
        }
        let call = scene.account.call(transcript)?;
        let (expected, came) = (scene.native(&call)?, scene.run(&call, UNEVENTFUL).await?);
        let differences = replay::differences(&expected, &came);
        if !differences.is_empty() {
            wrong.push(format!("{}: {}", transcript.name, differences.join("\n")));
        }
        world.count("recorded situations of the execute seam replayed");
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.end().await
}

async fn a_named_group_gives_exactly_what_the_recorded_answer_gave(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.clone()).await?;
    let transcript = world.transcript("remote_list_named_groups")?;
    let call = scene.account.call(transcript)?;
    let (expected, came) = (replay::recorded(transcript), scene.run(&call, UNEVENTFUL).await?);
    // The recording worker forgot the node's `_` child, ours stacks it: the same is seen twice.
    let twice = |course: Course| Course {
        seen: course.seen.iter().chain(&course.seen).cloned().collect(),
        offnets: course.offnets.iter().chain(&course.offnets).cloned().collect(),
        ..course
    };
    let differences = replay::differences(&twice(expected), &came);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    let modules: Vec<_> = came.answered_with()?.into_iter().map(|(module, _)| module).collect();
    ensure!(modules[..2] == ["dynamic_cid", "callflow"], "{modules:?}");
    scene.end().await
}

async fn the_native_answers_are_the_recorded_ones(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.clone()).await?;
    for name in ["remote_lists_native", "remote_lists_keyonly_native"] {
        let transcript = world.transcript(name)?;
        let call = scene.account.call(transcript)?;
        let came = scene.run(&call, UNEVENTFUL).await?;
        let differences = replay::differences(&replay::recorded(transcript), &came);
        ensure!(differences.is_empty(), "{name}: {}", differences.join("\n"));
        let answered = came.told()?.flow().cloned().unwrap_or_default();
        ensure!(answered == without_remote(&scene, "cf_remote_lists"), "{name}: {answered:?}");
    }
    scene.end().await
}

fn without_remote(scene: &Scene<'_>, id: &str) -> Object {
    let document = scene.account.document(id).cloned().unwrap_or_default();
    let mut node = document["flow"].as_object().cloned().unwrap_or_default();
    node.remove("remote_execution");
    node
}

async fn an_answer_at_once_is_not_accepted_first(world: &World) -> Result<()> {
    let scene = Scene::set(world, world.account.clone()).await?;
    for number in ["*504158867900", "*51014155551234", "*5101", "*52014155551234"] {
        let (line, served) = scene.serve(number, &[], Until::Answered).await?;
        ensure!(!served.accepted && served.commands.is_empty(), "{number}: {served:#?}");
        line.close().await?;
    }
    scene.end().await
}

/// `remote_hangup`, where it can happen to us: while we wait for something.
async fn a_caller_who_hangs_up_hears_nothing_more_and_nobody_is_answered(
    world: &World,
) -> Result<()> {
    let scene = Scene::set(world, world.account.all_remote()).await?;
    let cue = |after, delay, event: Value| Cue::later(after, delay, event);
    for (when, cues, commands) in [
        ("during the lead-in", vec![cue(1, 50, hung_up())], 1),
        ("during the prompt", vec![cue(1, 0, done(1)), cue(2, 50, hung_up())], 2),
        (
            "between the prompt and the first key",
            vec![cue(1, 0, done(1)), cue(2, 0, done(2)), cue(2, 50, hung_up())],
            2,
        ),
        (
            "between two keys",
            vec![cue(1, 0, done(1)), cue(2, 10, key_pressed('1')), cue(3, 50, hung_up())],
            3,
        ),
    ] {
        let silence = Until::Silent(Duration::from_millis(900));
        let (line, served) = scene.serve("2010", &cues, silence).await?;
        ensure!(served.told.is_none(), "{when}: answered {:?}", served.told);
        ensure!(served.commands.len() == commands, "{when}: {:#?}", served.commands);
        line.close().await?;
    }
    // The same through the whole model: KAZOO's executor has ended, nothing follows.
    let call = scene.call("2010")?;
    let cues = [Cue::done(1), cue(2, 20, hung_up())];
    let play = Play { cues: &cues, until: Until::Silent(Duration::from_millis(300)), ..UNEVENTFUL };
    let course = scene.run(&call, play).await?;
    ensure!(course.seen.is_empty() && course.offnets.is_empty(), "{course:#?}");
    scene.end().await
}
