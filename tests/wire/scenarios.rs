//! Every call KAZOO's own module was recorded with, as if its node were remote.

use anyhow::{Context as _, Result, ensure};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use kazoo_dynamic_cid::dynamic_cid::Preset;

use crate::account::Account;
use crate::events::Cue;
use crate::harness::{World, tests};
use crate::kazoo::{Kazoo, WORK};
use crate::line::{Control, Until};
use crate::replay::{self, Course, Play};
use crate::transcript::Transcript;
use crate::worker::Worker;

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
    let account = world.account.all_remote().with_preset(Preset::Kazoo);
    let courses = replay_all(world, &account, Control::Process).await?;
    let mut wrong = Vec::new();
    for (transcript, course) in &courses {
        let differences = match course {
            Ok(course) => replay::differences(&replay::recorded(transcript), course),
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
    let account = world.account.all_remote();
    let courses = replay_all(world, &account, Control::Plain).await?;
    let mut wrong = Vec::new();
    for (transcript, course) in &courses {
        let name = transcript.name.as_str();
        let course = course.as_ref().map_err(|error| anyhow::anyhow!("{name}: {error:#}"))?;
        let differences = replay::differences(&replay::recorded(transcript), course);
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

async fn replay_all<'a>(
    world: &'a World,
    account: &Account,
    control: Control,
) -> Result<Vec<(&'a Transcript, Result<Course>)>> {
    world.load(account).await?;
    let worker = Worker::start(world).await?;
    let kazoo = Kazoo::connect(&world.servers.amqp).await?;
    let mut replays = Vec::new();
    for transcript in world.transcripts.iter().filter(|it| !it.name.starts_with("remote_")) {
        let replay = replay_one(&kazoo, account, transcript, control);
        replays.push(replay.map(move |course| (transcript, course)).boxed());
    }
    let mut courses: Vec<_> = stream::iter(replays).buffer_unordered(AT_ONCE).collect().await;
    courses.sort_by_key(|(transcript, _)| &transcript.name);
    ensure!(courses.len() > 60, "only {} calls", courses.len());
    worker.idle().await?;
    let log = worker.last_lines();
    let status = worker.stop().await?;
    ensure!(status.success(), "the worker ended with {status}:\n{log}");
    let left = kazoo.waiting(WORK).await.context("the work queue is gone")?;
    ensure!(left == 0, "{left} calls were not acknowledged");
    kazoo.close().await;
    Ok(courses)
}

async fn replay_one(
    kazoo: &Kazoo,
    account: &Account,
    transcript: &Transcript,
    control: Control,
) -> Result<Course> {
    let call = account.call(transcript)?;
    let name = transcript.name.as_str();
    let until = if UNANSWERED.contains(&name) {
        Until::Silent(std::time::Duration::from_millis(500))
    } else {
        Until::Answered
    };
    let mut cues = transcript.cues();
    // ecallmgr publishes errors among the call's events; the recording side sent one to the
    // executor. The worker takes both.
    for cue in cues.iter_mut().filter(|cue| cue.event["Event-Category"] == "error") {
        cue.targeted = control == Control::Plain;
    }
    let cues: Vec<Cue> = cues;
    let play = Play { cues: &cues, until, control };
    let course = replay::run(kazoo, account, &call, play).await?;
    let told = course.served.iter().any(|served| served.told.is_some());
    // A node with `skip_module` is not executed at all.
    ensure!(
        told != UNANSWERED.contains(&name) || course.served.is_empty(),
        "{}answered",
        if told { "" } else { "not " }
    );
    Ok(course)
}
