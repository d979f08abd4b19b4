//! Every call KAZOO's own module was recorded with, as if its node were remote.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use kazoo_dynamic_cid::dynamic_cid::Preset;
use serde_json::{Value, json};

use crate::events::Cue;
use crate::harness::{World, tests};
use crate::line::{Control, Until};
use crate::replay::{self, Course, Play};
use crate::scene::Scene;
use crate::transcript::Transcript;

tests![
    with_the_preset_kazoo_every_call_ends_as_with_kazoo,
    with_the_preset_recommended_two_calls_end_otherwise_and_better,
];

/// How many calls are up at once.
const AT_ONCE: usize = 8;

/// Calls that nobody answers: the caller hung up, was refused, or the switch fell silent.
const UNANSWERED: [&str; 4] =
    ["lists_permit_restricted", "manual_first_noop_never", "manual_hangup", "manual_hangup_prompt"];

/// Calls that the preset `recommended` decides on purpose otherwise.
const OTHERWISE: [&str; 2] = ["idx_name", "manual_badregex"];

async fn with_the_preset_kazoo_every_call_ends_as_with_kazoo(world: &World) -> Result<()> {
    let courses = replay_all(world, Preset::Kazoo).await?;
    let mut wrong = Vec::new();
    for (transcript, course) in &courses {
        let differences = match course {
            Ok(course) => replay::differences(&expected(transcript), course),
            Err(error) => vec![format!("{error:#}")],
        };
        if differences.is_empty() {
            world.count("recorded calls of KAZOO's own module replayed");
        } else {
            wrong.push(format!("{}: {}", transcript.name, differences.join("\n")));
        }
    }
    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), courses.len(), wrong.join("\n"));
    Ok(())
}

async fn with_the_preset_recommended_two_calls_end_otherwise_and_better(
    world: &World,
) -> Result<()> {
    let courses = replay_all(world, Preset::Recommended).await?;
    let mut wrong = Vec::new();
    for (transcript, course) in &courses {
        let name = transcript.name.as_str();
        let course = course.as_ref().map_err(|error| anyhow::anyhow!("{name}: {error:#}"))?;
        let differences = replay::differences(&expected(transcript), course);
        match (OTHERWISE.contains(&name), differences.is_empty()) {
            (true, false) => better(name, course).with_context(|| name.to_owned())?,
            (false, true) => {}
            (true, true) => wrong.push(format!("{name} does not differ from KAZOO")),
            (false, false) => wrong.push(format!("{name}: {}", differences.join("\n"))),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What was recorded. After digits our answer is a static node, which also sets the name that the
/// call has anyway; KAZOO's own module sets the number only.
fn expected(transcript: &Transcript) -> Course {
    let mut course = replay::recorded(transcript);
    let asked = course
        .commands
        .first()
        .is_some_and(|command| command["Commands"][1]["Media-Name"] == "silence_stream://100");
    let number = |command: &Value| command["Custom-Channel-Vars"].get("Caller-ID-Number").is_some();
    if let Some(position) = course.commands.iter().position(number).filter(|_| asked) {
        let mut name = course.commands[position].clone();
        name["Custom-Channel-Vars"] =
            json!({"Caller-ID-Name": "Caller Name", "Privacy-Hide-Name": false});
        course.commands.insert(position + 1, name);
    }
    course
}

/// What we make of the calls that KAZOO's module fails.
fn better(name: &str, course: &Course) -> Result<()> {
    let words: Vec<_> = course.commands.iter().map(crate::transcript::in_words).collect();
    if name == "idx_name" {
        // KAZOO takes a filled named group for an error. The entry it names is found; that its
        // destination has a callflow of its own, which the node does not permit, is another thing.
        ensure!(words[0].contains("+14155550201"), "{words:#?}");
        ensure!(words[1].contains("Entry One"), "{words:#?}");
        ensure!(words[2].contains("+14158867900"), "{words:#?}");
        ensure!(words[3].contains("disa-invalid_extension"), "{words:#?}");
    } else {
        // KAZOO's module dies of the expression, in silence. The entry is refused, aloud.
        ensure!(words[3].contains("dynamic-cid-invalid_using_default"), "{words:#?}");
        ensure!(course.seen.len() == 1 && course.seen[0].caller_number == "+14155559999");
        ensure!(course.offnets.len() == 1 && course.offnets[0].to_did == "2026");
    }
    Ok(())
}

/// Replays every call, several at a time, with a worker of this preset.
async fn replay_all(world: &World, preset: Preset) -> Result<Vec<(&Transcript, Result<Course>)>> {
    let account = world.account.all_remote().with_preset(preset);
    let scene = Scene::set(world, account).await?;
    let mut replays = Vec::new();
    for transcript in world.transcripts.iter().filter(|it| !it.name.starts_with("remote_")) {
        let replay = replay_one(&scene, transcript, preset);
        replays.push(replay.map(move |course| (transcript, course)).boxed());
    }
    let mut courses: Vec<_> = stream::iter(replays).buffer_unordered(AT_ONCE).collect().await;
    courses.sort_by_key(|(transcript, _)| &transcript.name);
    ensure!(courses.len() > 60, "only {} calls", courses.len());
    scene.end().await?;
    Ok(courses)
}

async fn replay_one(scene: &Scene<'_>, transcript: &Transcript, preset: Preset) -> Result<Course> {
    let call = scene.account.call(transcript)?;
    let name = transcript.name.as_str();
    let until = if UNANSWERED.contains(&name) {
        Until::Silent(Duration::from_millis(500))
    } else {
        Until::Answered
    };
    let cues = match (name, preset) {
        // KAZOO's module got to one command only; what we play further on ends, too.
        ("idx_name", Preset::Recommended) => vec![Cue::done(4)],
        _ => transcript.cues(),
    };
    // Both ways to say the same are used: ecallmgr of master and 5 and a queue per call for
    // commands; errors among the call's events, where ecallmgr publishes them, and to the sender
    // of the command, as the recording side did.
    let (control, targeted) = match preset {
        Preset::Kazoo => (Control::Process, false),
        Preset::Recommended => (Control::Plain, true),
    };
    let is_error = |cue: &Cue| cue.event["Event-Category"] == "error";
    let cues: Vec<_> =
        cues.into_iter().map(|cue| Cue { targeted: targeted && is_error(&cue), ..cue }).collect();
    let play = Play { cues: &cues, until, control };
    let course = replay::run(&scene.kazoo, &scene.account, &call, play).await?;
    // A node with `skip_module` is not executed at all.
    let told = course.served.iter().any(|served| served.told.is_some());
    ensure!(
        course.served.is_empty() || told != UNANSWERED.contains(&name),
        "{}answered",
        if told { "" } else { "not " }
    );
    Ok(course)
}
