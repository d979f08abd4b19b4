//! Every call KAZOO 4.3 was recorded with, through the route seam.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use kazoo_dynamic_cid::directory::Directory;
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};

use super::replay::{self, Replayed};
use super::simulated;
use super::switchboard::{RecordedCall, Switchboard};
use crate::account::Account;
use crate::events::CALL;
use crate::harness::{World, tests};
use crate::line::Until;
use crate::replay::Course;
use crate::scene::Scene;
use crate::transcript::Transcript;
use crate::worker::Worker;

tests![every_call_of_kazoo_4_3_ends_as_with_kazoo, calls_that_are_not_ours_are_left_to_callflow,];

/// How many calls are up at once.
const AT_ONCE: usize = 4;

/// Recorded with another root than `dynamic_cid`, or with a node that is passed over.
fn is_left_to_callflow(name: &str) -> bool {
    name.starts_with("native_call_") || name == "static_skip" || name == PREFLOW
}

/// Recorded with a flow before the flow.
const PREFLOW: &str = "native_preflow";

/// Calls that end while KAZOO's executor comes to its own end: it sends one more, needless hangup.
const HUNG_UP_TWICE: [&str; 2] = ["manual_hangup_prompt", "native_restricted_lists"];

/// An account whose calls the worker takes.
pub(crate) fn opted_in(account: &Account) -> Account {
    let worker = json!({"worker": {"route_accounts": [account.id()]}});
    account.with_configuration("callflow.dynamic_cid", &worker)
}

async fn every_call_of_kazoo_4_3_ends_as_with_kazoo(world: &World) -> Result<()> {
    let account = opted_in(&world.kazoo_4_3.account);
    world.load(&account).await?;
    let scene = Scene::with(world, account, Worker::start_for_routes(world).await?).await?;
    let directory = simulated::directory(&scene)?;
    let mut replays = Vec::new();
    for transcript in &world.kazoo_4_3.transcripts {
        if !is_left_to_callflow(&transcript.name) {
            let outcome = one(&scene, &directory, transcript);
            replays.push(outcome.map(|outcome| (transcript.name.as_str(), outcome)).boxed());
        }
    }
    let mut outcomes: Vec<_> = stream::iter(replays).buffer_unordered(AT_ONCE).collect().await;
    outcomes.sort_by_key(|(name, _)| *name);
    let mut wrong = Vec::new();
    for (name, outcome) in &outcomes {
        match outcome {
            Ok(simulated) => {
                world.count("recorded calls of KAZOO 4.3 replayed");
                if *simulated {
                    world.count("of them simulated with the same result");
                }
            }
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
    ensure!(outcomes.len() > 70, "only {} calls", outcomes.len());
    let simulated = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Ok(true))).count();
    ensure!(simulated > 30, "only {simulated} simulated");
    scene.end().await
}

/// Whether the call could be simulated, too.
async fn one(scene: &Scene<'_>, directory: &Directory, transcript: &Transcript) -> Result<bool> {
    let until = Until::Silent(Duration::from_millis(500));
    let replayed = replay::run(scene, transcript, &transcript.cues(), until).await?;
    same_response(transcript, &replayed)?;
    let differences = crate::replay::differences(&expected(transcript), &replayed.course);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    if let (Some(recorded), Some(resumed)) = (transcript.probed().first(), replayed.call()) {
        same_call(transcript, recorded, resumed)?;
        // KAZOO obeys whoever controls the call, and the worker hears what becomes of it.
        ensure!(resumed["Control-Queue"] == replayed.control_queue, "{resumed:?}");
        let worker = &replayed.taken.commands.first().context("no command")?["Server-ID"];
        ensure!(worker.is_string() && resumed["Controller-Queue"] == *worker, "{resumed:?}");
    }
    simulated::agrees(directory, transcript.route_request()?, &replayed).await
}

/// What was recorded, but for what only KAZOO's own executor makes of it.
fn expected(transcript: &Transcript) -> Course {
    let mut course = crate::replay::recorded(transcript);
    let commands = &mut course.commands;
    if transcript.name.ends_with("_race") {
        // The hangup overtook the prompt, which nobody heard.
        commands.swap(1, 2);
    }
    if HUNG_UP_TWICE.contains(&transcript.name.as_str()) {
        commands.pop();
    }
    // Callflow starts the recording when it takes the call, as it does when it wins one.
    commands.retain(|command| command["Application-Name"] != "record_call");
    course
}

/// Headers that differ from sender to sender and from call to call.
const HEADERS: [&str; 5] = ["App-Name", "App-Version", "Msg-ID", "Node", "Server-ID"];

