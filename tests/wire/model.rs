//! The model of KAZOO against what was recorded on a living one.

use anyhow::{Context as _, Result, ensure};
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};

use crate::executor::{Executor, Pause};
use crate::harness::{World, tests};
use crate::replay::{self, Course};
use crate::term::Told;
use crate::transcript::{self, Offnet, Seen, Transcript};

tests![
    the_summaries_say_what_the_messages_say,
    the_calls_we_build_are_those_kazoo_had,
    the_model_goes_on_from_each_recorded_answer_as_kazoo_did,
    the_models_own_module_does_what_kazoos_did,
];

/// The summaries were written by the recording side; everything else here reads the messages.
async fn the_summaries_say_what_the_messages_say(world: &World) -> Result<()> {
    for transcript in &world.transcripts {
        let summary = &transcript.summary;
        let probes = summary["probe"].as_array().into_iter().flatten();
        let probes: Vec<_> = probes.filter_map(Value::as_object).map(Seen::of).collect();
        ensure!(probes == transcript.probes(), "{}", transcript.name);
        let dialled = |offnet: &Offnet| json!(offnet.to_did);
        let last = transcript.offnets().last().map_or(Value::Null, dialled);
        ensure!(last == summary["offnet"]["To-DID"], "{}", transcript.name);
    }
    Ok(())
}

/// What the action, and the nodes after it, change in a call.
const CHANGED: [&str; 9] = [
    "Callee-ID-Number",
    "Caller-ID-Name",
    "Caller-ID-Number",
    "Controller-Queue",
    "Key-Value-Store",
    "Request",
    "Request-User",
    "To",
    "To-User",
];

async fn the_calls_we_build_are_those_kazoo_had(world: &World) -> Result<()> {
    let (mut same, mut alike) = (0, 0);
    for transcript in &world.transcripts {
        let built = world.account.call(transcript).with_context(|| transcript.name.clone())?;
        for recorded in transcript.executes("dynamic_cid") {
            let recorded = without(recorded, &["Controller-Queue"]);
            ensure!(built == recorded, difference(transcript, &recorded, &built));
            same += 1;
        }
        for recorded in transcript.executes("probe") {
            let (recorded, built) = (without(recorded, &CHANGED), without(&built, &CHANGED));
            ensure!(built == recorded, difference(transcript, &recorded, &built));
            alike += 1;
        }
    }
    println!("        {same} calls are the same, {alike} but for what the action changes");
    ensure!(same > 15 && alike > 50);
    Ok(())
}

fn without(call: &Object, keys: &[&str]) -> Object {
    let kept = call.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn difference(transcript: &Transcript, recorded: &Object, built: &Object) -> String {
    let keys = recorded.keys().chain(built.keys());
    let differing = keys.filter(|key| recorded.get(*key) != built.get(*key));
    let lines = differing
        .map(|key| format!("{key}: KAZOO {:?}, here {:?}", recorded.get(key), built.get(key)));
    format!("{}: {}", transcript.name, lines.collect::<Vec<_>>().join("\n"))
}

async fn the_model_goes_on_from_each_recorded_answer_as_kazoo_did(world: &World) -> Result<()> {
    for transcript in world.transcripts.iter().filter(|it| it.name.starts_with("remote_")) {
        let call = world.account.call(transcript)?;
        let mut executor = Executor::new(&world.account, call.clone());
        let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no flow")?;
        ensure!(matches!(executor.start(flow), Pause::Remote(_)), "{}", transcript.name);
        // Some recordings have no answer: nobody was there, or the caller hung up.
        if let Some(answer) = transcript.answers().first() {
            ensure!(executor.told(&Told::read(answer)) == Pause::Ended, "{}", transcript.name);
        }
        compare(transcript, executor)?;
    }
    Ok(())
}

async fn the_models_own_module_does_what_kazoos_did(world: &World) -> Result<()> {
    let mut compared = 0;
    for transcript in &world.transcripts {
        let call = world.account.call(transcript)?;
        let mut executor = Executor::new(&world.account, call.clone());
        let flow = call["Key-Value-Store"]["cf_flow_id"].as_str().context("no flow")?;
        let data: &Value = &world.account.document(flow).context("no flow")?["flow"]["data"];
        // Nobody presses keys in the model.
        let manual = !["static", "list", "lists"].contains(&data["action"].as_str().unwrap_or(""))
            || transcript.name == "lists_nocg_manual";
        if manual || transcript.name.starts_with("remote_") {
            continue;
        }
        ensure!(executor.start(flow) == Pause::Ended, "{}", transcript.name);
        compare(transcript, executor)?;
        compared += 1;
    }
    println!("        {compared} calls");
    ensure!(compared > 40);
    Ok(())
}

fn compare(transcript: &Transcript, executor: Executor<'_>) -> Result<()> {
    let came = Course {
        commands: executor.commands.iter().map(transcript::bare).collect(),
        seen: executor.seen,
        offnets: executor.offnets,
        ..Course::default()
    };
    let differences = replay::differences(&replay::recorded(transcript), &came);
    ensure!(differences.is_empty(), "{}: {}", transcript.name, differences.join("\n"));
    Ok(())
}