fn same_response(transcript: &Transcript, replayed: &Replayed) -> Result<()> {
    let recorded = transcript.route_response().context("callflow did not answer")?;
    let came = replayed.response.as_object().context("no object")?;
    let asked = |key: &str| transcript.route_request().ok()?.get(key)?.as_str();
    let (fetch, call) = (asked("Fetch-ID"), asked("Call-ID"));
    let bare = |response: &Object, fetch: Option<&str>, call: Option<&str>| {
        let members = response.iter().filter(|(key, _)| !HEADERS.contains(&key.as_str()));
        let members = members.map(|(key, value)| (key.clone(), value.clone())).collect();
        crate::events::fill_in(&Value::Object(members), &|text| match Some(text) {
            text if text == fetch => "$FETCH".to_owned(),
            text if text == call => CALL.to_owned(),
            _ => text.to_owned(),
        })
    };
    let ours = |key: &str| came.get(key).and_then(Value::as_str);
    let fetch_id = came["Custom-Channel-Vars"]["Fetch-ID"].as_str();
    ensure!(ours("Msg-ID") == fetch_id, "the answer is to another request: {came:?}");
    let (recorded, came) =
        (bare(recorded, fetch, call), bare(came, fetch_id, ours("System-Log-ID")));
    ensure!(came == recorded, "the answer is\n{came}, with KAZOO\n{recorded}");
    Ok(())
}

/// What differs on purpose: `docs/route-seam.md` says why.
const DIFFERENT: [&str; 6] =
    ["App-Name", "App-Version", "Context", "Control-Queue", "Controller-Queue", "Key-Value-Store"];

/// What callflow adds when it starts a recording, after the resume.
const RECORDING: [&str; 2] = ["Is-Recording", "recording_follow_transfer"];

/// The call as it is handed back is the one KAZOO's next node saw.
fn same_call(transcript: &Transcript, recorded: &Object, resumed: &Object) -> Result<()> {
    let ids = [&transcript.call_id, recorded["Fetch-ID"].as_str().unwrap_or_default()];
    let came = [
        resumed["Call-ID"].as_str().unwrap_or_default(),
        resumed["Fetch-ID"].as_str().unwrap_or_default(),
    ];
    let with = |call: &Object, ids: [&str; 2]| {
        let call = crate::events::fill_in(&Value::Object(call.clone()), &|text| {
            ids.iter().position(|id| *id == text).map_or(text.to_owned(), |at| format!("$ID{at}"))
        });
        call.as_object().cloned().unwrap_or_default()
    };
    let (recorded, resumed) = (with(recorded, ids), with(resumed, came));
    let is_recorded = transcript.name == "native_recording";
    let mut wrong = Vec::new();
    let keys = recorded.keys().chain(resumed.keys().filter(|key| !recorded.contains_key(*key)));
    for key in keys.filter(|key| !DIFFERENT.contains(&key.as_str())) {
        let (one, other) = (recorded.get(key), resumed.get(key));
        if one != other && !(is_recorded && RECORDING.contains(&key.as_str())) {
            wrong.push(format!("{key}: KAZOO {one:?}, here {other:?}"));
        }
    }
    wrong.extend(different_store(
        recorded["Key-Value-Store"].as_object().context("no store")?,
        resumed["Key-Value-Store"].as_object().context("no store")?,
        &recorded["Caller-ID-Number"],
    ));
    ensure!(wrong.is_empty(), "the resumed call: {}", wrong.join("\n"));
    Ok(())
}

/// The store is the same but for the flow, which callflow sets itself, and the number, which KAZOO
/// keeps in a form that has no JSON.
fn different_store(recorded: &Object, resumed: &Object, number: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let keys = recorded.keys().chain(resumed.keys().filter(|key| !recorded.contains_key(*key)));
    for key in keys {
        let (one, other) = (recorded.get(key), resumed.get(key));
        let fine = match key.as_str() {
            "cf_flow" => other.is_none(),
            // The pair does not show in JSON; its number is the call's.
            "dynamic_cid" => other == one.or(Some(number)),
            key if RECORDING.contains(&key) => true,
            _ => one == other,
        };
        if !fine {
            wrong.push(format!("in the store, {key}: KAZOO {one:?}, here {other:?}"));
        }
    }
    wrong
}

async fn calls_that_are_not_ours_are_left_to_callflow(world: &World) -> Result<()> {
    let recordings = &world.kazoo_4_3;
    let account = opted_in(&recordings.account);
    world.load(&account).await?;
    let mut scene = Scene::with(world, account, Worker::start_for_routes(world).await?).await?;
    for transcript in recordings.transcripts.iter().filter(|it| is_left_to_callflow(&it.name)) {
        if transcript.name == PREFLOW {
            let mut document = scene.account.document(scene.account.id()).cloned();
            let document = document.as_mut().context("no account")?;
            document["preflow"] = json!({"always": "cf_preflow"});
            scene.account = scene.account.with([document.clone()]);
            world.load(&scene.account).await?;
            let (database, id) = (scene.account.database(), scene.account.id().to_owned());
            scene.kazoo.document_changed(&database, "account", &id).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut switchboard =
            Switchboard::open(&scene.kazoo, RecordedCall::of(transcript)?).await?;
        switchboard.is_ignored().await.with_context(|| transcript.name.clone())?;
        switchboard.close().await?;
        world.count("recorded calls of KAZOO 4.3 left to callflow");
    }
    if !scene.worker.said("preflow") {
        bail!("not a word of the preflow:\n{}", scene.worker.last_lines());
    }
    scene.end().await
}
